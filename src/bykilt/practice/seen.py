"""What the practice site saw: the other side's view of a run.

Knows facts and their order, from any thread. Knows nothing of HTTP.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Login:
    """An attempt to log in."""

    user: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that arrived. `size` is in bytes."""

    path: str
    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class FormPost:
    """A form that was sent, with its plain fields."""

    path: str
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Click:
    """A click that a page reported. `is_trusted` is true for real input, false for a script's."""

    page: str
    target: str
    is_trusted: bool


Fact = Login | Upload | FormPost | Click


class Seen:
    """Collects facts; each property is a snapshot, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._facts: list[Fact] = []
        self._downloads: list[str] = []
        self._pages: list[str] = []

    def add(self, *facts: Fact) -> None:
        """Remember what happened."""
        with self._lock:
            self._facts.extend(facts)

    def add_download(self, name: str) -> None:
        """Remember that a file was asked for."""
        with self._lock:
            self._downloads.append(name)

    def add_page(self, path: str) -> None:
        """Remember that a page was shown."""
        with self._lock:
            self._pages.append(path)

    @property
    def logins(self) -> tuple[Login, ...]:
        """Attempts to log in, also those that were turned away."""
        return tuple(fact for fact in self._snapshot() if isinstance(fact, Login))

    @property
    def uploads(self) -> tuple[Upload, ...]:
        """Files that arrived."""
        return tuple(fact for fact in self._snapshot() if isinstance(fact, Upload))

    @property
    def forms(self) -> tuple[FormPost, ...]:
        """Forms that were sent; the login is not among them."""
        return tuple(fact for fact in self._snapshot() if isinstance(fact, FormPost))

    @property
    def clicks(self) -> tuple[Click, ...]:
        """Clicks that the pages reported."""
        return tuple(fact for fact in self._snapshot() if isinstance(fact, Click))

    @property
    def downloads(self) -> tuple[str, ...]:
        """Names of the files that were asked for."""
        with self._lock:
            return tuple(self._downloads)

    @property
    def pages(self) -> tuple[str, ...]:
        """Paths of the pages that were shown."""
        with self._lock:
            return tuple(self._pages)

    def _snapshot(self) -> tuple[Fact, ...]:
        with self._lock:
            return tuple(self._facts)
