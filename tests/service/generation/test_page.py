"""The generate page in a real browser: it plays before the clip is whole."""

from __future__ import annotations

import pytest

from tests.browser import DESK, PHONE, check_access, chromium, tab_to
from tests.service.generation.conftest import Drawing


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def show(browser):
    """``show(**how)``: a page without anything in it, by Playwright's options of contexts."""
    contexts = []

    def start(**how):
        contexts.append(browser.new_context(**({"viewport": DESK} | how)))
        contexts[-1].set_default_timeout(60_000)
        page = contexts[-1].new_page()
        page.complaints = []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        return page

    yield start
    for context in contexts:
        context.close()


@pytest.fixture
def page(show):
    return show()


def ask(page, server):
    page.goto(f"{server.url}/generate")
    page.fill("#prompt", "a red ball <b>")
    page.fill("#key", server.key)
    page.select_option("[name=model]", "helios-1.0")
    page.fill("[name=duration]", "2")
    page.select_option("[name=resolution]", "360p")
    page.click("#go")


PLAYS = "() => document.querySelector('video').buffered.length > 0"


def test_a_clip_plays_while_it_is_made_and_can_be_had_signed(drawn, page, tmp_path):
    drawing = Drawing()
    server = drawn(drawing)
    ask(page, server)
    page.wait_for_function(PLAYS)
    assert server.maker._jobs  # it is still being made
    assert page.is_hidden("#links")
    drawing.go.set()
    page.wait_for_selector("#links:not([hidden])")
    page.wait_for_function("() => Math.abs(document.querySelector('video').duration - 2) < 0.2")
    assert "generations/gen_" in page.get_attribute("#signed", "href")
    assert page.inner_text("#prompt-hash").startswith("hmac-sha256:")
    assert page.complaints == []


def test_a_cancelled_clip_is_gone_and_a_wrong_key_is_told(drawn, page):
    drawing = Drawing()
    server = drawn(drawing)
    ask(page, server)
    page.wait_for_function(PLAYS)
    page.click("#cancel")
    drawing.go.set()
    page.wait_for_function(
        "() => document.querySelector('#told-state').textContent.includes('Nothing')"
    )
    server.settle()
    assert server.stored() == []
    page.fill("#key", "ltx_wrong")
    page.click("#go")
    page.wait_for_selector("#failure:not([hidden])")
    assert "not valid" in page.inner_text("#failure")


def test_all_of_it_by_keyboard(drawn, page):
    """From the address bar to the signed file, without a mouse."""
    drawing = Drawing()
    server = drawn(drawing)
    page.goto(f"{server.url}/generate")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    tab_to(page, "#prompt")
    page.keyboard.type("a red ball")
    tab_to(page, "[name=model]")
    page.keyboard.type("helios")
    tab_to(page, "[name=resolution]")
    page.keyboard.press("ArrowUp")
    tab_to(page, "[name=duration]")
    page.keyboard.type("2")
    tab_to(page, "#key")
    page.keyboard.type(server.key)
    tab_to(page, "#go")
    page.keyboard.press("Enter")
    page.wait_for_function(PLAYS)
    tab_to(page, "#cancel")
    tab_to(page, "#video")
    drawing.go.set()
    page.wait_for_selector("#links:not([hidden])")
    tab_to(page, "#signed")
    assert page.input_value("[name=model]") == "helios-1.0"
    assert page.input_value("[name=resolution]") == "360p"
    assert page.input_value("[name=duration]") == "2"


def test_the_seconds_that_may_be_asked_for_are_those_of_the_model(drawn, page):
    server = drawn(Drawing())
    page.goto(f"{server.url}/generate")
    found = {}
    for model in ("ltx-2.3", "helios-1.0"):
        page.select_option("[name=model]", model)
        found[model] = page.get_attribute("[name=duration]", "max")
    assert found == {"ltx-2.3": "45", "helios-1.0": "600"}
    page.fill("[name=duration]", "60")
    page.select_option("[name=model]", "ltx-2.3")
    assert page.input_value("[name=duration]") == "45"
    assert page.complaints == []


def test_what_a_model_did_not_read_is_told(drawn, page):
    drawing = Drawing(unread="of a prompt")
    drawing.go.set()
    ask(page, drawn(drawing))
    page.wait_for_selector("#notes:not([hidden])")
    assert "did not read the last 11 characters" in page.inner_text("#notes")


# Colours do not hang on the size.
@pytest.mark.parametrize(("size", "scheme"), [(DESK, "light"), (PHONE, "dark")])
def test_axe_finds_nothing_at_any_stage(drawn, show, size, scheme):
    drawing = Drawing()
    server = drawn(drawing)
    page = show(viewport=size, color_scheme=scheme, bypass_csp=True)
    page.goto(f"{server.url}/generate")
    check_access(page, "start")
    page.click("#go")
    page.wait_for_selector("#failure:not([hidden])")
    check_access(page, "failure")
    ask(page, server)
    page.wait_for_function(PLAYS)
    check_access(page, "playing")
    drawing.go.set()
    page.wait_for_selector("#links:not([hidden])")
    check_access(page, "done")
