"""What kind of network an IP address belongs to, seen through every form that hides another address in it.

Knows the registries of special addresses. It decides nothing: which kinds a rule lets through is in `host_rules`.

Source: IANA IPv4 and IPv6 Special-Purpose Address Registries, RFC 6890 and its updates.
"""

from __future__ import annotations

from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

IPAddress = IPv4Address | IPv6Address


class AddressKind(Enum):
    """The network of an address, in the words of a refusal."""

    PUBLIC = "public"
    PRIVATE = "private"
    SHARED = "shared (carrier-grade NAT)"
    LOOPBACK = "loopback"
    LINK_LOCAL = "link-local"
    METADATA = "cloud metadata"
    MULTICAST = "multicast"
    BROADCAST = "broadcast"
    UNSPECIFIED = "unspecified"
    DOCUMENTATION = "documentation"
    RESERVED = "reserved"


# Where clouds hand credentials to whoever asks. Some are inside networks that are otherwise merely private.
_METADATA: frozenset[IPAddress] = frozenset(
    ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google, OpenStack and others
        "169.254.169.253",  # AWS: name server
        "169.254.169.123",  # AWS: time
        "169.254.170.2",  # AWS: credentials of containers
        "169.254.170.23",  # AWS: credentials of pods
        "169.254.0.23",  # Tencent
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "168.63.129.16",  # Azure: the host of the virtual machine, in public space
        "fd00:ec2::254",  # AWS
        "fd00:ec2::253",
        "fd00:ec2::23",
        "fd20:ce::254",  # Google
        "fe80::a9fe:a9fe",  # OpenStack
    )
)

_V4: tuple[tuple[IPv4Network, AddressKind], ...] = tuple(
    (IPv4Network(text), kind)
    for text, kind in (
        ("0.0.0.0/32", AddressKind.UNSPECIFIED),
        ("0.0.0.0/8", AddressKind.RESERVED),
        ("10.0.0.0/8", AddressKind.PRIVATE),
        ("100.64.0.0/10", AddressKind.SHARED),
        ("127.0.0.0/8", AddressKind.LOOPBACK),
        ("169.254.0.0/16", AddressKind.LINK_LOCAL),
        ("172.16.0.0/12", AddressKind.PRIVATE),
        ("192.0.0.0/24", AddressKind.RESERVED),
        ("192.0.2.0/24", AddressKind.DOCUMENTATION),
        ("192.31.196.0/24", AddressKind.RESERVED),
        ("192.52.193.0/24", AddressKind.RESERVED),
        ("192.88.99.0/24", AddressKind.RESERVED),
        ("192.168.0.0/16", AddressKind.PRIVATE),
        ("192.175.48.0/24", AddressKind.RESERVED),
        ("198.18.0.0/15", AddressKind.RESERVED),
        ("198.51.100.0/24", AddressKind.DOCUMENTATION),
        ("203.0.113.0/24", AddressKind.DOCUMENTATION),
        ("224.0.0.0/4", AddressKind.MULTICAST),
        ("255.255.255.255/32", AddressKind.BROADCAST),
        ("240.0.0.0/4", AddressKind.RESERVED),
    )
)

_V6: tuple[tuple[IPv6Network, AddressKind], ...] = tuple(
    (IPv6Network(text), kind)
    for text, kind in (
        ("::/128", AddressKind.UNSPECIFIED),
        ("::1/128", AddressKind.LOOPBACK),
        ("fc00::/7", AddressKind.PRIVATE),
        ("fec0::/10", AddressKind.PRIVATE),
        ("fe80::/10", AddressKind.LINK_LOCAL),
        ("ff00::/8", AddressKind.MULTICAST),
        ("64:ff9b:1::/48", AddressKind.PRIVATE),  # NAT64 of one's own network: what is behind it only that knows
        ("2001:db8::/32", AddressKind.DOCUMENTATION),
        ("3fff::/20", AddressKind.DOCUMENTATION),
        ("2001::/23", AddressKind.RESERVED),  # protocol assignments: Teredo, ORCHID, benchmarking
    )
)

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")
_MAPPED = IPv6Network("::ffff:0:0/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")
_COMPATIBLE = IPv6Network("::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
# The second half of an ISATAP address before the IPv4 one; the second form has the "universal" bit set.
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def kind_of(address: IPAddress) -> AddressKind:
    """Return the kind of an address; of one that carries another, the kind of whichever is not public."""
    if address in _METADATA:
        return AddressKind.METADATA
    if isinstance(address, IPv4Address):
        return next((kind for network, kind in _V4 if address in network), AddressKind.PUBLIC)
    own = _kind_of_v6(address)
    if own is not AddressKind.PUBLIC and own is not AddressKind.RESERVED:
        return own
    # A hidden loopback says more than that its wrapping is reserved.
    hidden = (kind_of(carried) for carried in carried_addresses(address))
    return next((kind for kind in hidden if kind is not AddressKind.PUBLIC), own)


def carried_addresses(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """Return the IPv4 addresses that a router or the system could unwrap from an IPv6 one.

    Source: RFC 4291 (mapped, compatible), 2765 (translated), 6052 (NAT64), 3056 (6to4), 4380 (Teredo), 5214 (ISATAP).
    """
    number = int(address)
    low = IPv4Address(number & 0xFFFFFFFF)
    if any(address in network for network in (_MAPPED, _TRANSLATED, _NAT64)):
        return (low,)
    if address in _COMPATIBLE:
        return (low,) if number > 1 else ()
    if address in _SIX_TO_FOUR:
        return (IPv4Address(number >> 80 & 0xFFFFFFFF),)
    if address in _TEREDO:
        # The server in the clear, the client with every bit turned.
        return (IPv4Address(number >> 64 & 0xFFFFFFFF), IPv4Address(~number & 0xFFFFFFFF))
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        return (low,)
    return ()


def _kind_of_v6(address: IPv6Address) -> AddressKind:
    for network, kind in _V6:
        if address in network:
            return kind
    # The system itself connects to a mapped address by IPv4, and a resolver behind NAT64 answers with that form.
    if address in _GLOBAL_UNICAST or address in _MAPPED or address in _NAT64:
        return AddressKind.PUBLIC
    return AddressKind.RESERVED
