"""One harness under atheris, which ends the process: `python -m fuzz.run_one NAME -OPTIONS`."""

import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["mlreef_hooks", "packaging", "installer", "tomllib", "html.parser", "configparser"]
):
    from fuzz.table import HARNESSES

harness = HARNESSES[sys.argv[1]]
corpus = Path(sys.argv[-1])
for number, seed in enumerate(harness.seeds):
    (corpus / f"seed-{number}").write_bytes(seed)
atheris.Setup([sys.argv[0], *sys.argv[2:]], harness.check)
atheris.Fuzz()
