"""Writing what a flow has gathered into files of its run: JSON and CSV.

Knows both forms, which names are allowed, and how a CSV file is kept harmless in spreadsheets. Does not know
steps. Everything here waits for the disk: call it from a worker thread in async code.

CSV: UTF-8, comma, `"` doubled inside quotes, CRLF (RFC 4180), one header line. Texts from pages may be meant to
run as formulas where the file is opened (https://owasp.org/www-community/attacks/CSV_Injection): one that begins
with `=`, `+`, `-`, `@` (or their full-width forms), or with a tab or a line break, gets a `'` in front, unless
it is a plain number or the single character alone.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from bykilt.flows.conditions import number_in
from bykilt.flows.model import DataFormat
from bykilt.flows.templates import as_text
from bykilt.json_types import JsonValue
from bykilt.storage.atomic_file import make_private_dir, open_atomic, write_atomic
from bykilt.storage.errors import UnsafePath
from bykilt.storage.json_document import compact_json, encode_json

_FORMULA_STARTS = "=+-@＝＋－＠"
_BREAKS = "\t\r\n"
_MAX_NAME_BYTES = 150


@dataclass(frozen=True, slots=True)
class SavedData:
    """A file that was written: its name below the data folder, with `/`, and what is in it."""

    name: str
    format: DataFormat
    records: int
    size_bytes: int


def save_data(
    folder: Path, name: str, value: JsonValue, format_: DataFormat | None = None, columns: Sequence[str] = ()
) -> SavedData:
    """Write a value into a file below `folder`; a file of that name is replaced as a whole.

    Without a format, a name that ends in `.csv` means CSV, every other JSON.

    Raises:
        UnsafePath: The name leads out of the folder or cannot be a file's.
        StorageError: It could not be written.
    """
    path = _path(folder, name)
    chosen = format_ or (DataFormat.CSV if path.suffix.lower() == ".csv" else DataFormat.JSON)
    make_private_dir(path.parent)
    if chosen is DataFormat.CSV:
        _write_csv(path, value, columns)
    else:
        write_atomic(path, encode_json(value))
    records = len(value) if _is_list(value) and isinstance(value, Sequence) else 1
    relative = path.relative_to(folder.resolve()).as_posix()
    return SavedData(relative, chosen, records, path.stat().st_size)


def _path(folder: Path, name: str) -> Path:
    parts = PurePosixPath(name)
    if not name.strip() or any(not character.isprintable() or character == "\\" for character in name):
        raise UnsafePath(name, "it is empty or holds a character that names must not have")
    if parts.is_absolute() or ".." in parts.parts:
        raise UnsafePath(name, "it leads out of the run's data folder")
    if any(part.startswith(".") for part in parts.parts) or not parts.parts:
        raise UnsafePath(name, "names must not begin with '.'")
    if any(len(part.encode()) > _MAX_NAME_BYTES for part in parts.parts) or len(parts.parts) > 10:
        raise UnsafePath(name[:60] + "…", f"a name may have {_MAX_NAME_BYTES} bytes and ten folders at most")
    root = folder.resolve()
    path = (root / parts).resolve()
    if path == root or not path.is_relative_to(root):
        raise UnsafePath(name, "it leads out of the run's data folder")
    return path


def _write_csv(path: Path, value: JsonValue, columns: Sequence[str]) -> None:
    with open_atomic(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", errors="replace", newline="")
        csv.writer(text).writerows([cell(item) for item in row] for row in csv_rows(value, columns))
        text.flush()
        text.detach()


def csv_rows(value: JsonValue, columns: Sequence[str] = ()) -> Iterator[Sequence[JsonValue]]:
    """Yield the header and then one row per item.

    Objects give a column per key, in the order in which the keys first appear; lists give their items as they
    are, and no header unless `columns` has one; anything else goes into the column `value`.
    """
    items: Sequence[JsonValue] = value if isinstance(value, Sequence) and _is_list(value) else (value,)
    if any(isinstance(item, Mapping) for item in items):
        names = columns or _keys_of(items)
        yield names
        for item in items:
            record = item if isinstance(item, Mapping) else {"value": item}
            yield [record.get(name) for name in names]
        return
    lists = any(_is_list(item) for item in items)
    if columns or (items and not lists):
        yield columns or ["value"]
    for item in items:
        yield item if isinstance(item, Sequence) and _is_list(item) else [item]


def _keys_of(items: Iterable[JsonValue]) -> list[str]:
    names: dict[str, None] = {}
    for item in items:
        names.update(dict.fromkeys(item if isinstance(item, Mapping) else ("value",)))
    return list(names)


def cell(value: JsonValue) -> str:
    """Return a value as the text of one CSV cell, harmless in spreadsheets; null is empty, the rest JSON."""
    if value is None or isinstance(value, bool | int | float):
        return as_text(value)
    text = value if isinstance(value, str) else compact_json(value)
    return "'" + text if _may_be_formula(text) else text


def _may_be_formula(text: str) -> bool:
    if text[:1] and text[:1] in _BREAKS:
        return True
    stripped = text.strip()
    if len(stripped) < 2 or stripped[0] not in _FORMULA_STARTS:
        return False
    return number_in(stripped) is None


def _is_list(value: JsonValue) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
