"""The catalogue in a real browser: search, form, without a script, by keyboard, for everybody."""

import json
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from mlreef_hooks.catalog.update import update_catalog
from mlreef_hooks.command_line import read_pairs
from tests.index_entries import PARAMETERS
from tests.support.browser import DARK, LIGHT, NARROW, WIDE, Reader, chromium, web_server
from tests.support.catalogue import fill_index

OVERVIEW = "public/index.html"
PAGES = {
    "overview": OVERVIEW,
    "module": "public/-/module/vision--add-noise/index.html",
    "visualization": "public/-/module/vision--iris-plots/index.html",
    "hostile": "public/-/module/zoo--evil/index.html",
    "namespaces": "public/-/namespaces.html",
}
MANY = 120  # so that there are two pages
Open = Callable[..., Reader]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("catalogue")
    update_catalog(fill_index(folder / "index", MANY), folder / "site")
    with web_server(folder / "site") as found:
        yield found


@pytest.fixture
def reader(browser: Browser, address: str) -> Iterator[Open]:
    """Opens readers, whose pages must all have been without fault and asked nothing elsewhere."""
    opened: list[Reader] = []

    def open_reader(**context: Any) -> Reader:
        opened.append(Reader(browser, address, **context))
        return opened[-1]

    yield open_reader
    for each in opened:
        each.close()
        assert (each.faults, each.elsewhere) == ([], [])


def names(page: Page) -> list[str]:
    return page.locator("#modules .name span:first-child").all_inner_texts()


def status(page: Page, said: str) -> None:
    expect(page.get_by_role("status").first).to_have_text(said)


# -- search --------------------------------------------------------------------------------------


def test_search_and_filters_are_in_the_address(reader: Open) -> None:
    page = reader().open(OVERVIEW)
    total = MANY + 4
    status(page, f"1 to 100 of {total} modules")
    page.get_by_label("Search").fill("salt noise")
    expect(page).to_have_url(re.compile(r"\?q=salt\+noise$"))
    status(page, f"No of {total} modules found")
    page.get_by_label("Search").fill("")
    page.get_by_label("Kind").select_option("model")
    status(page, f"1 of {total} modules found")
    assert names(page) == ["tables/wine"]
    expect(page).to_have_url(re.compile(r"\?kind=model$"))
    page.get_by_label("Kind").select_option("")
    page.get_by_label("Input").select_option("TABULAR")
    status(page, f"2 of {total} modules found")
    page.get_by_label("Output").select_option("IMAGE")
    assert names(page) == ["vision/iris-plots"]
    page.go_back()
    status(page, f"2 of {total} modules found")
    expect(page.get_by_label("Output")).to_have_value("")
    page.go_forward()
    status(page, f"1 of {total} modules found")
    page.get_by_role("button", name="Clear").click()
    status(page, f"1 to 100 of {total} modules")
    expect(page).to_have_url(re.compile(r"index\.html$"))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=iris", ["vision/iris-plots"]),
        ("q=WINE+classifier&gpu=yes", ["tables/wine"]),
        ("tag=noise", ["vision/add-noise"]),
        ("kind=model&input=IMAGE", []),
        ("kind=%3Cscript%3E&q=%22%3E", []),
        ("q=" + "x" * 3000, []),
    ],
)
def test_an_address_opens_a_search(reader: Open, query: str, found: list[str]) -> None:
    page = reader().open(f"{OVERVIEW}?{query}")
    status(page, f"{len(found) or 'No'} of {MANY + 4} modules found")
    assert names(page) == found


def test_many_results_come_by_and_by(reader: Open) -> None:
    page = reader().open(f"{OVERVIEW}?q=many")
    status(page, f"{MANY} of {MANY + 4} modules found")
    assert len(names(page)) == 50
    page.get_by_role("button", name="Show more").click()
    assert len(names(page)) == 100
    expect(page.locator("#modules a").nth(50)).to_be_focused()
    page.get_by_role("button", name="Show more").click()
    assert len({*names(page)}) == MANY
    expect(page.locator("#more")).to_be_hidden()


def test_a_tag_of_a_module_leads_to_its_search(reader: Open) -> None:
    page = reader().open(PAGES["module"])
    page.get_by_role("link", name="noise", exact=True).click()
    status(page, f"1 of {MANY + 4} modules found")
    expect(page.get_by_label("Tag")).to_have_value("noise")


# -- the form of a module ------------------------------------------------------------------------


def job(page: Page) -> Any:
    return json.loads(page.locator("#job").inner_text())


def words(page: Page) -> list[str]:
    """The words that a shell makes of the command line."""
    return shlex.split(page.locator("#run-line").inner_text())


def test_the_form_makes_the_command_line_and_the_job(reader: Open, tmp_path: Path) -> None:
    page = reader().open(PAGES["module"])
    run = ["mlreef-hooks", "run", "vision/add-noise@1.2.0"]
    assert words(page) == [*run, "--input", "INPUT", "--output", "OUTPUT"]
    form = page.get_by_role("form", name="Parameters of a run")
    form.get_by_label("input-path").fill("my photos")
    form.get_by_label("output-path").fill("it's")
    form.get_by_label("mode").select_option("salt")
    form.get_by_label("size").fill("3\n4")
    form.get_by_label("pair").fill("1 2\n3 x")
    form.get_by_label("shuffle").select_option("false")
    expect(page.locator("#form-status")).to_have_text("Ready to run")
    assert words(page) == [
        *run, "--input", "my photos", "--output", "it's", "-p", "mode=salt", "-p", "size=[3,4]",
        "-p", 'pair=[[1,2],[3,"x"]]', "-p", "shuffle=false",
    ]  # fmt: skip
    pairs = words(page)[8::2]
    values = {"mode": "salt", "size": [3, 4], "pair": [[1, 2], [3, "x"]], "shuffle": False}
    assert read_pairs([each.to_json() for each in PARAMETERS], pairs) == (values, [])
    said = {
        "input-path": {"class": "Directory", "location": "my%20photos"},
        "mode": "salt", "size": ["3", "4"], "pair": [["1", "2"], ["3", "x"]],
        "shuffle": "--no-shuffle",
    }  # fmt: skip
    assert job(page) == said
    with page.expect_download() as download:
        page.get_by_role("button", name="Save").click()
    assert download.value.suggested_filename == "add-noise.json"
    download.value.save_as(tmp_path / "job.json")
    assert json.loads((tmp_path / "job.json").read_text()) == said
    form.get_by_label("input-path").fill("")
    expect(page.locator("#form-status")).to_have_text("1 field needs a value")
    expect(form.get_by_label("input-path")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("This is required.")).to_be_visible()


def test_a_shell_takes_hostile_values_as_they_are(reader: Open) -> None:
    page = reader().open(PAGES["hostile"])
    page.get_by_label("evil").select_option(index=2)
    assert words(page)[-1] == "evil=$(reboot) `reboot` '\""


# -- for everybody -------------------------------------------------------------------------------


@pytest.mark.parametrize("page_name", ["overview", "module", "hostile"])
def test_there_is_no_barrier(reader: Open, page_name: str) -> None:
    for scheme, width in ((LIGHT, WIDE), (DARK, WIDE), (LIGHT, NARROW)):
        viewport = {"width": width, "height": 800}
        page = reader(color_scheme=scheme, viewport=viewport).open(PAGES[page_name])
        found = Axe().run(page).response["violations"]
        assert [(each["id"], each["nodes"][0]["html"][:200]) for each in found] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("page_name", ["visualization", "namespaces"])
def test_a_narrow_screen_scrolls_one_way_only(reader: Open, page_name: str) -> None:
    page = reader(viewport={"width": NARROW, "height": 800}).open(PAGES[page_name])
    assert page.evaluate("document.documentElement.scrollWidth") <= NARROW


def test_everything_is_there_without_a_script(reader: Open) -> None:
    page = reader(java_script_enabled=False).open(OVERVIEW)
    expect(page.locator("#search")).to_be_hidden()
    assert len(names(page)) == 100
    page.get_by_role("link", name="Page 2").click()
    assert len(names(page)) == MANY + 4 - 100
    page.get_by_role("link", name="Models").click()
    assert names(page) == ["tables/wine"]
    page.get_by_role("link", name="Namespaces").click()
    page.get_by_role("link", name="vision", exact=True).click()
    assert names(page) == ["vision/add-noise", "vision/iris-plots"]
    page.get_by_role("link", name="Iris Plots").click()
    picture = page.get_by_role("img", name="Example output of Iris Plots")
    assert picture.evaluate("each => each.naturalWidth") == 200
    expect(page.locator("#use-form")).to_be_hidden()
    expect(page.locator("#run-line")).to_contain_text("mlreef-hooks run vision/iris-plots@0.1")


def test_the_keyboard_is_enough(reader: Open) -> None:
    page = reader().open(OVERVIEW)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    assert skip.evaluate("each => each.getBoundingClientRect().top") >= -40
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Search")).to_be_focused()
    outline = "each => getComputedStyle(each).outlineStyle"
    assert page.get_by_label("Search").evaluate(outline) == "solid"
    page.keyboard.type("plots")
    status(page, f"1 of {MANY + 4} modules found")
    for _ in range(7):  # four filters, the box, the button, the module
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Iris Plots")
    field = page.get_by_label("input-path")
    while not field.evaluate("each => each === document.activeElement"):
        page.keyboard.press("Tab")
    page.keyboard.type("data")
    assert words(page)[-3:] == ["data", "--output", "OUTPUT"]


# -- hostile modules -----------------------------------------------------------------------------


def test_nothing_hostile_runs_or_breaks_out(reader: Open) -> None:
    one = reader()
    for place in (
        PAGES["hostile"],
        OVERVIEW,
        f"{OVERVIEW}?q=evil",
        "public/-/namespace/zoo/index.html",
    ):
        page = one.open(place)
        if "?" in place:
            status(page, f"1 of {MANY + 4} modules found")
        assert page.evaluate("window.done") is None
        assert page.locator("script").count() == 1
        assert (
            page.locator("iframe, object, embed, style, [onerror], [onload], [style]").count() == 0
        )
        assert "\u202e" not in page.content()
        for link in page.locator("a").all():
            url = link.get_attribute("href") or ""
            assert re.match(r"(\.\./|-/|#|index\.html|https://good\.example/)", url), url


def test_hostile_texts_are_shown_as_they_were_written(reader: Open) -> None:
    page = reader().open(PAGES["hostile"])
    script = "<script>window.done = 1</script>"
    expect(page.get_by_role("heading", level=1)).to_contain_text("</title></h1>" + script)
    expect(page.get_by_role("heading", level=1)).to_contain_text("{{ 7 * 7 }}")
    assert script in page.title()
    readme = page.locator("section.readme")
    for text in (script, "[picture: pixel]", "a script", "<script>", "reversed"):
        expect(readme).to_contain_text(text)
    assert readme.locator("a").all_inner_texts() == ["good"]
    assert page.locator("img").count() == 0
    origin = page.locator(".origin")
    expect(origin).to_contain_text("javascript:window.done=1")
    assert origin.locator("a").count() == 0
