"""One SQLite file for many threads and processes."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bykilt.storage.database import Database
from bykilt.storage.errors import DatabaseBusy, DatabaseDamaged, DiskFull, NewerDatabase, NotWritable, StorageError
from tests.support.small_disk import fill

FIRST = "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL)"
SECOND = "ALTER TABLE notes ADD COLUMN author TEXT NOT NULL DEFAULT 'nobody'; CREATE INDEX by_author ON notes (author)"
BROKEN = "ALTER TABLE notes ADD COLUMN colour TEXT; ALTER TABLE no_such_table ADD COLUMN x TEXT"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "notes.sqlite3"


def add(database: Database, text: str) -> None:
    database.write(lambda connection: connection.execute("INSERT INTO notes (text) VALUES (?)", (text,)))


def texts(database: Database) -> list[str]:
    return database.read(lambda connection: [row["text"] for row in connection.execute("SELECT text FROM notes")])


def test_what_was_written_is_read_by_another_opener(path: Path) -> None:
    first, second = Database(path, [FIRST]), Database(path, [FIRST])
    add(first, "a")

    assert texts(second) == ["a"]
    add(second, "b")
    assert texts(first) == ["a", "b"]
    first.close()
    first.close()
    second.close()


def test_its_files_are_for_their_owner_alone(path: Path) -> None:
    database = Database(path, [FIRST])
    add(database, "a")

    assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}
    assert len(list(path.parent.iterdir())) == 4
    database.close()


def test_work_that_fails_leaves_nothing_behind(path: Path) -> None:
    database = Database(path, [FIRST])

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO notes (text) VALUES ('half')")
        raise KeyError

    with pytest.raises(KeyError):
        database.write(half)

    assert texts(database) == []
    add(database, "whole")
    assert texts(database) == ["whole"]
    database.close()


def test_reading_cannot_write(path: Path) -> None:
    database = Database(path, [FIRST])

    with pytest.raises(NotWritable):
        database.read(lambda connection: connection.execute("DELETE FROM notes"))
    assert texts(database) == []
    database.close()


def test_a_reader_is_not_held_up_by_a_writer(path: Path) -> None:
    database = Database(path, [FIRST])
    add(database, "a")

    seen = database.write(lambda connection: (connection.execute("DELETE FROM notes"), texts(database)))[1]

    assert seen == ["a"]
    assert texts(database) == []
    database.close()


def test_an_older_file_is_brought_up_to_date_with_its_content(path: Path) -> None:
    old = Database(path, [FIRST])
    add(old, "kept")
    old.close()

    new = Database(path, [FIRST, SECOND])

    rows = new.read(lambda connection: connection.execute("SELECT text, author FROM notes").fetchall())
    assert [tuple(row) for row in rows] == [("kept", "nobody")]
    new.close()


def test_a_migration_that_fails_has_not_happened(path: Path) -> None:
    old = Database(path, [FIRST])
    add(old, "kept")
    old.close()

    with pytest.raises(StorageError, match="no_such_table"):
        Database(path, [FIRST, BROKEN])

    mended = Database(path, [FIRST, SECOND])
    assert texts(mended) == ["kept"]
    columns = mended.read(lambda connection: [row["name"] for row in connection.execute("PRAGMA table_info(notes)")])
    assert "colour" not in columns
    mended.close()


def test_a_file_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    Database(path, [FIRST, SECOND]).close()
    before = path.read_bytes()

    with pytest.raises(NewerDatabase) as refused:
        Database(path, [FIRST])

    assert "format 2" in refused.value.message
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_and_left_alone(path: Path) -> None:
    path.write_bytes(b"these are my shopping notes " * 100)

    with pytest.raises(DatabaseDamaged) as refused:
        Database(path, [FIRST])

    assert str(path) in refused.value.message
    assert path.read_bytes().startswith(b"these are my shopping notes")


def test_a_folder_in_its_place_is_refused(path: Path) -> None:
    path.mkdir()

    with pytest.raises(NotWritable):
        Database(path, [FIRST])


def test_a_lock_held_too_long_by_another_process_is_an_error_that_says_so(path: Path) -> None:
    database = Database(path, [FIRST], busy_timeout_s=0.1)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(DatabaseBusy):
        add(database, "a")

    other.execute("ROLLBACK")
    other.close()
    add(database, "b")
    assert texts(database) == ["b"]
    database.close()


def test_a_full_disk_is_an_error_that_says_so_and_ends_with_the_cause(small_disk: Path) -> None:
    database = Database(small_disk / "notes.sqlite3", [FIRST])
    add(database, "before")
    fill(small_disk)

    with pytest.raises(DiskFull):
        add(database, "x" * 200_000)
    assert texts(database) == ["before"]

    (small_disk / "filler").unlink()
    (small_disk / "ballast").unlink()
    add(database, "after")
    assert texts(database) == ["before", "after"]
    database.close()


def test_many_threads_lose_nothing(path: Path) -> None:
    database = Database(path, [FIRST])

    def work(name: int) -> None:
        for number in range(10):
            add(database, f"{name}.{number}")
            texts(database)

    threads = [threading.Thread(target=work, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(texts(database))) == 80
    database.close()


WRITER = """
import sys
from pathlib import Path
from bykilt.storage.database import Database

path, migration, name, count = sys.argv[1:]
database = Database(Path(path), [migration])
for number in range(int(count)):
    text = f"{name}.{number}"
    database.write(lambda connection: connection.execute("INSERT INTO notes (text) VALUES (?)", (text,)))
    print(text, flush=True)
"""


def start_writer(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", WRITER, str(path), FIRST, name, str(count)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_that_start_together_on_a_new_file_lose_nothing(path: Path) -> None:
    writers = [start_writer(path, str(name), 20) for name in range(4)]
    for writer in writers:
        writer.communicate()

    assert [writer.returncode for writer in writers] == [0] * 4
    database = Database(path, [FIRST])
    assert len(set(texts(database))) == 80
    database.close()


def test_a_killed_writer_keeps_what_it_had_committed_and_blocks_nobody(path: Path) -> None:
    with start_writer(path, "k", 100_000) as writer:
        assert writer.stdout is not None
        for _ in range(50):
            reported = writer.stdout.readline().strip()
        writer.send_signal(signal.SIGKILL)

    database = Database(path, [FIRST])
    assert reported in texts(database)
    add(database, "after")
    database.close()
