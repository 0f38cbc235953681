"""A real browser for tests of pages: the Chromium of the system, without a window.

The synchronous Playwright leaves an event loop in its thread, in which `asyncio.run` of other tests
would fail. So the browser lives on a thread of its own, and a test that is marked `in_browser` runs
there.
"""

import functools
import inspect
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from attrs import define, field
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright

PEERS: Final = Path(__file__).parent / "peers"
AXE: Final = PEERS / "node_modules" / "axe-core" / "axe.min.js"
NO_BROWSER: Final = "Chromium is missing: on Debian apt-get install chromium"
NO_AXE: Final = (
    "node with npm is missing, or its packages are: on Debian apt-get install nodejs npm, "
    "then make test"
)
_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_SECONDS: Final = 900  # for a test that looks at every page, on a machine that is five times slower
_PATIENCE: Final = 60_000  # milliseconds, for one step
_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Of rules that are kept nothing is told, and the style sheet is not fetched once more for rules
# about it: that is a third of the time.
_AUDIT: Final = """(rules) => axe.run(document,
    {runOnly: rules, resultTypes: ["violations"], preload: false}).then((report) =>
    report.violations.map((rule) => `${rule.id}: ` +
        rule.nodes.slice(0, 3).map((node) => node.target.join(" ") + " " +
            [...node.any, ...node.all].map((check) => check.message).join("; ")).join(" | ")))"""


@define(slots=False)
class Chromium:
    """One browser, and the thread on which it is used."""

    _thread: ThreadPoolExecutor = field(factory=lambda: ThreadPoolExecutor(1, "chromium"))
    _playwright: Playwright | None = None
    _browser: Browser | None = None

    def run(self, call: Callable[[], None]) -> None:
        """Call a function on the thread of the browser."""
        self._thread.submit(call).result(_SECONDS)

    def start(self, path: str) -> None:
        expect.set_options(timeout=_PATIENCE)
        self._playwright = sync_playwright().start()
        # The tests run as root in CI, where the sandbox of Chromium refuses to work.
        arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
        self._browser = self._playwright.chromium.launch(executable_path=path, args=arguments)

    def stop(self) -> None:
        if self._browser:
            self._browser.close()
        if self._playwright:
            self._playwright.stop()

    @contextmanager
    def context(self, **options: Any) -> Iterator[BrowserContext]:
        """Open a browser without a memory of others; options are those of Playwright."""
        assert self._browser
        options.setdefault("timezone_id", "UTC")
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = self._browser.new_context(**options)
        context.set_default_timeout(_PATIENCE)
        try:
            yield context
        finally:
            context.close()

    @contextmanager
    def page(self, **options: Any) -> Iterator[Page]:
        """Open a page that fails the test if its script does."""
        with self.context(**options) as context:
            page = context.new_page()
            errors: list[str] = []
            page.on("pageerror", lambda error: errors.append(str(error)))
            yield page
            assert not errors


def findings(page: Page, rules: list[str] | None = None) -> list[str]:
    """Return what axe-core finds wrong with a page; by all its rules, or by some."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE.read_text())  # not as an element: the policy of the page refuses it
    violations: list[str] = page.evaluate(_AUDIT, rules or _RULES)
    return violations


def in_browser(test: Callable[..., None]) -> Callable[..., None]:
    """Let a test, whose first argument is `chromium`, run on the thread of the browser."""

    @functools.wraps(test)
    def run(chromium: Chromium, **arguments: Any) -> None:
        chromium.run(lambda: test(chromium, **arguments))

    assert next(iter(inspect.signature(test).parameters)) == "chromium"
    return run


def started_chromium() -> Iterator[Chromium]:
    """Run Chromium, for a fixture."""
    path = next(filter(None, map(shutil.which, _NAMES)), None)
    if path is None:
        pytest.skip(NO_BROWSER)
    if not AXE.exists():
        pytest.skip(NO_AXE)
    chromium = Chromium()
    chromium.run(lambda: chromium.start(path))
    yield chromium
    chromium.run(chromium.stop)
