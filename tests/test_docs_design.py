"""The page about the design names every file, and its picture is one for light and dark."""

import fnmatch
import re
from xml.etree import ElementTree

from tests.support.pages import ROOT, TEXTS, table

PAGE = "docs/architecture.md"
ELSEWHERE = {"__init__.py", "__main__.py"}


def test_the_table_names_every_file() -> None:
    named = "".join(row[0] for row in table(TEXTS[PAGE], "file"))
    places = re.findall(r"\(\.\./mlreef_hooks/([^)]+)\)", named)
    patterns = [*places, *(f"{place}/*" for place in places), *re.findall(r"`(\w+_\*\.py)`", named)]
    files = [path.relative_to(ROOT / "mlreef_hooks") for path in ROOT.rglob("mlreef_hooks/**/*.py")]
    lacking = {
        str(file)
        for file in files
        if not any(fnmatch.fnmatch(str(file), each) for each in patterns)
    }
    assert lacking == ELSEWHERE


def test_the_picture_is_shown_and_chooses_its_colours() -> None:
    (picture,) = re.findall(r"!\[[^\]]+\]\((pictures/design.svg)\)", TEXTS[PAGE])
    text = (ROOT / "docs" / picture).read_text()
    root = ElementTree.fromstring(text)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for each in root.iter("{http://www.w3.org/2000/svg}rect"):
        x, y = (float(each.get(name, "0")) for name in ("x", "y"))
        assert x + float(each.attrib["width"]) <= width
        assert y + float(each.attrib["height"]) <= height
    light, dark = text.split("@media (prefers-color-scheme: dark)")
    styled = set(re.findall(r"^\.(\w+) {.*fill: #", light, re.MULTILINE)) - {"label", "note"}
    assert all(f".{name} {{" in dark for name in styled)
