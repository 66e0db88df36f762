"""Files of lines `NAME=value`, as programs leave them in `.env`. Knows the notation; expands nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bykilt.errors import InvalidInput

_LINE = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")


def read_dotenv(path: Path) -> Mapping[str, str]:
    """Return the variables of a file. Quotes around a value are taken off; `#` begins a comment at a line's start.

    Raises:
        InvalidInput: It cannot be read, or a line is none; the line's number is named, its text is not.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}", hint="name a text file of lines NAME=value") from None
    found: dict[str, str] = {}
    for number, line in enumerate((line.strip() for line in lines), 1):
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise InvalidInput(f"{path}:{number} is no line NAME=value", hint="correct it, or begin it with #")
        value = match[2]
        is_quoted = len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'"
        found[match[1]] = value[1:-1] if is_quoted else value
    return found
