"""A real browser for tests of pages: Debian's Chromium, headless, driven by Playwright."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window. Fails where Chromium is not installed: ``make setup`` does it."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if path is None:
        raise AssertionError("no Chromium: as root, apt-get install chromium (make setup does it)")
    with sync_playwright() as playwright:
        # As root, as in containers, Chromium starts without its sandbox only; pages are our own.
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


def check_access(page: Page, stage: str) -> None:
    """Fails where axe finds anything, or the page is wider than its window.

    axe comes as a script, which a page's own policy does not let in: open it with ``bypass_csp``.
    """
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
    violations = [
        (stage, one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]
    ]
    assert violations == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), stage


def tab_to(page: Page, selector: str) -> None:
    """Walks there by the Tab key; fails where that does not lead there, or does not show it."""
    for _ in range(60):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            break
        page.keyboard.press("Tab")
    else:
        raise AssertionError(f"the keyboard does not reach {selector}")
    style = page.evaluate(
        "e => getComputedStyle(e.id === 'file' ? e.nextElementSibling : e).outlineStyle",
        page.evaluate_handle("document.activeElement"),
    )
    assert style != "none", selector
