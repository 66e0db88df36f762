"""The file of a run's events: readable whatever happened to its writer."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bykilt.events.codec import UnknownEvent, encode
from bykilt.events.event_file import EventFile, mend, read_events, read_lines
from bykilt.events.model import Event, Warned
from bykilt.ids import RunId

RUN = RunId("run")


def event(seq: int, text: str = "m") -> Event:
    return Event(RUN, seq, float(seq), Warned("c", text))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def test_events_are_read_back_while_the_file_is_still_written(path: Path) -> None:
    file = EventFile(path)
    file.on_event(event(1))
    file.on_event(event(2))

    assert list(read_events(path, RUN)) == [event(1), event(2)]
    assert list(read_events(path, RUN, after_seq=1)) == [event(2)]

    file.on_event(event(3))
    file.close()
    file.close()
    assert [e.seq for e in read_events(path, RUN)] == [1, 2, 3]


def test_the_file_is_for_its_owner_alone(path: Path) -> None:
    file = EventFile(path)
    file.on_event(event(1))
    file.close()

    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("torn", [b"{", encode(event(3))[:-1], b'{"seq":3,"ti', b"\0" * 100])
def test_a_torn_last_line_is_left_out_and_mended_before_more_is_written(path: Path, torn: bytes) -> None:
    path.write_bytes(encode(event(1)) + encode(event(2)) + torn)

    assert [e.seq for e in read_events(path, RUN)] == [1, 2]
    assert mend(path) == len(torn)
    assert mend(path) == 0

    file = EventFile(path)
    file.on_event(event(3))
    file.close()
    assert [e.seq for e in read_events(path, RUN)] == [1, 2, 3]


def test_a_torn_line_longer_than_one_block_is_mended(path: Path) -> None:
    path.write_bytes(encode(event(1)) + b"x" * 300_000)

    assert mend(path) == 300_000
    assert path.read_bytes() == encode(event(1))


def test_a_file_without_any_whole_line_becomes_empty(path: Path) -> None:
    path.write_bytes(b"x" * 70_000)

    assert mend(path) == 70_000
    assert path.read_bytes() == b""


def test_no_file_needs_no_mending(path: Path) -> None:
    assert mend(path) == 0
    assert not path.exists()


def test_damage_in_the_middle_costs_one_line(path: Path) -> None:
    path.write_bytes(encode(event(1)) + b"\0\0\0 garbage\n" + encode(event(3)))

    assert [e.seq for e in read_events(path, RUN)] == [1, 3]


def test_kinds_of_a_newer_version_are_passed_over_unless_asked_for(path: Path) -> None:
    newer = b'{"seq":2,"time":"1970-01-01T00:00:02Z","kind":"video.recorded"}\n'
    path.write_bytes(encode(event(1)) + newer + encode(event(3)))

    assert [e.seq for e in read_events(path, RUN)] == [1, 3]
    assert list(read_lines(path, RUN))[1] == UnknownEvent(RUN, 2, 2.0, "video.recorded", {})


WRITER = """
import sys
from pathlib import Path
from bykilt.events.event_file import EventFile
from bykilt.events.model import Event, Warned

file = EventFile(Path(sys.argv[1]))
seq = 0
while True:
    seq += 1
    file.on_event(Event("run", seq, 1.0, Warned("c", "x" * (seq % 5000))))
    if seq % 100 == 0:
        print(seq, flush=True)
"""


def test_a_killed_writer_leaves_every_event_that_it_had_written(path: Path) -> None:
    """Contract: kill -9 loses nothing that was published, and at most the end of the file is torn."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        reported = 0
        while reported < 2000:
            reported = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)

    mend(path)
    seqs = [e.seq for e in read_events(path, RUN)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= reported


def test_a_full_disk_leaves_the_file_with_whole_lines(small_disk: Path) -> None:
    path = small_disk / "events.jsonl"
    file = EventFile(path)

    def write_on() -> None:
        for seq in range(1, 1000):
            file.on_event(event(seq, "x" * 3000))

    with pytest.raises(OSError) as raised:
        write_on()

    assert raised.value.errno == errno.ENOSPC
    count = len(list(read_events(path, RUN)))
    assert count > 10
    assert [e.seq for e in read_events(path, RUN)] == list(range(1, count + 1))
    assert path.read_bytes().endswith(b"\n")

    (small_disk / "ballast").unlink()
    file.on_event(event(count + 1))
    file.close()
    assert [e.seq for e in read_events(path, RUN)][-1] == count + 1


def test_an_event_after_closing_opens_the_file_again(path: Path) -> None:
    """A run that waits for its turn holds no descriptor."""
    file = EventFile(path)
    file.on_event(event(1))
    file.close()
    file.on_event(event(2))
    file.close()

    assert [e.seq for e in read_events(path, RUN)] == [1, 2]


def test_a_folder_that_is_gone_is_an_error(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        EventFile(path / "gone" / "events.jsonl").on_event(event(1))
