"""Files that are hard to read: TOML, Python, argparse, requirements; and words that bite."""

from tests.redteam.attack import Attack, files, folder
from tests.support.site import SCRIPT

_PARSER = SCRIPT.partition("    args = ")[0]
_DEEP = 100_000


def _argument(text: str) -> str:
    """An entry point with one more argument."""
    return f'{_PARSER}    parser.add_argument("--x", {text})\n    parser.parse_args()\n'


TEXTS = (
    Attack(
        name="TOML that is nested a thousand times",
        prepare=files({"mlreef.toml": "[module]\nname = " + "[" * 9000}),
        said=("mlreef.toml: this is not TOML: it is nested too deeply", "[toml-invalid]"),
    ),
    Attack(
        name="a key of ten thousand parts",
        prepare=files({"mlreef.toml": "a." * 9999 + "a = 1\n"}),
        said=("a line has more than 1000 dots", "[toml-invalid]"),
    ),
    Attack(
        name="a number of ten thousand digits",
        prepare=files({"mlreef.toml": "[module]\nname = " + "9" * 10_000}),
        said=("a number has too many digits", "[toml-invalid]"),
    ),
    Attack(
        name="TOML of a megabyte",
        prepare=files({"mlreef.toml": "# x\n" * 300_000}),
        said=("mlreef.toml", "[tree-file-too-large]"),
    ),
    Attack(
        name="parentheses for Python's parser",
        prepare=files({"upper.py": _PARSER + "x = " + "(" * _DEEP + ")" * _DEEP}),
        said=("upper.py", "[syntax-error]"),
    ),
    Attack(
        name="a name of a hundred thousand parts",
        prepare=files({"upper.py": _PARSER + "x = a" + ".a" * 100_000}),
        said=("a name has more than 200 dots", "[syntax-error]"),
    ),
    Attack(
        name="a megabyte of the shortest statements",
        prepare=files({"upper.py": _PARSER + "a\n" * 500_000}),
        said=("has more than 250000 tokens", "[syntax-error]"),
    ),
    Attack(
        name="a sum of fifty thousand texts",
        prepare=files({"upper.py": _argument("default=" + "+".join(["'a'"] * 50_000))}),
        said=("upper.py",),
    ),
    Attack(
        name="numbers that take years",
        prepare=files(
            {"upper.py": _argument("type=int, default=9**9**9**9, choices=range(10**12)")}
        ),
        said=("[argparse-value-not-static]",),
        published=True,
    ),
    Attack(
        name="a name that doubles a text forty times",
        prepare=files(
            {
                "upper.py": 'A0 = "aaaaaaaa"\n'
                + "".join(f"A{n} = A{n - 1} + A{n - 1}\n" for n in range(1, 41))
                + _argument("default=A40")
            }
        ),
        said=("[argparse-value-not-static]",),
        published=True,
    ),
    Attack(
        name="five thousand arguments",
        prepare=files({"upper.py": _PARSER + '    parser.add_argument("--input-path")\n' * 5_000}),
        said=("hint: and ", "more; mlreef-hooks check shows all of them"),
    ),
    Attack(
        name="a codec that takes the square of its length",
        prepare=files({"upper.py": "# coding: punycode\n" + SCRIPT + "a" * 500_000}),
        said=("its encoding is not read", "[syntax-error]"),
    ),
    Attack(
        name="requirements out of the tree and with passwords",
        prepare=folder("requirements-outside"),
        said=(
            "requirements.txt:1: --requirement leads out of the repository",
            "requirements.txt:2: --requirement leads out of the repository",
            "requirements.txt:3: the requirement is a local path",
            "requirements.txt:4: the editable requirement is a local path",
            "requirements.txt:5: the line holds the variable ${HTTP_AUTHORIZATION}",
            "requirements.txt:6: a URL holds a user, password or token",
            "requirements.txt:7: the option --find-links is not allowed",
            "again.txt:1: --requirement names again.txt, which would include itself",
            "requirements.txt:9: a backslash stands within the line",
        ),
    ),
    Attack(
        name="a hundred thousand requirements",
        prepare=files({"requirements.txt": "a==1\n" * 100_000}),
        said=("hint: and 1950 more",),
    ),
    Attack(
        name="a marker of ten thousand parentheses",
        prepare=files({"requirements.txt": "a==1; " + "(" * 9999 + "os_name=='x'" + ")" * 9999}),
        said=("the marker is nested too deep",),
    ),
    Attack(
        name="a line of half a megabyte",
        prepare=files({"requirements.txt": "a==1; " + "x" * 500_000}),
        said=("the line has 500006 characters",),
    ),
    Attack(
        name="words that colour, move and turn",
        prepare=folder("words"),
        said=("success: ",),
        published=True,
    ),
)
