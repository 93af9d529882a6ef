"""A real browser for tests of pages: Debian's Chromium, headless, driven by Playwright."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

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
