"""The generate page in a real browser: it plays before the clip is whole."""

from __future__ import annotations

import pytest

from tests.browser import DESK, chromium
from tests.service.generation.conftest import Drawing


@pytest.fixture(scope="module")
def browser():
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser):
    context = browser.new_context(viewport=DESK)
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.complaints = []
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    context.close()


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
