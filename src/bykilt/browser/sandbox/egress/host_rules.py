"""Which hosts and ports a sandboxed browser may reach, and which addresses each rule lets through.

Knows the rules' syntax and their meaning. It resolves no name and opens no connection: `dialling` does, and asks here.

A rule is written `[private:]HOST[:PORTS]`:

- HOST is a name (`example.com`: that name alone), `*.` and a name (`*.example.com`: names below it at any depth, not
  itself), or an IP address (`127.0.0.1`, `[::1]`).
- PORTS is a list such as `8443` or `80,8080`, or `*` for every port; without it, 80 and 443.
- A name may lead to public addresses only. `private:` lets it lead to private, carrier-grade NAT and loopback ones as
  well. `localhost` and names below it lead to loopback and nowhere else. An IP address is its own permission.
  Link-local, metadata, multicast and reserved addresses are reached by a rule that is that very address, or never.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Self

from bykilt.errors import InvalidInput
from bykilt.network.addresses import AddressKind, IPAddress, kind_of
from bykilt.network.host_names import canonical_host, is_localhost, literal_address, with_port

DEFAULT_PORTS = frozenset({80, 443})
_PRIVATE_MARK = "private:"
_OPENED_BY_PRIVATE = frozenset({AddressKind.PUBLIC, AddressKind.PRIVATE, AddressKind.SHARED, AddressKind.LOOPBACK})
# No connection can be made to these, or it would end somewhere else: 0.0.0.0 is this machine.
_NEVER = frozenset({AddressKind.UNSPECIFIED, AddressKind.MULTICAST, AddressKind.BROADCAST})
# Top-level names that no registry gives out, so that `*.` before one is not half of the Internet.
# Source: RFC 2606, 6761, 6762, and the names that ICANN reserved or will never delegate.
_OWN_TOP_LEVELS = frozenset({"localhost", "test", "local", "internal", "home", "corp", "lan"})


class EgressMode(Enum):
    """How much of the network there is."""

    NONE = "none"
    RESTRICTED = "restricted"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class HostRule:
    """One line of an allow-list. `host` is canonical; `ports` is None for every port."""

    host: str
    is_wildcard: bool = False
    ports: frozenset[int] | None = DEFAULT_PORTS
    is_private: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the rule that a person wrote; `str()` of it is its shortest spelling.

        Raises:
            InvalidInput: It is no rule. The hint says what to write instead.
        """
        rest = text.strip()
        is_private = rest.lower().startswith(_PRIVATE_MARK)
        rest = rest[len(_PRIVATE_MARK) :] if is_private else rest
        _refuse_what_is_no_host(text, rest)
        host_text, ports_text = _split_ports(rest)
        is_wildcard = host_text.startswith("*.")
        try:
            host = canonical_host(host_text.removeprefix("*."))
        except InvalidInput as error:
            raise InvalidInput(f"host rule {text!r}: {error.message}", hint=error.hint) from None
        _refuse_too_much(text, host, is_wildcard)
        return cls(host, is_wildcard, _parse_ports(text, ports_text), is_private)

    def matches(self, host: str, port: int) -> bool:
        """Whether the rule speaks of a canonical host and port."""
        return self.covers_host(host) and (self.ports is None or port in self.ports)

    def covers_host(self, host: str) -> bool:
        """Whether the rule speaks of a canonical host on some port."""
        return host.endswith("." + self.host) if self.is_wildcard else host == self.host

    def admits(self, address: IPAddress) -> bool:
        """Whether a connection that this rule allows may go to `address`."""
        kind = kind_of(address)
        if kind in _NEVER:
            return False
        own = literal_address(self.host)
        if own is not None:
            return address == own
        if is_localhost(self.host):
            return kind is AddressKind.LOOPBACK
        return kind in _OPENED_BY_PRIVATE if self.is_private else kind is AddressKind.PUBLIC

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        mark = _PRIVATE_MARK if self.is_private else ""
        return f"{mark}{'*.' if self.is_wildcard else ''}{host}{_ports_suffix(self.ports)}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a host and port may be reached. An allowed one has no reason and no hint.

    `rule` is what allowed it; None in open mode, where public hosts need none, and when it is refused.
    """

    allowed: bool
    rule: HostRule | None = None
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class EgressRules:
    """The whole policy of one sandbox's network."""

    mode: EgressMode
    rules: tuple[HostRule, ...] = ()

    @classmethod
    def parse(cls, mode: EgressMode, rules: Iterable[str]) -> Self:
        """Return the policy of a mode and written rules.

        Raises:
            InvalidInput: One of them is no rule.
        """
        return cls(mode, tuple(dict.fromkeys(HostRule.parse(text) for text in rules)))

    def decide(self, host: str, port: int) -> Verdict:
        """Return whether `host` may be asked for at all; where its name leads is `refusal_of_address`'s to say.

        `host` need not be canonical, and an IPv6 address needs no brackets; what is no host is refused.
        """
        try:
            name = canonical_host(f"[{host}]" if ":" in host and not host.startswith("[") else host)
        except InvalidInput as error:
            return Verdict(False, reason=error.message, hint=error.hint)
        if not 1 <= port <= 65535:
            return Verdict(False, reason=f"{port} is no port", hint="ports go from 1 to 65535")
        if self.mode is EgressMode.NONE:
            return Verdict(False, reason="this sandbox has no network", hint=_mode_hint(name, port))
        rule = self._rule_for(name, port)
        if rule is None and self.mode is EgressMode.RESTRICTED:
            return Verdict(False, reason=self._why_unlisted(name, port), hint=_rule_hint(name, port))
        address = literal_address(name)
        refusal = self.refusal_of_address(name, port, address=address, rule=rule) if address is not None else None
        if refusal is None and rule is None and is_localhost(name):
            refusal = Verdict(False, reason=f"{name} is this machine", hint=_rule_hint(name, port))
        return refusal or Verdict(True, rule)

    def refusal_of_address(self, host: str, port: int, *, address: IPAddress, rule: HostRule | None) -> Verdict | None:
        """Return why a connection to `host` may not go to `address`; None where it may.

        `rule` is the one that allowed the host, None if open mode did.
        """
        if rule.admits(address) if rule is not None else kind_of(address) is AddressKind.PUBLIC:
            return None
        kind = kind_of(address)
        is_itself = literal_address(host) is not None
        what = f"{host} is" if is_itself else f"{host} leads to {address}, which is"
        missing = "loopback" if rule is not None and is_localhost(host) else f"public ({kind.value})"
        return Verdict(
            False, reason=f"{what} not {missing}", hint=_address_hint(host, port, address=address, kind=kind)
        )

    def explain(self, host: str, port: int) -> str:
        """Return the verdict as a text for a person."""
        target = f"{host}:{port}"
        verdict = self.decide(host, port)
        if not verdict.allowed:
            return f"{target} is refused: {verdict.reason}\nhint: {verdict.hint}"
        by = f"rule {str(verdict.rule)!r}" if verdict.rule is not None else "mode 'open'"
        return f"{target} is allowed by {by}{_condition(verdict.rule)}"

    def _rule_for(self, host: str, port: int) -> HostRule | None:
        """Return the widest permission of those that match, so that the order of the rules does not matter."""
        matching = (rule for rule in self.rules if rule.matches(host, port))
        return max(matching, key=lambda rule: (rule.is_private, not rule.is_wildcard, len(rule.host)), default=None)

    def _why_unlisted(self, host: str, port: int) -> str:
        near = next((rule for rule in self.rules if rule.covers_host(host)), None)
        if near is not None:
            return f"rule {str(near)!r} does not cover port {port}"
        return f"{host} is not one of the allowed hosts"


def _refuse_what_is_no_host(text: str, rest: str) -> None:
    """Tell apart the forms that people write instead of a host, so that each gets the advice that fits."""
    if not rest:
        raise InvalidInput("a host rule is empty", hint="write a host, such as example.com or *.example.com")
    if rest == "*" or rest.startswith("*:"):
        raise InvalidInput(
            f"host rule {text!r} would allow every host",
            hint="name the hosts, or use the network mode `open`, which allows every public one",
        )
    for sign, advice in (
        ("://", "write the host alone, without https://"),
        ("@", "write the host alone, without a user name"),
        ("/", "write the host alone: a rule holds for every path, and cannot name a range of addresses"),
    ):
        if sign in rest:
            # What stands before an @ may be a password.
            shown = "" if "@" in rest else f" {text!r}"
            raise InvalidInput(f"host rule{shown} is no host", hint=advice)
    if "*" in rest.removeprefix("*.").removesuffix(":*"):
        raise InvalidInput(
            f"host rule {text!r} has a * in the wrong place",
            hint="a * stands alone before the first dot (*.example.com) or for every port (example.com:*)",
        )


def _refuse_too_much(text: str, host: str, is_wildcard: bool) -> None:
    if not is_wildcard:
        return
    if literal_address(host) is not None:
        raise InvalidInput(f"host rule {text!r}: nothing is below an address", hint=f"write {host}")
    if "." not in host and host not in _OWN_TOP_LEVELS:
        raise InvalidInput(
            f"host rule {text!r} would allow a whole top-level domain",
            hint=f"name at least one more label, such as *.example.{host}",
        )


def _split_ports(rest: str) -> tuple[str, str | None]:
    if rest.startswith("["):
        host, bracket, after = rest.partition("]")
        return (host + bracket, after[1:]) if after.startswith(":") else (rest, None)
    if rest.count(":") != 1:
        return rest, None  # none, or an IPv6 address without brackets, which gets its own advice
    host, _, ports = rest.partition(":")
    return host, ports


def _parse_ports(text: str, ports: str | None) -> frozenset[int] | None:
    if ports is None:
        return DEFAULT_PORTS
    if ports == "*":
        return None
    numbers = [int(part) if re.fullmatch(r"[1-9][0-9]{0,4}", part) else 0 for part in ports.split(",")]
    if not all(1 <= number <= 65535 for number in numbers):
        raise InvalidInput(
            f"host rule {text!r} has no port after the colon",
            hint="write a number from 1 to 65535, several with commas (80,8080), or * for every port",
        )
    return frozenset(numbers)


def _ports_suffix(ports: frozenset[int] | None) -> str:
    if ports == DEFAULT_PORTS:
        return ""
    return ":*" if ports is None else ":" + ",".join(str(port) for port in sorted(ports))


def _rule_text(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port in DEFAULT_PORTS else with_port(host, port)


def _rule_hint(host: str, port: int) -> str:
    return f"if the browser needs it, add {_rule_text(host, port)!r} to the allowed hosts"


def _mode_hint(host: str, port: int) -> str:
    return f"if the browser needs it, use the network mode `restricted` with {_rule_text(host, port)!r} allowed"


def _address_hint(host: str, port: int, *, address: IPAddress, kind: AddressKind) -> str:
    if kind in _NEVER:
        return "no rule can allow it"
    if literal_address(host) is not None:
        return _rule_hint(host, port)
    if kind in _OPENED_BY_PRIVATE and not is_localhost(host):
        return f"if that is meant, mark the host as private: '{_PRIVATE_MARK}{_rule_text(host, port)}'"
    return f"if that is meant, allow the address itself: {_rule_text(str(address), port)!r}"


def _condition(rule: HostRule | None) -> str:
    if rule is None:
        return ", if it leads to public addresses"
    if literal_address(rule.host) is not None:
        return ""
    if is_localhost(rule.host):
        return ", if it leads to loopback"
    return f", if it leads to public{', private or loopback' if rule.is_private else ''} addresses"
