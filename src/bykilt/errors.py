"""The root of every error that bykilt raises on purpose.

Knows how an error presents itself to people (message, hint) and to programs (code).
Does not know any particular failure: each package defines its own below this root.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """What the command line returns to the shell."""

    OK = 0
    RUN_FAILED = 1
    BAD_INPUT = 2
    MISSING_CAPABILITY = 3
    INTERRUPTED = 130


class BykiltError(Exception):
    """An expected failure: facts in the message, advice in the hint, a stable code.

    `code` is for programs and never changes; `exit_code` is what the command line
    returns when this error ends a command.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[ExitCode] = ExitCode.RUN_FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    def explain(self) -> str:
        """Return message and hint as one text for a person."""
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class InvalidInput(BykiltError):
    """Something a person wrote (file, option, parameter) cannot be used as it is."""

    code = "invalid_input"
    exit_code = ExitCode.BAD_INPUT


class MissingCapability(BykiltError):
    """This machine lacks something that the request needs."""

    code = "missing_capability"
    exit_code = ExitCode.MISSING_CAPABILITY
