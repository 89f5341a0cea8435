"""Entry points that `init` wrote, and the scripts behind them, both whatever was pushed."""

import ast

from fuzz.harness import PART, Harness, check_findings, parts_of
from mlreef_hooks.config import Config
from mlreef_hooks.proposal.function_wrapper import write_function_wrapper
from mlreef_hooks.proposal.paths import find_paths
from mlreef_hooks.proposal.renewal import renew_wrapper
from mlreef_hooks.proposal.script import script_of
from mlreef_hooks.proposal.wrapper import write_wrapper
from mlreef_hooks.proposal.wrapper_mark import is_as_written, marked
from mlreef_hooks.validation import validate
from tests.support.trees import memory_tree

_TOML = '[module]\nkind = "model"\ninputs = ["ANY"]\noutputs = ["ANY"]\nentry_point = "entry.py"\n'


def check_wrapper(data: bytes) -> bool:
    """A wrapper and its script become findings; one that is made anew has none of them left."""
    wrapper, script = parts_of(data, 2)
    files: dict[str, str | bytes] = {
        "entry.py": wrapper,
        "turn.py": script,
        "mlreef.toml": _TOML,
        "requirements.txt": "",
    }
    found = validate(memory_tree(files), name="turn", config=Config())
    check_findings(found.problems)
    renewal = None
    if found.manifests:
        renewal = renew_wrapper("entry.py", wrapper, {"turn.py": script}.get)
    if renewal and not renewal.left:
        assert is_as_written(wrapper)
        anew = validate(
            memory_tree({**files, "entry.py": renewal.content}), name="turn", config=Config()
        )
        assert not [each for each in anew.problems if each.rule == "wrapper-outdated"]
    return found.publishable


_SCRIPT = b"""import argparse
if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="x")
    parser.add_argument("infile")
    parser.add_argument("--out-dir", help="folder")
    parser.add_argument("--size", type=int, default=1, choices=[1, 2], help="how")
    parser.add_argument("--flag", action="store_true")
    parser.add_argument("-n", "--names", nargs="+", default=["a"])
    parser.add_argument("--add", action="append")
    parser.parse_args()
"""
_FUNCTION = b'''def turn(source: str, target: str, by: float = 0.5, size=(2, 2), *, x: "int" = 3):
    """Turns.

    :param by: how much
    """
'''
_WORDS = (
    b"parser.add_argument(", b"type=", b"nargs=", b"default=", b"choices=", b"required=True",
    b'"--size"', b'"store_const"', b"SCRIPT", b"Path(__file__)", b"words += [", b"rest.append(",
    b"args.size", b"def ", b"lambda: 0", b"**options", b"from turn import ", b"*", b"\n    ", b"-1",
    b'"../turn.py"', b'"entry.py"', b"import ", b"None", b"if args.size != 2:\n", PART,
)  # fmt: skip


def _seed(source: bytes) -> bytes:
    script = script_of(ast.parse(source), "turn.py")
    write = write_function_wrapper if script.function else write_wrapper
    return marked(write(script, find_paths(script.parameters))).encode() + PART + source


HARNESSES = {"wrapper": Harness(check_wrapper, (_seed(_SCRIPT), _seed(_FUNCTION)), _WORDS)}
