"""The narrow fetcher: whom it asks, how much it takes, how long it waits."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from provenance.errors import FetchRefused
from provenance.fetching import FetchLimits, fetch
from provenance.manifest import read_manifest, read_remote_manifest
from provenance.trust import TrustSettings

HERE = FetchLimits(hosts=("localhost",), private=True)


@contextmanager
def site(answer):
    """A server on the loopback; ``answer(handler)`` says what it does. Gives address and calls."""
    calls: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            calls.append(self.path)
            answer(self)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}", calls
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def reply(body: bytes, status: int = 200, **headers: str):
    def answer(handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def test_what_is_allowed_is_fetched():
    with site(reply(b"manifest")) as (url, calls):
        assert fetch(f"{url}/a/b?c=d", HERE) == b"manifest"
    assert calls == ["/a/b?c=d"]


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example/x",
        "https://localhost.example/x",
        "https://xlocalhost/x",
        "http://allowed.example/x",
        "https://allowed.example:8443/x",
        "https://user:pw@allowed.example/x",
        "ftp://allowed.example/x",
        "file:///etc/passwd",
        "https:///x",
        "https://allowed.example/a b",
        "https://allowed.example/\r\nHost: other",
        "https://[::1/x",
        "nothing",
    ],
)
def test_what_is_not_allowed_is_refused_without_a_look_up(url, monkeypatch):
    def no_look_up(*_, **__):
        raise AssertionError("a name was looked up")

    monkeypatch.setattr(socket, "getaddrinfo", no_look_up)
    with pytest.raises(FetchRefused):
        fetch(url, FetchLimits(hosts=("allowed.example",)))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "::1",
        "fe80::1%1",
        "fd00::1",
        "::ffff:127.0.0.1",
        "224.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "::127.0.0.1",
    ],
)
def test_a_name_that_leads_into_a_private_network_is_refused(address, monkeypatch):
    public = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))
    private = (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, 443, 0, 0))
    for found in ([private], [public, private]):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, found=found, **__: found)
        with pytest.raises(FetchRefused, match="private network"):
            fetch("https://allowed.example/x", FetchLimits(hosts=("allowed.example",)))


def test_names_below_a_star_are_allowed_and_the_name_itself_is_not(monkeypatch):
    limits = FetchLimits(hosts=("*.example.org",))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    monkeypatch.setattr("provenance.fetching._address", lambda host, *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fetch("https://cdn.example.org/x", limits)
    for url in ("https://example.org/x", "https://badexample.org/x"):
        with pytest.raises(FetchRefused, match="not on the list"):
            fetch(url, limits)


def test_the_address_that_was_checked_is_the_one_that_is_asked(monkeypatch):
    asked = []
    real = socket.getaddrinfo

    def look_up(host, port, *args, **more):
        asked.append(host)
        if len(asked) > 1:  # a second look-up would lead somewhere else
            raise AssertionError("looked up twice")
        return real("127.0.0.1", port, *args, **more)

    with site(reply(b"x")) as (url, _):
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        assert fetch(url, HERE) == b"x"
    assert asked == ["localhost"]


def test_redirects_and_errors_are_not_followed():
    for status in (301, 302, 307, 404, 500):
        with site(reply(b"", status, Location="/elsewhere")) as (url, calls):
            with pytest.raises(FetchRefused, match=str(status)):
                fetch(f"{url}/first", HERE)
            assert calls == ["/first"]


def test_too_much_is_not_read():
    limits = FetchLimits(hosts=("localhost",), private=True, most_bytes=1000)
    with site(reply(bytes(1001))) as (url, _), pytest.raises(FetchRefused, match="1000 bytes"):
        fetch(url, limits)
    with site(reply(bytes(1000))) as (url, _):
        assert len(fetch(url, limits)) == 1000


def test_too_slow_is_given_up():
    limits = FetchLimits(hosts=("localhost",), private=True, seconds=0.4)
    over, outlasted = threading.Event(), []

    def drip(handler, drop: bytes) -> None:
        for _ in range(1200):  # a minute of drops, each well within the time
            if over.wait(0.05):
                return
            try:
                handler.wfile.write(drop)
            except OSError:
                return
        outlasted.append(drop)

    def drip_body(handler) -> None:
        handler.send_response(200)
        handler.end_headers()
        drip(handler, b"x")

    def drip_headers(handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        drip(handler, b"X")

    def say_nothing(handler) -> None:
        drip(handler, b"")

    for answer in (drip_body, drip_headers, say_nothing):
        with site(answer) as (url, _):
            with pytest.raises(FetchRefused):
                fetch(url, limits)
            over.set()
        over.clear()
    assert outlasted == []


def test_half_a_body_is_none():
    def answer(handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b"x" * 500)

    with site(answer) as (url, _), pytest.raises(FetchRefused):
        fetch(url, HERE)


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(FetchRefused, match="did not answer"):
        fetch(f"http://localhost:{port}/", HERE)


def test_a_manifest_that_is_elsewhere(plain_mp4, development_identity, request_for, tmp_path):
    me = development_identity
    trust = TrustSettings(anchors_pem=(me.trust_anchor,))

    import c2pa

    from provenance.manifest.request import manifest_definition
    from provenance.trust import open_context

    def answer(handler) -> None:
        reply(stored)(handler)

    with site(answer) as (url, calls):
        signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(b"es256", me.certificate_chain, me.private_key, None)
        )
        target = tmp_path / "remote.mp4"
        with (
            open_context(trust, signer=signer) as context,
            c2pa.Builder(manifest_definition(request_for(me)), context) as builder,
            plain_mp4.open("rb") as source,
            target.open("w+b") as out,
        ):
            builder.set_no_embed()
            builder.set_remote_url(f"{url}/m.c2pa")
            stored = builder.sign("video/mp4", source, out)
        report = read_manifest(target, trust)
        assert (report.present, report.remote_url) == (False, f"{url}/m.c2pa")
        assert calls == []
        with pytest.raises(FetchRefused):
            read_remote_manifest(target, report.remote_url, trust, FetchLimits(hosts=()))
        assert calls == []
        found = read_remote_manifest(target, report.remote_url, trust, HERE)
        assert (found.state, found.source, found.binding_ok) == ("trusted", "remote", True)
        assert calls == ["/m.c2pa"]
