"""What HTTP libraries never send, byte by byte, to a server of ours; it must outlive all of it."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from service.accounts import SCOPES, Quota
from service.app import create_app
from service.services import open_services
from service.serving import listening, make_server
from service.settings import Bounds, ScanSettings, Settings

WAIT_S = 120  # never waited for where all is well


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Address and key of a server without workers."""
    folder = tmp_path_factory.mktemp("raw")
    settings = Settings(
        data=folder / "service",
        bounds=Bounds(upload_bytes=1 << 20, idle_s=0.3, head_s=1, uploads=2),
        scan=ScanSettings(keys=str(folder / "keys"), store=str(folder / "store.sqlite")),
    )
    with open_services(settings) as services, listening("127.0.0.1", 0) as sockets:
        tenant = services.accounts.create_tenant("acme", quota=Quota())
        key = services.accounts.create_key(tenant.id, SCOPES, actor="test")
        server = make_server(create_app(settings, opened=services), settings, services.draining)
        thread = threading.Thread(target=server.run, args=(sockets,))
        thread.start()
        yield sockets[0].getsockname(), key, services
        server.should_exit = True
        thread.join()


@pytest.fixture
def speak(served):
    """Sends pieces, with a pause before each; gives all that comes back until it is closed."""
    address, key, _ = served

    def send(*pieces, pause_s=0.0, end=False):
        with socket.create_connection(address, timeout=WAIT_S) as connection:
            heard = b""
            try:
                for piece in pieces:
                    connection.sendall(piece.replace(b"KEY", key.encode()))
                    time.sleep(pause_s)
                if end:
                    connection.shutdown(socket.SHUT_WR)
                while block := connection.recv(65536):
                    heard += block
            except ConnectionError:
                pass  # it may be closed while we still send
            return heard

    yield send
    assert send(head("GET", "/healthz", "Connection: close")).startswith(b"HTTP/1.1 200")
    assert served[2].places.taken == 0


def head(method, path, *fields):
    lines = [f"{method} {path} HTTP/1.1", "Host: t", "Authorization: Bearer KEY", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post(*fields):
    return head("POST", "/v1/scans", "Content-Type: video/mp4", "Connection: close", *fields)


def statuses(heard):
    return [int(part[:3]) for part in heard.split(b"HTTP/1.1 ")[1:]]


def test_a_head_that_never_ends_is_not_waited_for(speak):
    assert speak(b"GET /healthz HTTP/1.1\r\n", b"X: ", b"1", b"2", pause_s=0.2) == b""
    assert speak() == b""  # nor one that never begins


def test_nor_is_one_behind_a_whole_request(speak):
    heard = speak(head("GET", "/healthz"), b"GET /he", b"a", b"l", pause_s=0.1)
    assert statuses(heard) == [200]


def test_a_body_that_stops_or_crawls_loses_its_place(speak, clip):
    assert statuses(speak(post("Content-Length: 5000"), clip[:100])) == [408]
    crawl = (clip[at : at + 1] for at in range(2000))
    heard = speak(post("Content-Length: 2000"), *crawl, pause_s=0.05)
    # Who still sends while the connection is closed may lose the answer to it.
    assert statuses(heard) in ([408], [])


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (["Transfer-Encoding: chunked"], b"ZZ\r\nabc\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"-5\r\nabc\r\n0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"ffffffffffffffffffffffff\r\n" + b"a" * 64),
        (["Transfer-Encoding: chunked"], b"3\r\nabcdefgh\r\n0\r\n\r\n"),
        (["Transfer-Encoding: gzip, chunked"], b"0\r\n\r\n"),
        (["Content-Length: -1"], b"abc"),
        (["Content-Length: 3", "Content-Length: 4"], b"abcd"),
        (["Content-Length: 3x"], b"abc"),
        (["Content-Length: 9" + "9" * 30], b"abc"),
        (["X: " + "a" * 600_000], b""),
        (["X\x00: 1"], b""),
        (["Authorization : Bearer x"], b""),
    ],
)
def test_what_is_no_http_is_refused_and_kept_nowhere(fields, body, speak, served):
    heard = speak(post(*fields), body)
    assert not statuses(heard) or set(statuses(heard)) <= {400, 408, 411, 413, 415, 431, 501}, heard
    assert list(served[2].settings.incoming.iterdir()) == []


@pytest.mark.parametrize(
    "fields", [["X: " + "a" * 33_000], [f"X{number}: {'a' * 90}" for number in range(400)]]
)
def test_a_large_head_is_refused_also_where_it_comes_at_once(fields, speak):
    assert statuses(speak(head("GET", "/healthz", *fields))) in ([431], [400])
    assert statuses(speak(head("GET", "/healthz?" + "a" * 33_000, "Connection: close"))) in (
        [431],
        [400],
    )
    assert statuses(speak(head("GET", "/healthz", "X: " + "a" * 30_000, "Connection: close"))) == [
        200
    ]


def test_who_closes_his_side_after_a_request_gets_the_answer(speak, clip):
    whole = post(f"Content-Length: {len(clip)}")
    assert statuses(speak(whole, clip, end=True)) == [202]
    for field in ("Connection: keep-alive", "Connection: close"):
        assert statuses(speak(head("GET", "/healthz", field), end=True)) == [200]
    rows = b"".join(head("GET", path) for path in ("/healthz", "/nowhere", "/healthz"))
    assert statuses(speak(rows, end=True)) == [200, 404, 200]


def test_both_lengths_are_not_a_way_to_smuggle(speak):
    """RFC 9112, 6.3: what follows the body must not be taken for a request of its own."""
    inner = head("GET", "/v1/audit")
    fields = ["Transfer-Encoding: chunked", f"Content-Length: {len(inner) + 5}"]
    heard = speak(post(*fields), b"0\r\n\r\n" + inner)
    assert len(statuses(heard)) <= 1
    assert 200 not in statuses(heard)


def test_a_body_shorter_than_stated_is_no_scan(speak, clip, served):
    heard = speak(post(f"Content-Length: {len(clip) + 1}"), clip, end=True)
    assert 202 not in statuses(heard)
    assert list(served[2].settings.incoming.iterdir()) == []


def test_pipelined_requests_are_answered_in_order(speak):
    asked = [("/healthz", 200), ("/nowhere", 404), ("/healthz", 200), ("/v1/scans", 200)]
    heard = speak(b"".join(head("GET", path) for path, _ in asked))
    assert statuses(heard) == [status for _, status in asked]


def test_what_follows_a_refused_body_is_no_request(speak):
    """The rest of a body that was turned away must not be read as the next request."""
    inner = head("GET", "/healthz")
    fields = ("Content-Type: video/mp4", f"Content-Length: {(1 << 20) + 1}")
    heard = speak(head("POST", "/v1/scans", *fields), inner * 3)
    assert statuses(heard) == [413]


def test_resumable_pieces_out_of_order_change_nothing(speak, clip):
    tus = ("Tus-Resumable: 1.0.0", "Connection: close")
    metadata = "Upload-Metadata: filetype dmlkZW8vbXA0"
    made = speak(head("POST", "/v1/uploads", *tus, metadata, f"Upload-Length: {len(clip)}"))
    assert statuses(made) == [201]
    path = made.lower().split(b"location: ")[1].split(b"\r\n")[0].decode()

    def patch(offset, data, length=None):
        length = len(data) if length is None else length
        fields = (f"Upload-Offset: {offset}", f"Content-Length: {length}")
        chunk = "Content-Type: application/offset+octet-stream"
        return statuses(speak(head("PATCH", path, *tus, chunk, *fields), data))

    def offset():
        heard = speak(head("HEAD", path, *tus)).lower()
        return int(heard.split(b"upload-offset: ")[1].split(b"\r\n")[0])

    assert patch(100, clip[100:200]) == [409]
    assert patch(-1, clip[:9]) == [422]
    assert offset() == 0
    assert patch(0, clip[:200]) == [204]
    assert patch(0, clip[:200]) == [409]  # once more
    assert patch(200, clip[200:300], length=500) != [204]  # gone in the middle: what came stays
    at = offset()
    assert 200 <= at <= 300
    assert patch(at, clip[at:] + b"x") == [413]  # one too many
    at = offset()
    assert patch(at, clip[at:]) == [204]
    assert offset() == len(clip)
