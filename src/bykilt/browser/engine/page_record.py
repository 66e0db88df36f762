"""What pages have said lately: console messages, and errors that no script caught. Bounded."""

from __future__ import annotations

from collections import deque
from typing import Any

from bykilt.events.model import ConsoleMessage, Fact, PageError

MAX_CONSOLE_MESSAGES = 1000
MAX_PAGE_ERRORS = 200


class PageRecord:
    """Keeps the latest of both."""

    def __init__(self) -> None:
        self._console: deque[ConsoleMessage] = deque(maxlen=MAX_CONSOLE_MESSAGES)
        self._errors: deque[PageError] = deque(maxlen=MAX_PAGE_ERRORS)

    def hear(self, fact: Fact) -> None:
        """Keep a fact if it is one of these."""
        if isinstance(fact, ConsoleMessage):
            self._console.append(fact)
        elif isinstance(fact, PageError):
            self._errors.append(fact)

    def console_messages(self) -> list[dict[str, Any]]:
        """Return the console messages, oldest first: level, text, args, location, time."""
        return [
            {
                "level": message.level,
                "text": message.text,
                "args": list(message.args),
                "location": {"url": message.url, "line": message.line, "column": message.column},
                "time_ms": message.time_ms,
                "page": message.page_id,
            }
            for message in self._console
        ]

    def errors(self) -> list[dict[str, Any]]:
        """Return the errors, oldest first: name, message, stack, location, time."""
        return [
            {
                "name": error.name,
                "message": error.message,
                "stack": error.stack,
                "location": {"url": error.url, "line": error.line, "column": error.column},
                "time_ms": error.time_ms,
                "page": error.page_id,
            }
            for error in self._errors
        ]
