"""A dialog that a page has opened, and the answer to it.

Knows the words only; who answers is told by `Surroundings`.
"""

from __future__ import annotations

from dataclasses import dataclass

from bykilt.ids import PageId


@dataclass(frozen=True, slots=True)
class DialogOpening:
    """`kind` is `alert`, `confirm`, `prompt` or `beforeunload`; `default_text` what stands in a prompt."""

    page_id: PageId | None
    kind: str
    message: str
    default_text: str = ""


@dataclass(frozen=True, slots=True)
class DialogAnswer:
    """`text` is for prompts that are accepted."""

    accept: bool
    text: str | None = None


def dismiss(opening: DialogOpening) -> DialogAnswer:
    """Return the answer of a page that nobody watches: it may be left, and everything else is declined."""
    return DialogAnswer(accept=opening.kind == "beforeunload")
