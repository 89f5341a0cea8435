"""`python -m mlreef_hooks` is `mlreef-hooks`."""

import gc
import sys

# Tens of thousands of tree entries are no garbage; looking for some among them costs a tenth.
gc.set_threshold(100_000)

if sys.argv[1:2] == ["--config"] and sys.argv[3:] == ["post-receive"]:  # as the hook calls it
    from mlreef_hooks.cli.post_receive import run_hook

    run_hook(sys.argv[2] or None)

    from mlreef_hooks.cli.worker import start_worker

    start_worker(sys.argv[2])
elif sys.argv[1:2] == ["--config"] and sys.argv[3:] == ["pre-receive"]:
    from mlreef_hooks.cli.pre_receive import run_gate

    sys.exit(run_gate(sys.argv[2] or None))
else:
    from mlreef_hooks.cli.main import main

    main()
