"""The ledger on the disk: lines of several processes in one chain, whatever is killed or full meanwhile."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pwd
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bykilt.audit.chain import GENESIS, Link
from bykilt.audit.errors import AuditUnavailable, LedgerDamaged
from bykilt.audit.ledger import Anchor, Ledger, segments
from bykilt.audit.reading import LineFilter, lines, raw_lines
from bykilt.audit.record import Action, AuditOutcome, AuditRecord, Who
from bykilt.audit.verifier import verify
from tests.support.small_disk import fill
from tests.support.small_disk import small_disk as small_disk

WHO = Who("aiko", 1000, 4711, "machine", "test")
KILLS = int(os.environ.get("BYKILT_VAULT_KILLS", "4"))


def record(what: str = "a", action: Action = Action.SECRET_READ) -> AuditRecord:
    return AuditRecord(action, what, AuditOutcome.ALLOWED, {"run": "r1"}, {"version": 1})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "audit"


def test_a_line_says_all_and_is_linked_to_the_one_before(folder: Path) -> None:
    """Contract: the hash is that of the line's bytes before it; anybody can check that with other tools."""
    ledger = Ledger(folder, WHO)
    ledger.append(record("one"))
    ledger.append(record("two"), sync=True)

    first, second = (folder / "ledger-000001.jsonl").read_bytes().splitlines()
    document = json.loads(second)
    assert list(document) == ["seq", "at", "action", "what", "outcome", "who", "where", "detail", "prev", "hash"]
    assert document["who"] == {"user": "aiko", "uid": 1000, "pid": 4711, "host": "machine", "via": "test"}
    assert json.loads(first)["prev"] == GENESIS
    assert document["prev"] == json.loads(first)["hash"]
    assert document["hash"] == hashlib.sha256(second.partition(b',"hash"')[0]).hexdigest()


def test_segments_follow_each_other_in_one_chain(folder: Path) -> None:
    for _ in range(4):
        ledger = Ledger(folder, WHO, segment_bytes=2000)
        for _ in range(10):
            ledger.append(record())
        ledger.close()

    assert len(segments(folder)) > 3
    verdict = verify(raw_lines(folder))
    assert verdict.findings == []
    continued = [line for line, _ in lines(folder, LineFilter(actions=["ledger.continued"]))]
    assert [line.what for line in continued] == [path.name for path in segments(folder)[1:]]
    assert verdict.lines == 40 + len(continued)


def test_two_ledgers_take_turns(folder: Path) -> None:
    """Also by the quick way, and over the end of a segment that the other one has closed."""
    one, other = Ledger(folder, WHO, segment_bytes=3000), Ledger(folder, WHO, segment_bytes=3000)
    for number in range(40):
        for ledger in (one, other):
            if not ledger.try_append(record(str(number))):
                ledger.append(record(str(number)))
    assert verify(raw_lines(folder)).findings == []
    assert [line.what for line, _ in lines(folder, LineFilter(actions=["secret.*"]))] == [
        str(number) for number in range(40) for _ in range(2)
    ]


def test_the_quick_way_gives_way_to_a_writer(folder: Path) -> None:
    one, other = Ledger(folder, WHO), Ledger(folder, WHO)
    one.append(record())
    other.append(record())
    assert not one.try_append(record())  # the end has moved
    one.append(record())
    assert one.try_append(record())
    with other._thread_lock, other._locked(2):
        assert not one.try_append(record())
    assert verify(raw_lines(folder)).lines == 4


def test_an_anchor_tells_whether_its_line_is_still_there(folder: Path) -> None:
    ledger = Ledger(folder, WHO)
    assert ledger.head() == Anchor(1, 0, 0, GENESIS)
    anchor = ledger.append(record())
    ledger.append(record())
    assert ledger.holds(anchor)
    assert [line.seq for line in ledger.since(anchor)] == [2]

    path = segments(folder)[0]
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"what":"a"', b'"what":"b"', 1))
    assert not ledger.holds(anchor)
    path.write_bytes(content[: anchor.offset - 1])
    assert not ledger.holds(anchor)
    path.unlink()
    assert not ledger.holds(anchor)


def test_a_torn_line_is_kept_and_marked_by_the_next_writer(folder: Path) -> None:
    ledger = Ledger(folder, WHO)
    ledger.append(record("one"))
    path = segments(folder)[0]
    with path.open("ab") as file:
        file.write(b'{"seq":2,"at":"20')

    assert [finding.kind for finding in verify(raw_lines(folder)).findings] == ["torn"]
    ledger.append(record("two"))

    verdict = verify(raw_lines(folder))
    assert verdict.findings == []
    assert verdict.torn == ["ledger-000001.jsonl:2"]
    told = [(line.seq, line.action) for line, _ in lines(folder)]
    assert told == [(1, "secret.read"), (2, "ledger.mended"), (3, "secret.read")]
    assert b'{"seq":2,"at":"20\n' in path.read_bytes()


def test_an_end_that_cannot_be_read_is_not_written_behind(folder: Path) -> None:
    folder.mkdir(mode=0o700)
    (folder / "ledger-000001.jsonl").write_bytes(b"this is something else\n")
    with pytest.raises(LedgerDamaged):
        Ledger(folder, WHO).append(record())


def test_a_full_disk_is_an_error_and_leaves_no_half_line(small_disk: Path) -> None:
    ledger = Ledger(small_disk / "audit", WHO)
    ledger.append(record())
    fill(small_disk)

    def write_many() -> None:
        for _ in range(100):
            ledger.append(record("x" * 1000))

    with pytest.raises(AuditUnavailable):
        write_many()

    assert verify(raw_lines(small_disk / "audit")).findings == []
    (small_disk / "filler").unlink()
    ledger.append(record("after"))
    assert verify(raw_lines(small_disk / "audit")).findings == []


def test_a_ledger_that_was_removed_under_a_writer_is_begun_again(folder: Path) -> None:
    """What follows is a ledger of its own; the vault's anchor tells that the old one is gone."""
    ledger = Ledger(folder, WHO)
    anchor = ledger.append(record())
    segments(folder)[0].unlink()
    ledger.append(record("after"))
    assert [line.what for line, _ in lines(folder)] == ["after"]
    assert not ledger.holds(anchor)


WRITER = """
import sys
from pathlib import Path
from bykilt.audit.ledger import Ledger
from bykilt.audit.record import Action, AuditOutcome, AuditRecord, Who

ledger = Ledger(Path(sys.argv[1]), Who.this_process("test"), segment_bytes=20_000)
for number in range(int(sys.argv[3])):
    ledger.append(AuditRecord(Action.SECRET_READ, f"{sys.argv[2]}.{number}", AuditOutcome.ALLOWED))
    print(f"{sys.argv[2]}.{number}", flush=True)
"""


def start(folder: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(folder), name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_four_processes_write_one_chain(folder: Path) -> None:
    processes = [start(folder, f"p{number}", 150) for number in range(4)]
    said = [process.communicate(timeout=60)[0].split() for process in processes]

    assert [len(each) for each in said] == [150] * 4
    assert verify(raw_lines(folder)).findings == []
    assert {line.what for line, _ in lines(folder, LineFilter(actions=["secret.read"]))} == {
        what for each in said for what in each
    }


def test_a_writer_killed_at_any_moment_leaves_a_chain(folder: Path) -> None:
    """What was reported is there."""
    reported = []
    for kill in range(KILLS):
        process = start(folder, f"k{kill}", 100_000)
        assert process.stdout is not None
        for _ in range(5 + 7 * (kill % 9)):
            reported.append(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
        process.communicate()
        Ledger(folder, WHO).append(record("between"))
        verdict = verify(raw_lines(folder))
        assert verdict.findings == []
    assert set(reported) - {line.what for line, _ in lines(folder)} == set()


def test_a_forked_process_writes_under_a_lock_and_a_pid_of_its_own(folder: Path) -> None:
    ledger = Ledger(folder, Who.this_process("test"))
    ledger.append(record("parent"))
    code = (
        "import os, sys\nfrom pathlib import Path\n"
        "from bykilt.audit.ledger import Ledger\nfrom bykilt.audit.record import *\n"
        "ledger = Ledger(Path(sys.argv[1]), Who.this_process('test'))\n"
        "say = lambda n: ledger.append(AuditRecord(Action.LOGIN, str(n), AuditOutcome.ALLOWED))\n"
        "say(0)\nchild = os.fork()\n"
        "for n in range(100): say(n)\n"
        "child and os.waitpid(child, 0)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(folder)], check=True, timeout=60)
    found = [line for line, _ in lines(folder, LineFilter(actions=["login"]))]
    assert verify(raw_lines(folder)).findings == []
    assert len(found) == 201
    assert len({line.part("who")["pid"] for line in found}) == 2


@dataclass(slots=True)
class Notebook:
    """A courier whose lines are seen, and which can be closed."""

    name: str = "notebook"
    lines: list[bytes] = field(default_factory=list)
    is_closed: bool = False

    def carry(self, line: bytes) -> None:
        if self.is_closed:
            raise OSError(5, "closed")
        self.lines.append(line)

    def close(self) -> None:
        return


def test_couriers_get_every_line_and_a_failing_one_is_on_record_once(folder: Path) -> None:
    notebook = Notebook()
    ledger = Ledger(folder, WHO, couriers=[notebook])
    ledger.append(record("one"))
    assert b"".join(notebook.lines) == segments(folder)[0].read_bytes()

    notebook.is_closed = True
    ledger.append(record("two"))
    ledger.append(record("three"))
    told = [(line.action, line.what) for line, _ in lines(folder)]
    assert told[1:] == [("secret.read", "two"), ("ledger.not_shipped", "notebook"), ("secret.read", "three")]
    assert verify(raw_lines(folder)).last == Link(4, ledger.head().hash)


def test_who_it_was_does_not_come_from_variables(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER", "somebody-else")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    who = Who.this_process()
    assert who.user == pwd.getpwuid(os.getuid()).pw_name
    assert (who.uid, who.pid) == (os.getuid(), os.getpid())


def test_a_line_that_is_being_written_is_no_torn_line(folder: Path) -> None:
    """A reader reads up to where the ledger ended when nobody was writing."""
    ledger = Ledger(folder, WHO)
    for number in range(100):  # more than a reader has in its buffer at once
        ledger.append(record(str(number)))
    reading = raw_lines(folder)
    next(reading)
    with segments(folder)[0].open("ab") as file:
        file.write(b'{"seq":101,"at":"20')

    assert len(list(reading)) == 99
    assert [finding.kind for finding in verify(raw_lines(folder)).findings] == ["torn"]


def test_a_reader_waits_for_a_line_to_be_whole(folder: Path) -> None:
    """The control is the lock itself: with it held, no reader begins."""
    ledger = Ledger(folder, WHO)
    ledger.append(record())
    code = "import sys; from pathlib import Path; from bykilt.audit.reading import raw_lines; "
    code += "print('begun', flush=True); print(len(list(raw_lines(Path(sys.argv[1])))), flush=True)"
    with ledger._locked(fcntl.LOCK_EX):
        reader = subprocess.Popen([sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True)
        assert reader.stdout is not None
        assert reader.stdout.readline() == "begun\n"
        with segments(folder)[0].open("ab") as file:
            file.write(segments(folder)[0].read_bytes())
    assert reader.communicate(timeout=60)[0] == "2\n"
