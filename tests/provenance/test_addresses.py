"""What is public, and where an address in disguise leads."""

from __future__ import annotations

import pytest

from provenance.addresses import is_public, reached


@pytest.mark.parametrize(
    "text", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822", "::ffff:93.184.216.34"]
)
def test_public_addresses(text):
    assert is_public(text)


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
        *("240.0.0.1", "::1", "::127.0.0.1", "fe80::1%eth0", "fd00::1", "ff02::1"),
        *("::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1"),
    ],
)
def test_all_others(text):
    assert not is_public(text)


def test_an_address_leads_to_the_one_inside_of_it():
    for text in ("10.1.2.3", "::ffff:10.1.2.3", "2002:a01:203::", "64:ff9b::a01:203"):
        assert str(reached(text)) == "10.1.2.3"


def test_names_are_no_addresses():
    with pytest.raises(ValueError, match="example"):
        is_public("example.com")
