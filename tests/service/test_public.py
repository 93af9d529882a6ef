"""What anybody may do without a key: links, feedback, reports; and what is not said of people."""

from __future__ import annotations

import json
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import anyio
import pytest
from click.testing import CliRunner

from detectors.report import to_record
from service.access import open_public
from service.feedback import MOST_CHARACTERS, without_people
from service.feedback_cli import main as feedback_command
from service.impersonal import impersonal
from service.links import linked
from service.problems import Problem
from service.scans import Answer
from service.visitors import Visitors
from service.web.page import index, page_router
from tests.detectors.report.reports import TAMPERED
from tests.detectors.report.test_page import hostile_result


@pytest.fixture
def visitor(client, services, settings):
    """A client without a key, where the operator allows that."""
    open_public(services.accounts, "everybody")
    open_public(services.accounts, "everybody")  # once more is no matter
    client.settings = replace(settings, public="everybody", links=True)
    client.key = None
    return client


def finished(visitor, clip, result=TAMPERED):
    scan = visitor.send(clip).json()["id"]
    record = impersonal(json.loads(json.dumps(to_record(result))))
    document = {"result": record, "signals": [], "decision": None, "error": None}
    answer = Answer(verdict=result.verdict, action="label", document=document)
    visitor.services.scans.finish(scan, answer, actor="test")
    return scan


@pytest.fixture
def web():
    """An HTTP server on loopback that answers by ``answers[path]``: status, headers, body."""
    answers, asked = {}, []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, dict(self.headers)))
            status, headers, body = answers.get(self.path, (404, {}, b""))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        server.answers, server.asked = answers, asked
        server.url = f"http://127.0.0.1:{server.server_port}"
        yield server
        server.shutdown()
        thread.join()


def test_a_link_becomes_an_upload_and_is_forgotten(visitor, web, clip):
    web.answers["/a.mp4"] = (302, {"Location": "/b.mp4?token=t"}, b"")
    web.answers["/b.mp4?token=t"] = (200, {}, clip)
    answer = visitor.ask("POST", "/v1/links", json={"link": f"{web.url}/a.mp4"})
    assert answer.status_code == 202
    scan = visitor.services.scans.get(answer.json()["id"])
    assert (scan.bytes, scan.object, scan.source) == (len(clip), None, "upload")
    with visitor.services.storage.open(scan.id) as kept:
        assert kept.read() == clip
    assert str(web.server_port) not in json.dumps(answer.json())
    assert "Cookie" not in web.asked[1][1]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ((404, {}, b"no"), "link.unreadable"),
        ((200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"), "link.unreadable"),
        ((200, {}, b"<!doctype html><p>a page that shows a video" * 9), "media.unsupported"),
        ((200, {}, b""), "media.empty"),
        ((200, {}, bytes(5 << 20)), "media.too_large"),
        ((302, {"Location": "/x"}, b""), "link.unreadable"),
        ((302, {"Location": "ftp://127.0.0.1/"}, b""), "link.forbidden"),
        ((302, {"Location": "file:///etc/passwd"}, b""), "link.forbidden"),
    ],
)
def test_what_is_no_video_behind_a_link_is_refused(visitor, web, clip, answer, code):
    status, headers, body = answer
    if code == "media.too_large":
        body = clip + body
    web.answers["/x"] = (status, headers, body)
    found = visitor.ask("POST", "/v1/links", json={"link": f"{web.url}/x"})
    assert found.json()["code"] == code
    settings = visitor.settings
    assert list(settings.incoming.iterdir()) == []
    assert visitor.services.queue.waiting() == 0


@pytest.mark.parametrize(
    "link",
    [
        "http://example.org/a.mp4",
        "https://127.0.0.1/a.mp4",
        "https://10.0.0.1/a.mp4",
        "https://[::1]/a.mp4",
        "https://169.254.169.254/latest/meta-data/",
        "https://example.org:22/a.mp4",
        "https://user:word@example.org/a.mp4",
    ],
)
def test_links_lead_to_public_addresses_alone(visitor, link):
    visitor.settings = replace(visitor.settings, private_targets=False)
    found = visitor.ask("POST", "/v1/links", json={"link": link})
    assert (found.status_code, found.json()["code"]) == (422, "link.forbidden")


def test_a_name_that_leads_inside_is_not_followed_even_by_a_redirect():
    async def fetch():
        blocks = linked("https://a.example/", private=False, resolve=lambda *_: ["10.1.2.3"])
        async for _ in blocks:
            pass

    with pytest.raises(Problem) as caught:
        anyio.run(fetch)
    assert caught.value.code == "link.forbidden"


def test_links_are_off_unless_allowed(visitor, web):
    visitor.settings = replace(visitor.settings, links=False)
    found = visitor.ask("POST", "/v1/links", json={"link": web.url})
    assert (found.status_code, found.json()["code"]) == (403, "link.off")
    assert web.asked == []


def test_one_visitor_does_not_use_up_what_is_there_for_all(visitor, clip):
    visitor.settings = replace(visitor.settings, visitor_per_minute=2)
    assert [visitor.send(clip).status_code for _ in range(3)] == [202, 202, 429]
    # Looking is cheaper than sending.
    scan = "/v1/scans/scan_" + "0" * 32
    assert [visitor.ask("GET", scan).status_code for _ in range(20)] == [404] * 20
    assert visitor.ask("GET", scan).status_code == 429
    rates = visitor.services.rates
    name = visitor.services.visitors.name("198.51.100.7")
    rates.take(f"{name} scans:write", 2)  # somebody else


def test_visitors_are_told_apart_without_being_known():
    one, other = Visitors(), Visitors()
    name = one.name("203.0.113.5")
    assert name == one.name("203.0.113.5") == one.name("::ffff:203.0.113.5")
    assert name != one.name("203.0.113.6")
    assert name != other.name("203.0.113.5")  # a digest of 2³² addresses alone would be no secret
    assert one.name("2001:db8::1") == one.name("2001:db8::ffff")
    assert one.name("2001:db8::1") != one.name("2001:db8:0:1::1")
    assert one.name(None) == one.name("testclient")


def test_results_for_everybody_name_nobody():
    record = json.loads(json.dumps(to_record(TAMPERED)))
    record["manifest"] |= {"title": "Ann.mp4", "issuer": "Ann Smith", "prompt_hash": "hmac:1"}
    record["manifest"]["ingredients"][0]["title"] = "Ann at home.mp4"
    record["watermark"]["prompt_hash_prefix"] = "abcdef"
    for state, kept in (("valid", None), ("trusted", "Ann Smith")):
        record["manifest"]["state"] = state
        shown = impersonal(record)
        assert shown["manifest"]["issuer"] == kept
        text = json.dumps(shown)
        assert "at home" not in text
        assert "Ann.mp4" not in text
        assert "abcdef" not in text
        assert "hmac:1" not in text
        assert shown["verdict"] == record["verdict"]
        assert shown["tampering"] == record["tampering"]
        assert shown["watermark"]["content_id"] == record["watermark"]["content_id"]
    assert record["manifest"]["title"] == "Ann.mp4"  # the given one is as it was


def test_reports_are_pages_without_scripts_whatever_the_file_says(visitor, clip):
    scan = finished(visitor, clip, hostile_result())
    page = visitor.ask("GET", f"/v1/scans/{scan}/report")
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src" not in page.headers["content-security-policy"]
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert "<script" not in page.text
    article = visitor.ask("GET", f"/v1/scans/{scan}/report?part=article").text
    assert "<html" not in article
    assert "<h1>" in article
    assert "policy" not in article
    assert visitor.ask("GET", f"/v1/scans/{scan}/report?part=all").status_code == 422


def test_what_is_no_result_becomes_no_page(visitor, clip):
    scan = visitor.send(clip).json()["id"]
    assert visitor.ask("GET", f"/v1/scans/{scan}/report").json()["code"] == "scan.unfinished"
    for result in (None, {"verdict": "<script>"}):
        scan = visitor.send(clip).json()["id"]
        answer = Answer(verdict="unreadable", action="review", document={"result": result})
        visitor.services.scans.finish(scan, answer, actor="test")
        assert visitor.ask("GET", f"/v1/scans/{scan}/report").json()["code"] == "scan.no_report"


def test_feedback_is_kept_once_and_read_by_the_operator(visitor, clip):
    scan = finished(visitor, clip)
    for kind, comment in (("missed", "first"), ("other", "call me: 030 123 45 67")):
        body = {"kind": kind, "comment": comment}
        assert visitor.ask("PUT", f"/v1/scans/{scan}/feedback", json=body).status_code == 204
    (entry,) = visitor.services.feedback.entries()
    assert (entry.scan, entry.kind, entry.comment) == (scan, "other", "call me: [removed]")
    data = str(visitor.settings.data)
    told = CliRunner().invoke(feedback_command, ["--data", data, "--format", "jsonl"])
    assert json.loads(told.stdout)["kind"] == "other"
    assert "call me" in CliRunner().invoke(feedback_command, ["--data", data]).stdout
    for body in ({"kind": "spam"}, {"kind": "other", "comment": "x" * (MOST_CHARACTERS + 1)}):
        assert visitor.ask("PUT", f"/v1/scans/{scan}/feedback", json=body).status_code == 422


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("made with LTX 2.3 in 2026, at 0:42", "made with LTX 2.3 in 2026, at 0:42"),
        ("by ann.smith@example.org", "by [removed]"),
        ("see https://example.org/ann?x=1 there", "see [removed] there"),
        ("I am @ann_s", "I am [removed]"),
        ("+49 (30) 123-4567 is mine", "[removed] is mine"),
        ("one\n\x00two\ud800", "one two"),
    ],
)
def test_comments_lose_what_leads_to_people(said, kept):
    assert without_people(said) == kept


def test_the_page_is_there_for_a_public_service_alone(visitor, settings):
    page = visitor.ask("GET", "/")
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "set-cookie" not in page.headers
    same = visitor.ask("GET", "/", headers={"If-None-Match": page.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    visitor.settings = settings
    assert visitor.ask("GET", "/").status_code == 404


def test_the_page_loads_nothing_from_elsewhere_and_says_what_it_does(visitor):
    page = visitor.ask("GET", "/").text
    paths = {route.path for route in page_router(visitor.settings).routes}
    for path in paths:
        text = visitor.ask("GET", path).text
        assert "{{" not in text
        assert "http://" not in text.replace("http://www.w3.org/2000/svg", "")
        assert " style=" not in text
        assert "onclick" not in text
    for name in ("app.js", "app.css", "report.css", "icon.svg"):
        assert f"/web/{name}" in page
    assert "deleted as soon as it has been checked" in page
    assert "gone after 24 hours" in page
    assert 'id="link-form"' in page
    closed = replace(visitor.settings, links=False, public_hours=1.0)
    assert 'id="link-form"' not in index(closed)
    assert "gone after 1 hour." in index(closed)


def test_every_word_of_the_script_is_among_the_texts(visitor):
    import re

    told = json.loads(re.search(r'id="told">(.*?)</script>', index(visitor.settings))[1])
    scripts = "".join(visitor.ask("GET", f"/web/{name}.js").text for name in ("app", "view"))
    used = set(re.findall(r'words\("([\w.]+)"', scripts))
    assert used
    assert used <= told["texts"].keys()
