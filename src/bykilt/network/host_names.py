"""The one spelling of a host: lower-case A-labels, or an IP address in its canonical form.

Knows how names and addresses are written. It does not know which of them may be reached.
"""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address

import idna

from bykilt.errors import InvalidInput
from bykilt.network.addresses import IPAddress

MAX_NAME = 253
_LABEL = re.compile(r"[a-z0-9_-]{1,63}")
# The URL standard takes a host whose last label is a number for an IPv4 address: 127.1, 0x7f.1, 2130706433.
# Source: https://url.spec.whatwg.org/#ends-in-a-number-checker
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")


def canonical_host(text: str) -> str:
    """Return the host in its one spelling; an IPv6 address without brackets.

    One trailing dot is dropped, as names with and without it lead to the same place.

    Raises:
        InvalidInput: It is neither a name nor a canonical IP address.
    """
    if text.startswith("["):
        return _canonical_v6(text)
    if ":" in text:
        raise InvalidInput(f"{text!r} is no host name", hint="write an IPv6 address in brackets, such as [::1]:8000")
    name = _a_labels(text).removesuffix(".")
    labels = name.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _canonical_v4(name)
    if len(name) > MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise InvalidInput(
            f"{text!r} is no host name",
            hint="a name has labels of 1 to 63 letters, digits and hyphens, such as a.example",
        )
    return name


def literal_address(host: str) -> IPAddress | None:
    """Return the address that a canonical host is; None where it is a name."""
    try:
        return IPv6Address(host) if ":" in host else IPv4Address(host)
    except AddressValueError:
        return None


def is_localhost(host: str) -> bool:
    """Whether a canonical host is this machine by its very name (RFC 6761)."""
    return host == "localhost" or host.endswith(".localhost")


def with_port(host: str, port: int) -> str:
    """Return `host:port`, an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _a_labels(text: str) -> str:
    if text.isascii():
        return text.lower()
    try:
        # As browsers do it (UTS 46, non-transitional); Python's own codec is of 2003 and turns ß into ss.
        return idna.encode(text, uts46=True, transitional=False).decode("ascii").lower()
    except idna.IDNAError as error:
        raise InvalidInput(
            f"{text!r} is no host name: {error}", hint="write the name as the browser shows it"
        ) from None


def _canonical_v4(name: str) -> str:
    try:
        return str(IPv4Address(name))
    except AddressValueError:
        raise InvalidInput(
            f"{name!r} is no canonical IP address",
            hint="write four decimal numbers without leading zeros, such as 127.0.0.1",
        ) from None


def _canonical_v6(text: str) -> str:
    try:
        address = IPv6Address(text[1:-1] if text.endswith("]") else "")
    except AddressValueError:
        address = None
    if address is None or address.scope_id is not None:
        raise InvalidInput(f"{text!r} is no IPv6 address", hint="write it in brackets without a zone, such as [::1]")
    if address.ipv4_mapped is not None:
        raise InvalidInput(f"{text!r} is an IPv4 address in disguise", hint=f"write {address.ipv4_mapped}")
    return str(address)
