"""Whatever is done to a ledger's lines is found, and the line is named."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from bykilt.audit.chain import Link, write_line
from bykilt.audit.record import Action, AuditOutcome, AuditRecord, Who
from bykilt.audit.verifier import Finding, verify

WHO = Who("aiko", 1000, 4711, "machine", "test")


def _chain(count: int) -> list[bytes]:
    link, lines = Link(0, "0" * 64), []
    for number in range(count):
        record = AuditRecord(Action.SECRET_READ, f"secret{number + 1}", AuditOutcome.ALLOWED)
        line, link = write_line(record, WHO, 1_795_000_000.0 + number, link)
        lines.append(line)
    return lines


LINES = _chain(8)


def found(lines: list[bytes], *anchors: tuple[str, Link]) -> list[Finding]:
    return verify([(f"l:{number}", line) for number, line in enumerate(lines, 1)], anchors).findings


def told(lines: list[bytes], *anchors: tuple[str, Link]) -> list[tuple[str, int | None]]:
    return [(finding.kind, finding.seq) for finding in found(lines, *anchors)]


def head() -> Link:
    return Link(8, json.loads(LINES[-1])["hash"])


def test_a_whole_ledger_is_whole() -> None:
    assert told(LINES, ("the vault", head())) == []
    assert told([]) == []


def test_an_edited_line_is_named() -> None:
    edited = [line.replace(b"secret4", b"secretX") for line in LINES]
    (finding,) = found(edited)
    assert (finding.kind, finding.place, finding.seq) == ("edited", "l:4", 4)
    assert "line 4 (secret.read secretX)" in finding.message


def test_an_edited_line_whose_hash_was_made_anew_is_named() -> None:
    body = LINES[3].replace(b"secret4", b"secretX").partition(b',"hash"')[0]
    forged = b'%s,"hash":"%s"}\n' % (body, hashlib.sha256(body).hexdigest().encode())
    assert told([*LINES[:3], forged, *LINES[4:]]) == [("replaced", 4)]


def test_a_dropped_line_is_named() -> None:
    (finding,) = found([*LINES[:3], *LINES[5:]])
    assert (finding.kind, finding.seq) == ("dropped", 6)
    assert "the lines 4 to 5 are missing" in finding.message
    assert [finding.message for finding in found(LINES[1:])] == ["line 1 is missing before line 2"]


def test_reordered_lines_are_named() -> None:
    assert told([*LINES[:3], LINES[4], LINES[3], *LINES[5:]]) == [("reordered", 4)]
    assert told([*LINES[:3], *LINES[4:], LINES[3]]) == [("reordered", 4)]


def test_a_repeated_line_is_named() -> None:
    assert told([*LINES, LINES[7]]) == [("repeated", 8)]


@pytest.mark.parametrize("kept", range(8))
def test_an_end_that_was_cut_off_is_found_by_an_anchor(kept: int) -> None:
    assert told(LINES[:kept]) == []
    assert told(LINES[:kept], ("the vault", head())) == [("cut", 8)]


def test_a_last_line_that_was_exchanged_is_found_by_an_anchor() -> None:
    other = _chain(7)
    record = AuditRecord(Action.SECRET_READ, "another", AuditOutcome.ALLOWED)
    line, _ = write_line(record, WHO, 1.0, Link(7, json.loads(other[-1])["hash"]))
    assert told([*other, line]) == []
    assert told([*other, line], ("the vault", head())) == [("replaced", 8)]


def test_lines_that_were_moved_elsewhere_on_purpose_are_not_missed() -> None:
    """If whoever moved them can say after which line the rest begins."""
    placed = [(f"l:{number}", line) for number, line in enumerate(LINES[4:], 1)]
    fourth = Link(4, json.loads(LINES[3])["hash"])
    assert verify(placed, [("the vault", head()), ("an older note", fourth)], begins_after=fourth).findings == []
    kinds = [finding.kind for finding in verify(placed, begins_after=Link(4, "0" * 64)).findings]
    assert kinds == ["replaced"]
    assert [finding.seq for finding in verify(placed[1:], begins_after=fourth).findings] == [6]


def test_lines_that_are_none_are_found() -> None:
    assert told([*LINES[:3], b"something\n", *LINES[3:]]) == [("unreadable", None)]
    assert told([*LINES, LINES[7][:40]]) == [("torn", None)]


def test_a_mark_explains_only_the_line_that_it_is_about() -> None:
    mark = AuditRecord(
        Action.LEDGER_MENDED,
        "a torn line",
        AuditOutcome.SUCCEEDED,
        detail={"bytes": 4, "sha256": hashlib.sha256(b"half").hexdigest()},
    )
    line, _ = write_line(mark, WHO, 1.0, head())
    assert told([*LINES, b"half\n", line]) == []
    assert told([*LINES, b"other\n", line]) == [("unreadable", None)]


@given(some.data())
def test_any_change_of_any_byte_is_found(data: some.DataObject) -> None:
    """Property: no changed byte goes unnoticed, wherever it is."""
    number = data.draw(some.integers(0, 7))
    place = data.draw(some.integers(0, len(LINES[number]) - 2))
    changed = bytearray(LINES[number])
    changed[place] ^= data.draw(some.integers(1, 255))
    whole = b"".join([*LINES[:number], bytes(changed), *LINES[number + 1 :]])
    assert told(whole.splitlines(keepends=True), ("the vault", head())) != []


@given(some.permutations(range(8)))
def test_any_other_order_is_found(order: list[int]) -> None:
    assert (told([LINES[number] for number in order]) == []) == (order == sorted(order))


@given(some.sets(some.integers(0, 7)))
def test_any_missing_lines_are_found(dropped: set[int]) -> None:
    left = [line for number, line in enumerate(LINES) if number not in dropped]
    assert (told(left, ("the vault", head())) == []) == (not dropped)


def test_a_ledger_reads_the_same_from_folder_and_export(tmp_path: Path) -> None:
    from bykilt.audit.reading import raw_lines

    (tmp_path / "export.jsonl").write_bytes(b"".join(LINES))
    assert verify(raw_lines(tmp_path / "export.jsonl")).lines == 8
