"""The public page in a real browser, over a real service: by mouse, by keyboard, through axe."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import httpx
import pytest

from detectors.receipt import read_receipt
from provenance.trust import TrustSettings
from service.database import open_database
from service.feedback import Feedback
from tests.browser import DESK, PHONE, check_access, tab_to

WAIT_MS = 60_000


@pytest.fixture
def show(browser, site):
    contexts = []

    def opened(*, size=DESK, scheme="light", **more):
        context = browser.new_context(viewport=size, color_scheme=scheme, **more)
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.hosts, page.complaints = set(), []
        page.on("request", lambda request: page.hosts.add(request.url.split("/")[2]))
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.goto(site.url)
        return page

    yield opened
    for context in contexts:
        context.close()


def send(page, path):
    page.set_input_files("#file", path)
    page.wait_for_selector("#result:not([hidden]), #failure:not([hidden])")


def text(page, selector):
    return page.inner_text(selector)


def test_a_marked_file_gets_its_verdict_timeline_and_receipt(show, uploads, studio, site):
    page = show()
    send(page, uploads["marked"])
    result = text(page, "#result")
    assert "Made with AI" in text(page, "#report .verdict .name")
    for said in ("LTX Video 2.3", "Timeline", "Credentials", "What was checked, and what was not"):
        assert said in result
    # Its name is on the page, and was never sent; what the prompt was is no visitor's business.
    assert text(page, "#report h1") == "signed.mp4"
    assert studio.prompt_hash.rpartition(":")[2][:6] not in result
    assert text(page, "#status") == "Done. Made with AI."
    focused = page.evaluate("document.activeElement.textContent")
    assert focused == "signed.mp4"
    with page.expect_download() as download:
        page.click("text=Download signed receipt")
    assert download.value.suggested_filename == "signed.receipt.jws"
    receipt = read_receipt(download.value.path().read_text(), TrustSettings())
    assert receipt.time.date() == datetime.now(UTC).date()
    assert receipt.result["verdict"] == "ai_generated"
    assert receipt.result["watermark"]["prompt_hash_prefix"] is None
    with page.expect_download() as download:
        page.click("text=Download report")
    report = download.value.path().read_text()
    assert report.startswith("<!doctype html>")
    assert "Made with AI" in report
    assert page.complaints == []
    assert page.hosts == {site.url.split("/")[2]}
    assert page.context.cookies() == []
    # Zero retention: the result is there, the file is not.
    assert list((site.folder / "uploads").iterdir()) == []


def test_an_unmarked_file_is_never_called_real(show, uploads):
    page = show(size=PHONE, scheme="dark")
    send(page, uploads["plain"])
    assert "No evidence of AI" in text(page, "#report .verdict .name")
    assert "does not show that a camera took it" in text(page, "#report .verdict")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("hostile", "not a video or sound file that can be checked. It was not opened"),
        ("empty", "The file is empty"),
    ],
)
def test_what_is_no_video_is_said_plainly(show, uploads, name, said):
    page = show()
    send(page, uploads[name])
    assert said in text(page, "#failure")
    assert page.evaluate("document.activeElement.id") == "failure-head"
    assert not page.is_visible("#again")
    page.click("#failure >> text=Check another video")
    assert page.is_visible("#start")


def test_a_file_can_be_dropped_anywhere(show):
    page = show()
    dropped = page.evaluate_handle(
        "() => { const data = new DataTransfer();"
        " data.items.add(new File(['#EXTM3U'.repeat(9)], 'list.mp4')); return data; }"
    )
    page.dispatch_event("body", "dragenter", {"dataTransfer": dropped})
    assert "over" in page.get_attribute("#drop", "class")
    page.dispatch_event("footer", "drop", {"dataTransfer": dropped})
    page.wait_for_selector("#failure:not([hidden])")
    assert "It was not opened" in text(page, "#failure")
    assert "over" not in page.get_attribute("#drop", "class")


def test_a_damaged_file_is_a_result_of_its_own(show, uploads):
    page = show()
    send(page, uploads["broken"])
    assert "Could not be read" in text(page, "#report .verdict .name")


def test_a_file_beyond_the_limit_is_not_even_sent(show, site):
    page = show()
    sent = []
    page.on("request", lambda request: sent.append(request.method))
    send(page, {"name": "big.mp4", "mimeType": "video/mp4", "buffer": bytes(5 << 20)})
    assert "too large. Up to 4 MB" in text(page, "#failure")
    assert "POST" not in sent


def test_all_of_it_by_keyboard(show, uploads):
    """From the address bar to the feedback, without a mouse."""
    page = show(reduced_motion="reduce")

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    # Asked for before the walk there: the browser must know it before the key is pressed.
    with page.expect_file_chooser() as chooser:
        tab_to(page, "#file")
        page.keyboard.press("Enter")
    chooser.value.set_files(uploads["plain"])
    page.wait_for_selector("#result:not([hidden])")
    tab_to(page, "#receipt")
    tab_to(page, "#feedback > summary")
    page.keyboard.press("Enter")
    tab_to(page, "#feedback input")
    page.keyboard.press("Space")
    tab_to(page, "#comment")
    page.keyboard.type("I made it with ltx. Ask ann@example.org, +49 30 1234567")
    tab_to(page, "#feedback-form button")
    page.keyboard.press("Enter")
    page.wait_for_selector("#thanks:not([hidden])")
    assert "Thank you" in text(page, "#thanks")
    assert page.evaluate("document.activeElement.id") == "thanks"


def test_feedback_is_there_for_the_operator_without_people_in_it(show, uploads, site):
    page = show()
    send(page, uploads["plain"])
    page.click("#feedback > summary")
    page.check("input[value=false_alarm]")
    page.fill("#comment", "see https://example.org/me")
    page.click("text=Send feedback")
    page.wait_for_selector("#thanks:not([hidden])")
    database = open_database(str(site.folder / "service.sqlite"))
    newest = Feedback(database, clock=time.time).entries()[0]
    database.close()
    assert (newest.kind, newest.verdict) == ("false_alarm", "no_evidence")
    assert newest.comment == "see [removed]"


def test_a_result_can_be_deleted_at_once(show, uploads, site):
    page = show()
    send(page, uploads["plain"])
    address = page.get_attribute("#download", "href").removesuffix("/report")
    assert httpx.get(site.url + address).status_code == 200
    page.click("text=Delete result now")
    page.wait_for_selector("#start:not([hidden])")
    assert text(page, "#status") == "The result was deleted."
    assert httpx.get(site.url + address).status_code == 404


def test_a_check_can_be_cancelled(show, uploads):
    page = show()
    page.route("**/v1/scans/scan_*", lambda route: route.abort())  # it never hears of the end
    page.set_input_files("#file", uploads["plain"])
    page.wait_for_selector("[data-step=check][aria-current]")
    page.unroute_all()
    page.click("#cancel")
    page.wait_for_selector("#start:not([hidden])")
    assert "Cancelled" in text(page, "#status")


def test_a_lost_connection_is_said_and_can_be_tried_again(show, uploads):
    page = show()
    page.route("**/v1/scans?*", lambda route: route.abort())
    send(page, uploads["plain"])
    assert "connection was lost" in text(page, "#failure")
    page.unroute_all()
    page.click("#again")
    page.wait_for_selector("#result:not([hidden])")


def test_a_link_is_checked_like_a_file(show, uploads, file_server):
    page = show()
    page.fill("#link", file_server("clip.mp4", uploads["marked"].read_bytes()))
    page.click("text=Check link")
    page.wait_for_selector("#result:not([hidden])")
    assert "Made with AI" in text(page, "#report .verdict .name")
    page.click("#result >> text=Check another video")
    page.fill("#link", "ftp://example.org/x.mp4")
    page.click("text=Check link")
    page.wait_for_selector("#failure:not([hidden])")
    assert page.is_visible("#again")


@pytest.mark.parametrize(
    ("size", "scheme"), [(DESK, "light"), (DESK, "dark"), (PHONE, "light"), (PHONE, "dark")]
)
def test_axe_finds_nothing_at_any_stage(show, uploads, size, scheme):
    page = show(size=size, scheme=scheme, bypass_csp=True)

    check_access(page, "start")
    page.route("**/v1/scans/scan_*", lambda route: route.abort())
    page.set_input_files("#file", uploads["marked"])
    page.wait_for_selector("[data-step=check][aria-current]")
    check_access(page, "work")
    page.unroute_all()
    page.wait_for_selector("#result:not([hidden])")
    page.click("#feedback > summary")
    check_access(page, "result")
    page.click("#result >> text=Check another video")
    send(page, uploads["hostile"])
    check_access(page, "failure")
