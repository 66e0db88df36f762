"""One Chromium for all tests of the injected scripts, which run in an isolated world as in production.

Knows how to start Chromium without root's rights and how to evaluate beside a page. Knows no script's meaning.
"""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, CDPSession, Page, Playwright, sync_playwright

from bykilt.browser.injected import playwright_selector_engine, source
from bykilt.json_types import JsonValue

T = TypeVar("T")

UNPRIVILEGED = 65534

WRAPPER = """#!/bin/sh
for argument in "$@"; do
  case "$argument" in --user-data-dir=*) chown -R {uid}:{uid} "${{argument#--user-data-dir=}}" ;; esac
done
exec setpriv --reuid={uid} --regid={uid} --clear-groups env HOME={home} {chromium} "$@"
"""


class Lab:
    """A page with the scripts beside it. Playwright's loop has its own thread and disturbs no async test."""

    def __init__(self, thread: ThreadPoolExecutor, browser: Browser) -> None:
        self._thread = thread
        self.browser = browser
        self._page: Page = self.run(lambda: browser.new_page(viewport={"width": 1000, "height": 700}))
        self._cdp: CDPSession = self.run(lambda: self._page.context.new_cdp_session(self._page))
        frame = self.run(lambda: self._cdp.send("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        self._frame: str = frame
        world = self.run(lambda: self._cdp.send("Page.createIsolatedWorld", {"frameId": frame, "worldName": "tests"}))
        self._world: int = world["executionContextId"]
        self.run_script(source())

    def run(self, work: Callable[[], T]) -> T:
        """Do something with Playwright in its thread."""
        return self._thread.submit(work).result(timeout=60)

    def show(self, html: str) -> None:
        """Replace the content of the page; its scripts run."""
        self.run(lambda: self._page.set_content(f"<!doctype html><meta charset=utf-8>{html}"))

    def ids(self, *alternatives: str, root: str = "document") -> JsonValue:
        """Return the ids of all that the selectors match, in order."""
        search = f"(list) => bykiltSelectors.queryAll({root}, list).map((element) => element.id)"
        return self.js(search, list(alternatives))

    def picked(self, *alternatives: str) -> JsonValue:
        """Return the id of the one element that an action would take; None if nothing matches."""
        return self.js("(list) => bykiltSelectors.pick(document, list)?.id ?? null", list(alternatives))

    def insert_text(self, text: str) -> None:
        """Put text where the cursor is, as an input method does."""
        self.run(lambda: self._page.keyboard.insert_text(text))

    def new_page(self) -> Page:
        """Return another page, which knows our engines; for use inside `run` only."""
        return self.browser.new_page()

    def accessibility_nodes(self) -> list[dict[str, Any]]:
        """Return the nodes of Chromium's own accessibility tree, also those that it ignores."""
        nodes: list[dict[str, Any]] = self.run(lambda: self._cdp.send("Accessibility.getFullAXTree"))["nodes"]
        return nodes

    def in_page(self, expression: str) -> JsonValue:
        """Return an expression's value, evaluated in the page's own world."""
        return self.run(lambda: self._page.evaluate(expression))  # type: ignore[no-any-return]

    def run_script(self, text: str) -> None:
        """Evaluate a whole script beside the page."""
        self._value_of("Runtime.evaluate", {"expression": text, "contextId": self._world})

    def js(self, expression: str, arg: JsonValue = None) -> JsonValue:
        """Return the JSON value of an expression beside the page; if it is a function, of its answer to `arg`.

        Raises:
            RuntimeError: It threw; the message is the script's.
        """
        call = {
            "functionDeclaration": f"function (arg) {{ const value = ({expression}\n);"
            " return typeof value === 'function' ? value(arg) : value; }",
            "arguments": [{"value": arg}],
            "executionContextId": self._world,
            "returnByValue": True,
            "awaitPromise": True,
        }
        return self._value_of("Runtime.callFunctionOn", call)

    def _value_of(self, method: str, parameters: dict[str, Any]) -> JsonValue:
        answer = self.run(lambda: self._cdp.send(method, parameters))
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"]["exception"].get("description", "?"))
        return answer["result"].get("value")  # type: ignore[no-any-return]


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """A browser and a page for the whole session."""
    home = Path(tempfile.mkdtemp(prefix="bykilt-lab-"))
    thread = ThreadPoolExecutor(max_workers=1)
    driver = thread.submit(_start_playwright).result(timeout=60)
    try:
        executable = _executable(home)
        browser = thread.submit(
            lambda: driver.chromium.launch(executable_path=executable, chromium_sandbox=True)
        ).result(timeout=60)
        try:
            yield Lab(thread, browser)
        finally:
            thread.submit(browser.close).result(timeout=60)
    finally:
        thread.submit(driver.stop).result(timeout=60)
        thread.shutdown()
        shutil.rmtree(home, ignore_errors=True)


def _start_playwright() -> Playwright:
    driver = sync_playwright().start()
    driver.selectors.register("bykilt", playwright_selector_engine(False), content_script=True)
    driver.selectors.register("bykilt-all", playwright_selector_engine(True), content_script=True)
    return driver


def _executable(home: Path) -> str:
    """Return Chromium itself, or for root a script that starts it as nobody."""
    chromium = os.environ.get("CHROME_PATH") or shutil.which("chromium") or shutil.which("google-chrome")
    assert chromium, "these tests need a Chromium on the machine"
    if os.geteuid() != 0:
        return chromium
    home.chmod(0o755)
    os.chown(home, UNPRIVILEGED, UNPRIVILEGED)
    script = home / "chromium"
    script.write_text(WRAPPER.format(uid=UNPRIVILEGED, home=shlex.quote(str(home)), chromium=shlex.quote(chromium)))
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return str(script)
