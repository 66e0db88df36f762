"""Finds what was changed in a ledger: an edited, dropped, reordered, repeated or cut line, and names it. Pure.

Each line is checked against its own hash, and against the line before by number, wherever that stands. What was
cut off at the end leaves no gap: that takes an anchor, a number and hash that are known from elsewhere (the vault,
a copy, a note).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from bykilt.audit.chain import GENESIS, Line, Link, read_line
from bykilt.audit.record import Action

_NOTHING = Link(0, GENESIS)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not right. `kind` is for programs, `place` is `file:line`, `seq` the line's number if known."""

    kind: str
    place: str
    seq: int | None
    message: str


@dataclass(slots=True)
class Verdict:
    """What was found. `torn` are places where a crash tore a line, which a later line explains."""

    lines: int = 0
    last: Link = field(default_factory=lambda: Link(0, GENESIS))
    findings: list[Finding] = field(default_factory=list)
    torn: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class _Placed:
    place: str
    line: Line


def verify(
    lines: Iterable[tuple[str, bytes]], anchors: Sequence[tuple[str, Link]] = (), *, begins_after: Link = _NOTHING
) -> Verdict:
    """Check a ledger's lines, each with its place, in the order in which they stand, ended by their newline or not.

    An anchor is a link that must be in it, with the words for where it is known from. `begins_after` is the last of
    the lines that were moved elsewhere on purpose.
    """
    verdict = Verdict()
    placed = _read(lines, verdict)
    verdict.lines = len(placed)
    by_seq: dict[int, _Placed] = {}
    for each in placed:
        if each.line.seq in by_seq:
            _find(verdict, "repeated", each, f"line {each.line.seq} stands here a second time")
        by_seq.setdefault(each.line.seq, each)
    _check_links(placed, by_seq, begins_after, verdict)
    _check_order(placed, verdict)
    if by_seq:
        last = by_seq[max(by_seq)].line
        verdict.last = Link(last.seq, last.hash)
    for words, anchor in anchors:
        if anchor.seq <= begins_after.seq:
            continue
        _check_anchor(words, anchor, by_seq, verdict)
    return verdict


def _read(lines: Iterable[tuple[str, bytes]], verdict: Verdict) -> list[_Placed]:
    placed: list[_Placed] = []
    torn: tuple[str, bytes] | None = None
    for place, raw in lines:
        line = read_line(raw.removesuffix(b"\n")) if raw.endswith(b"\n") else None
        if torn is not None:
            _judge_torn(torn, line, verdict)
            torn = None
        if line is None:
            torn = (place, raw)
            continue
        placed.append(_Placed(place, line))
        if not line.is_intact:
            _find(verdict, "edited", placed[-1], f"line {line.seq} ({line.action} {line.what}) was edited")
    if torn is not None:
        _judge_torn(torn, None, verdict)
    return placed


def _judge_torn(torn: tuple[str, bytes], following: Line | None, verdict: Verdict) -> None:
    place, raw = torn
    told = following.part("detail") if following is not None and following.action == Action.LEDGER_MENDED else {}
    rest = raw.removesuffix(b"\n")
    if told.get("sha256") == hashlib.sha256(rest).hexdigest() and told.get("bytes") == len(rest):
        verdict.torn.append(place)
    elif following is None and not raw.endswith(b"\n"):
        message = "the last line is torn: a writer was killed in it, or it was cut; the next writer will mark it"
        verdict.findings.append(Finding("torn", place, None, message))
    else:
        verdict.findings.append(
            Finding("unreadable", place, None, "this is no line of a ledger, and nothing explains it")
        )


def _check_links(placed: Sequence[_Placed], by_seq: dict[int, _Placed], begins_after: Link, verdict: Verdict) -> None:
    for each in placed:
        seq = each.line.seq
        if seq == begins_after.seq + 1:
            if each.line.prev != begins_after.hash:
                words = f"line {begins_after.seq}, as it was given" if begins_after.seq else "the beginning of a ledger"
                _find(verdict, "replaced", each, f"line {seq} was not written after {words}")
            continue
        before = by_seq.get(seq - 1)
        if before is None:
            first = max((known for known in by_seq if known < seq), default=begins_after.seq) + 1
            which = f"line {first} is" if first == seq - 1 else f"the lines {first} to {seq - 1} are"
            _find(verdict, "dropped", each, f"{which} missing before line {seq}")
        elif before.line.hash != each.line.prev:
            _find(verdict, "replaced", before, f"line {seq - 1} is not the one that line {seq} was written after")


def _check_order(placed: Sequence[_Placed], verdict: Verdict) -> None:
    highest = 0
    for each in placed:
        if each.line.seq < highest:
            _find(verdict, "reordered", each, f"line {each.line.seq} stands behind line {highest}")
        highest = max(highest, each.line.seq)


def _check_anchor(words: str, anchor: Link, by_seq: dict[int, _Placed], verdict: Verdict) -> None:
    if anchor.seq == 0:
        return
    found = by_seq.get(anchor.seq)
    if found is None:
        message = f"line {anchor.seq} is missing, which {words} knows: the end was cut off"
        verdict.findings.append(Finding("cut", "", anchor.seq, message))
    elif found.line.hash != anchor.hash:
        _find(verdict, "replaced", found, f"line {anchor.seq} is not the one that {words} knows")


def _find(verdict: Verdict, kind: str, each: _Placed, message: str) -> None:
    verdict.findings.append(Finding(kind, each.place, each.line.seq, message))
