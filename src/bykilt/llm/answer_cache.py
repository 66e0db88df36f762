"""Answers that are kept for the very same question of the same owner, encrypted, for a while.

A question is the same if everything that decides its answer is: owner, provider, model, messages, schema and
options. Only answers without chance (`temperature` 0) that came to their own end are kept. The file tells nothing of
questions, answers or owners to who has not got the vault's key. Everything here waits for the disk: call it from a
worker thread in async code. All of it raises `StorageError` when the database cannot do its work.
"""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Protocol

from bykilt.clock import Clock, SystemClock
from bykilt.llm.calls import Call, Completion
from bykilt.llm.settings import CacheSettings
from bykilt.storage.database import Database
from bykilt.storage.errors import StorageError
from bykilt.storage.json_document import compact_json, decode_object

FILE_NAME = "llm-cache.sqlite3"
PURPOSE = "llm answer cache"
_MAX_ENTRY_BYTES = 1 << 20

# Never change one that was released: add the next.
MIGRATIONS = (
    """
    CREATE TABLE answers (mark BLOB PRIMARY KEY, sealed BLOB NOT NULL, expires_s REAL NOT NULL) WITHOUT ROWID;
    CREATE INDEX answers_by_expiry ON answers (expires_s)
    """,
)

# The newest ones stay, as many as there may be, and as far as there is room.
_MAKE_ROOM = """
    DELETE FROM answers WHERE mark IN (
        SELECT mark FROM (
            SELECT mark, row_number() OVER newest AS place, sum(length(sealed)) OVER newest AS bytes
            FROM answers WINDOW newest AS (ORDER BY expires_s DESC, mark)
        ) WHERE place > ? OR bytes > ?
    )
"""


class Seal(Protocol):
    """What the cache needs of whoever has keys."""

    def seal(self, plain: bytes, about: bytes) -> bytes: ...

    def open(self, sealed: bytes, about: bytes) -> bytes | None: ...

    def mark(self, data: bytes) -> bytes: ...


class AnswerCache:
    """The answers of one home."""

    def __init__(self, path: Path, seal: Seal, settings: CacheSettings, clock: Clock | None = None) -> None:
        """Open the database; a new one is made, an older one brought up to date.

        Raises:
            StorageError: It cannot be opened, is damaged, or was written by a newer version.
        """
        self._database = Database(path, MIGRATIONS)
        self._seal = seal
        self._settings = settings
        self._clock = clock or SystemClock()

    def close(self) -> None:
        """Close the database. Calling it twice is fine."""
        self._database.close()

    def get(self, call: Call, provider: str, model: str) -> Completion | None:
        """Return the answer that is kept for a call; None if there is none, or it cannot be trusted any more."""
        if not can_be_kept(call):
            return None
        mark = self._mark(call, provider, model)
        query = "SELECT sealed FROM answers WHERE mark = ? AND expires_s > ?"
        now_s = self._clock.wall_s()
        row = self._database.read(lambda connection: connection.execute(query, (mark, now_s)).fetchone())
        if row is None:
            return None
        plain = self._seal.open(row["sealed"], mark)
        return None if plain is None else _answer(plain, now_s)

    def put(self, call: Call, provider: str, model: str, answer: Completion) -> None:
        """Keep an answer, if it is one that can be kept; the oldest ones make room."""
        if not can_be_kept(call) or answer.finish != "stop":
            return
        mark = self._mark(call, provider, model)
        now_s = self._clock.wall_s()
        expires_s = now_s + self._settings.ttl_s
        plain = compact_json(
            {
                "text": answer.text,
                "prompt_tokens": answer.prompt_tokens,
                "completion_tokens": answer.completion_tokens,
                # Again inside the seal: the column could be set by whoever can write to the file.
                "expires_s": expires_s,
            }
        ).encode()
        if len(plain) > _MAX_ENTRY_BYTES:
            return
        sealed = self._seal.seal(plain, mark)
        row = (mark, sealed, expires_s)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM answers WHERE expires_s <= ?", (now_s,))
            connection.execute("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", row)
            connection.execute(_MAKE_ROOM, (self._settings.max_entries, self._settings.max_bytes))

        self._database.write(work)

    def _mark(self, call: Call, provider: str, model: str) -> bytes:
        options = call.options
        question = [
            options.owner,
            provider,
            model,
            [[str(message.role), message.content] for message in call.messages],
            None if call.schema is None else call.schema_text,
            options.max_tokens,
            options.temperature,
            options.seed,
        ]
        return self._seal.mark(json.dumps(question).encode())


def can_be_kept(call: Call) -> bool:
    """Whether chance has no part in the answer."""
    return call.options.temperature == 0


def _answer(plain: bytes, now_s: float) -> Completion | None:
    try:
        kept = decode_object(plain)
    except StorageError:
        return None
    text, expires_s = kept.get("text"), kept.get("expires_s")
    counts = [kept.get(name) for name in ("prompt_tokens", "completion_tokens")]
    if not isinstance(text, str) or not isinstance(expires_s, float | int) or expires_s <= now_s:
        return None
    prompt_tokens, completion_tokens = (count if isinstance(count, int) else 0 for count in counts)
    return Completion(text, "stop", prompt_tokens, completion_tokens)
