"""Where webhooks and links may go: nowhere inside, whatever it is called and whatever DNS says."""

from __future__ import annotations

import pytest

from service.guard import ForbiddenTarget, find_target

PUBLIC = "93.184.216.34"


def resolved(*addresses):
    return lambda _host, _port: list(addresses)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",  # not encrypted
        "ftp://example.com/",
        "https:///x",
        "https://user:password@example.com/",
        "https://example.com:22/",
        "https://example.com:99999/",
        "https://example.com/#x",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data",
        "https://0.0.0.0/",
        "https://[fe80::1%25eth0]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[::127.0.0.1]/",
        "https://[2002:7f00:1::]/",
        "https://224.0.0.1/",
        "https://100.64.0.1/",
    ],
)
def test_forbidden_as_written(url):
    with pytest.raises(ForbiddenTarget):
        find_target(url, private=False, resolve=resolved(PUBLIC, "127.0.0.1"))


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.1.2.3", "172.16.0.1", "::1", "fd00::1", "::ffff:127.0.0.1"]
)
def test_a_name_that_leads_inside_is_forbidden_even_beside_a_public_address(address):
    for addresses in ((address,), (PUBLIC, address)):
        with pytest.raises(ForbiddenTarget):
            find_target("https://example.com/", private=False, resolve=resolved(*addresses))


def test_the_address_that_was_looked_at_is_the_one_that_is_called():
    answers = iter([[PUBLIC], ["127.0.0.1"]])
    target = find_target(
        "https://example.com/a?b=c", private=False, resolve=lambda *_: next(answers)
    )
    assert target.url == f"https://{PUBLIC}:443/a?b=c"
    assert target.host_header == "example.com"
    six = find_target("https://[2606:2800:220:1::1]:8443/", private=False, resolve=lambda h, _: [h])
    assert six.url == "https://[2606:2800:220:1::1]:8443/"
    assert six.host_header == "[2606:2800:220:1::1]:8443"


def test_numbers_in_disguise_are_resolved_and_found_out():
    # The system's resolver reads them as 127.0.0.1.
    for host in ("127.1", "2130706433", "0x7f.1", "017700000001", "localhost"):
        with pytest.raises(ForbiddenTarget):
            find_target(f"https://{host}/", private=False)


def test_closed_networks_can_allow_their_own():
    target = find_target("http://127.0.0.1:9000/x", private=True)
    assert (target.address, target.port) == ("127.0.0.1", 9000)
    with pytest.raises(ForbiddenTarget):
        find_target("http://0.0.0.0/", private=True)
