"""The kinds of addresses, in clear and in every form that hides one address in another."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.network.addresses import AddressKind, carried_addresses, kind_of

HIDING_LOOPBACK = [
    "::ffff:127.0.0.1",
    "::ffff:0:127.0.0.1",
    "::127.0.0.1",
    "64:ff9b::127.0.0.1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "2001:0:5db8:d822:0:0:80ff:fffe",
    "2606:2800::5efe:127.0.0.1",
    "2606:2800::200:5efe:127.0.0.1",
]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("93.184.216.34", AddressKind.PUBLIC),
        ("2606:2800:220:1::1", AddressKind.PUBLIC),
        ("::ffff:93.184.216.34", AddressKind.PUBLIC),
        ("64:ff9b::93.184.216.34", AddressKind.PUBLIC),
        ("2002:5db8:d822::1", AddressKind.PUBLIC),
        ("10.1.2.3", AddressKind.PRIVATE),
        ("172.16.0.1", AddressKind.PRIVATE),
        ("172.31.255.255", AddressKind.PRIVATE),
        ("172.32.0.1", AddressKind.PUBLIC),
        ("192.168.1.1", AddressKind.PRIVATE),
        ("fd12:3456::1", AddressKind.PRIVATE),
        ("fec0::1", AddressKind.PRIVATE),
        ("64:ff9b:1::1", AddressKind.PRIVATE),
        ("100.64.0.1", AddressKind.SHARED),
        ("127.0.0.1", AddressKind.LOOPBACK),
        ("127.255.255.254", AddressKind.LOOPBACK),
        ("::1", AddressKind.LOOPBACK),
        ("169.254.1.1", AddressKind.LINK_LOCAL),
        ("fe80::1", AddressKind.LINK_LOCAL),
        ("169.254.169.254", AddressKind.METADATA),
        ("169.254.170.2", AddressKind.METADATA),
        ("100.100.100.200", AddressKind.METADATA),
        ("168.63.129.16", AddressKind.METADATA),
        ("192.0.0.192", AddressKind.METADATA),
        ("fd00:ec2::254", AddressKind.METADATA),
        ("::ffff:169.254.169.254", AddressKind.METADATA),
        ("64:ff9b::a9fe:a9fe", AddressKind.METADATA),
        ("224.0.0.1", AddressKind.MULTICAST),
        ("ff02::1", AddressKind.MULTICAST),
        ("255.255.255.255", AddressKind.BROADCAST),
        ("0.0.0.0", AddressKind.UNSPECIFIED),
        ("::", AddressKind.UNSPECIFIED),
        ("0.1.2.3", AddressKind.RESERVED),
        ("240.0.0.1", AddressKind.RESERVED),
        ("192.0.0.8", AddressKind.RESERVED),
        ("198.18.0.1", AddressKind.RESERVED),
        ("192.0.2.1", AddressKind.DOCUMENTATION),
        ("198.51.100.1", AddressKind.DOCUMENTATION),
        ("203.0.113.1", AddressKind.DOCUMENTATION),
        ("2001:db8::1", AddressKind.DOCUMENTATION),
        ("3fff::1", AddressKind.DOCUMENTATION),
        ("2001::1", AddressKind.UNSPECIFIED),
        ("2001:20::1", AddressKind.RESERVED),
        ("100::1", AddressKind.RESERVED),
        ("5f00::1", AddressKind.RESERVED),
        ("4000::1", AddressKind.RESERVED),
        ("::93.184.216.34", AddressKind.RESERVED),
    ],
)
def test_an_address_is_of_one_kind(text: str, kind: AddressKind) -> None:
    assert kind_of(ip_address(text)) is kind


@pytest.mark.parametrize("text", HIDING_LOOPBACK)
def test_a_loopback_address_is_found_in_every_wrapping(text: str) -> None:
    assert kind_of(ip_address(text)) is AddressKind.LOOPBACK


@given(st.integers(0, 2**32 - 1))
def test_whatever_python_calls_not_global_is_not_public(number: int) -> None:
    address = IPv4Address(number)

    assert address.is_global or kind_of(address) is not AddressKind.PUBLIC


@given(st.integers(0, 2**128 - 1))
def test_whatever_python_calls_not_global_is_not_public_in_ipv6(number: int) -> None:
    address = IPv6Address(number)

    assert address.is_global or carried_addresses(address) or kind_of(address) is not AddressKind.PUBLIC


@given(st.ip_addresses(v=4), st.sampled_from(["::ffff:0:0", "::ffff:0:0:0", "::", "64:ff9b::", "2606::5efe:0:0"]))
def test_a_wrapping_never_makes_an_address_public(address: IPv4Address, prefix: str) -> None:
    wrapped = IPv6Address(int(IPv6Address(prefix)) | int(address))

    assert kind_of(wrapped) is not AddressKind.PUBLIC or kind_of(address) is AddressKind.PUBLIC
