"""The page in a real browser: light and dark, desk and phone, by keyboard, and through axe."""

from __future__ import annotations

import pytest

from detectors.report import to_html
from tests.browser import DESK, PHONE, chromium
from tests.detectors.report.reports import ALL, TAMPERED
from tests.detectors.report.test_page import hostile_result

# WCAG 2.2 AA and what axe calls best practice.
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    for name, results in {"one": [TAMPERED], "many": ALL, "hostile": [hostile_result()]}.items():
        (folder / f"{name}.html").write_text(to_html(results), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def show(browser, pages):
    contexts = []

    def opened(name, *, size=DESK, scheme="light"):
        context = browser.new_context(viewport=size, color_scheme=scheme)
        contexts.append(context)
        shown = context.new_page()
        shown.complaints = []
        shown.on("console", lambda message: shown.complaints.append(message.text))
        shown.on("request", lambda request: shown.complaints.append(request.url))
        shown.goto((pages / f"{name}.html").as_uri())
        # The page itself is the one request that there may be.
        del shown.complaints[:1]
        shown.complaints[:] = [one for one in shown.complaints if not one.startswith("data:image")]
        return shown

    yield opened
    for context in contexts:
        context.close()


@pytest.mark.parametrize(
    ("name", "size", "scheme"),
    [
        ("one", DESK, "light"),
        ("one", DESK, "dark"),
        ("one", PHONE, "light"),
        ("one", PHONE, "dark"),
        ("many", DESK, "dark"),
        ("many", PHONE, "light"),
        ("hostile", PHONE, "light"),
    ],
)
def test_pages_hold_together(show, name, size, scheme):
    from axe_playwright_python.sync_playwright import Axe

    shown = show(name, size=size, scheme=scheme)
    assert shown.complaints == []
    assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
    ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) < 200) is (scheme == "dark")
    # axe comes as a script, which the page's own policy would not let in.
    shown.evaluate("document.querySelector('meta[http-equiv]').remove()")
    found = Axe().run(shown, options={"runOnly": {"type": "tag", "values": RULES}})
    violations = [
        (one["id"], one["nodes"][0]["html"][:200]) for one in found.response["violations"]
    ]
    assert violations == []


def test_axe_finds_what_is_wrong(browser):
    """The check above can fail."""
    from axe_playwright_python.sync_playwright import Axe

    with browser.new_context() as context:
        shown = context.new_page()
        shown.set_content("<p style='color:#bbb;background:#fff'>pale</p><img src='data:,'>")
        found = {one["id"] for one in Axe().run(shown).response["violations"]}
        assert {"color-contrast", "image-alt", "html-has-lang"} <= found


def test_the_keyboard_reaches_everything_and_shows_where_it_is(show):
    shown = show("one")
    reached = []
    for _ in range(30):
        shown.keyboard.press("Tab")
        where = shown.evaluate(
            "(e => [e.tagName, e.textContent.slice(0, 30), getComputedStyle(e).outlineStyle])"
            "(document.activeElement)"
        )
        if where[0] == "BODY":
            break
        reached.append(where)
    assert [one[0] for one in reached][:2] == ["A", "SUMMARY"]
    assert reached[0][1] == "Skip to the report"
    assert all(outline != "none" for *_, outline in reached)


def test_the_timeline_opens_as_a_table_by_keyboard(show):
    shown = show("one")
    summary = shown.get_by_text("Timeline as a table")
    row = shown.locator("details table").first
    assert not row.is_visible()
    summary.focus()
    shown.keyboard.press("Enter")
    assert row.is_visible()


def test_a_screen_reader_is_told_what_is_drawn(show):
    tree = show("one").locator("main").aria_snapshot()
    for said in (
        "0:02 to 0:03: no mark",
        "coloured where the mark is missing",
        "Signs of tampering",
    ):
        assert said in tree
