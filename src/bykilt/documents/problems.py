"""What is wrong with a document or with the values given to it, all of it at once.

Knows how a problem reads to a person. Does not know what may be wrong: the readers do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from bykilt.errors import InvalidInput

_MAX_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong: in which file, where, why, and what would be right.

    `pointer` is a JSON pointer (RFC 6901), empty for the whole document. `line` and `column` count from 1 and
    are known for text that is not JSON or YAML at all.
    """

    file: str
    pointer: str
    reason: str
    suggestion: str = ""
    line: int | None = None
    column: int | None = None

    @property
    def place(self) -> str:
        """Where in the file: `line 3, column 7`, a JSON pointer, or `/` for the whole document."""
        if self.line is not None:
            return f"line {self.line}, column {self.column or 1}"
        return self.pointer or "/"

    def __str__(self) -> str:
        text = f"{self.file}: {self.place}: {self.reason}"
        return f"{text} ({self.suggestion})" if self.suggestion else text


class DocumentError(InvalidInput):
    """A document cannot be used; `problems` has every reason."""

    code: ClassVar[str] = "invalid_document"

    def __init__(self, problems: Sequence[Problem], *, hint: str = "") -> None:
        self.problems = tuple(problems)
        shown = [str(problem) for problem in self.problems[:_MAX_SHOWN]]
        if len(self.problems) > _MAX_SHOWN:
            shown.append(f"and {len(self.problems) - _MAX_SHOWN} more")
        if len(shown) > 1:
            shown.insert(0, f"{len(self.problems)} problems")
        super().__init__("\n  ".join(shown), hint=hint)


def nearest(name: str, known: Iterable[str], what: str = "") -> str:
    """Return `did you mean 'x'?`, or the list of what is known, or nothing when nothing is."""
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"did you mean {near[0]!r}?"
    if not names:
        return ""
    listed = ", ".join(names[:30]) + (", …" if len(names) > 30 else "")
    return f"{what or 'known'}: {listed}"


def pointer_to(parent: str, *keys: str | int) -> str:
    """Return the JSON pointer of a place below `parent`, with the escapes of RFC 6901."""
    return parent + "".join("/" + str(key).replace("~", "~0").replace("/", "~1") for key in keys)


def describe(value: object) -> str:
    """Return a value the way an error message shows it: JSON-like and short."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
