"""A browser without a window, and a web server for a folder of files, both on this machine."""

import functools
import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.processes import find_program

LIGHT, DARK = "light", "dark"
WIDE, NARROW = 1200, 320  # pixels; 320 is that of WCAG 2.2, 1.4.10
# Chromium has no sandbox as root; what it loads here are our own pages on this machine.
_OPTIONS = ("--no-sandbox", "--disable-background-networking")


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    """The address of a web server for the files of a folder."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        program = find_program("chromium")
        browser = playwright.chromium.launch(executable_path=program, args=[*_OPTIONS])
        yield browser
        browser.close()


class Reader:
    """Somebody who reads pages at `address`; what went wrong in them is in `faults`, and what they
    asked of other places in `elsewhere`.
    """

    def __init__(self, browser: Browser, address: str, **context: Any) -> None:
        """`context` are options of a Playwright context, such as `color_scheme`."""
        self.address = address
        self.faults: list[str] = []
        self.elsewhere: list[str] = []
        self._context = browser.new_context(accept_downloads=True, **context)
        self._context.set_default_timeout(20_000)
        self.page: Page = self._context.new_page()
        self.page.on("console", lambda said: self._hear(said.type, said.text))
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("dialog", lambda dialog: self._hear("error", f"dialog {dialog.message}"))
        self.page.on("request", lambda request: self._look(request.url))

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.faults.append(text)

    def _look(self, url: str) -> None:
        if not url.startswith((self.address + "/", "blob:")):
            self.elsewhere.append(url)

    def open(self, place: str) -> Page:
        """The page at a place, loaded."""
        self.page.goto(f"{self.address}/{place}", wait_until="load")
        return self.page

    def close(self) -> None:
        """Forget everything."""
        self._context.close()
