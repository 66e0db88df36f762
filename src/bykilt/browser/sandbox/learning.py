"""From what a run reached to the profile that it needs, for a person to look through. Pure.

Knows how such a profile is written. It widens nothing: a host is taken with the ports that were used, and what was
refused, or asked for by Chromium of itself, is left as a comment.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Protocol

from bykilt.browser.sandbox.egress.host_rules import DEFAULT_PORTS, HostRule

# What Chromium calls for its own sake in spite of the switches against it: updates of itself and of its components.
_CHROMIUMS_OWN = frozenset(
    {
        "clients2.google.com",
        "clients2.googleusercontent.com",
        "edgedl.me.gvt1.com",
        "optimizationguide-pa.googleapis.com",
        "redirector.gvt1.com",
        "safebrowsingohttpgateway.googleapis.com",
        "update.googleapis.com",
    }
)


class Decision(Protocol):
    """One connection that the browser asked for: where to, whether it was allowed, by which rule, or why not."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def allowed(self) -> bool: ...
    @property
    def rule(self) -> str: ...
    @property
    def reason(self) -> str: ...


def profile_from_hosts(decisions: Iterable[Decision], *, name: str, flow: str) -> str:
    """Return a file of one profile, in YAML, that lets through what was reached and nothing else.

    `flow` says for people where it comes from.
    """
    seen = list(decisions)
    needed = _rules(decision for decision in seen if decision.allowed and not _is_chromiums(decision))
    lines = [
        "# What a run reached. Look at every line before you use it: each host may receive what the pages know.",
        "schema_version: 1",
        "profiles:",
        f"  {name}:",
        f"    description: {_quoted(f'learned from a run of {flow}')}",
    ]
    if needed:
        lines += ["    network: restricted", "    allowed_hosts:", *(f"      - {_quoted(rule)}" for rule in needed)]
    else:
        lines.append("    network: none  # the run reached no host")
    lines += _remarks(
        "Asked for by Chromium itself, not by the pages; they work without:",
        [_one_line(rule) for rule in _rules(decision for decision in seen if _is_chromiums(decision))],
    )
    refused = {str(_rule(each)): each.reason for each in seen if not each.allowed and not _is_chromiums(each)}
    lines += _remarks(
        "Refused in this run; add one only if the flow needs it:",
        [_one_line(f"{rule}  # {reason}") for rule, reason in sorted(refused.items()) if rule not in needed],
    )
    return "\n".join(lines) + "\n"


def _rules(decisions: Iterable[Decision]) -> list[str]:
    """Return a rule for each host, in alphabetical order of the rules."""
    ports: dict[tuple[str, bool], set[int]] = {}
    for decision in decisions:
        ports.setdefault((decision.host, decision.rule.startswith("private:")), set()).add(decision.port)
    return sorted(
        str(HostRule(host, ports=DEFAULT_PORTS if used <= DEFAULT_PORTS else frozenset(used), is_private=is_private))
        for (host, is_private), used in ports.items()
    )


def _rule(decision: Decision) -> HostRule:
    ports = DEFAULT_PORTS if decision.port in DEFAULT_PORTS else frozenset({decision.port})
    return HostRule(decision.host, ports=ports)


def _is_chromiums(decision: Decision) -> bool:
    return decision.host in _CHROMIUMS_OWN


def _remarks(head: str, entries: list[str]) -> Iterator[str]:
    if entries:
        yield f"    # {head}"
        yield from (f"    #   - {entry}" for entry in entries)


def _quoted(text: str) -> str:
    """Return a text as YAML and JSON both read it, whatever is in it."""
    return json.dumps(text, ensure_ascii=True)


def _one_line(text: str) -> str:
    """Return a reason that cannot end the comment that it stands in: hosts come from pages."""
    return "".join(char if char.isprintable() else " " for char in text)
