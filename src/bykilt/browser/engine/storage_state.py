"""What a browser remembers, as one JSON document: cookies, and what each origin stores. Shared by both engines.

Knows the document, which is that of Playwright, and its checks. It holds sessions: it is written for its owner alone,
and nothing of it stands in an error.

Source: https://playwright.dev/python/docs/api/class-browsercontext#browser-context-storage-state
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bykilt.browser.engine.action_result import ActionOutput
from bykilt.browser.engine.cookies import Cookie, from_storage, to_storage
from bykilt.errors import InvalidInput
from bykilt.json_types import JsonObject
from bykilt.storage.atomic_file import write_atomic
from bykilt.storage.errors import StorageError
from bykilt.storage.json_document import decode_object, encode_json

MAX_BYTES = 256 << 20


@dataclass(frozen=True, slots=True)
class StorageState:
    """Cookies, and per origin `localStorage` and `indexedDB` in the words of the document."""

    cookies: tuple[Cookie, ...]
    origins: Mapping[str, Mapping[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return the document."""
        return {
            "cookies": [to_storage(cookie) for cookie in self.cookies],
            "origins": [{"origin": origin, **stored} for origin, stored in self.origins.items()],
        }


def read_storage_state(source: str | Path | Mapping[str, Any]) -> StorageState:
    """Return the state that a file or a document holds.

    Raises:
        InvalidInput: It cannot be read, or is no such document; nothing of its content is shown.
    """
    if isinstance(source, Mapping):
        return _state(source, "storage_state")
    path = Path(source)
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InvalidInput(f"storage_state {path} has more than {MAX_BYTES >> 20} MB", hint="check the path")
        document = decode_object(path.read_bytes())
    except OSError as error:
        raise InvalidInput(f"storage_state {path} cannot be read: {error.strerror}", hint="check the path") from None
    except StorageError:
        raise InvalidInput(f"storage_state {path} is no JSON object", hint="write it with save_storage_state") from None
    return _state(document, str(path))


def _state(document: object, name: str) -> StorageState:
    def bad(place: str, reason: str) -> InvalidInput:
        return InvalidInput(f"storage_state {name}: {place} {reason}", hint="write it with save_storage_state")

    if not isinstance(document, Mapping):
        raise bad("the document", "is no object")
    cookies: list[Cookie] = []
    for at, item in enumerate(_list(document, "cookies", bad)):
        try:
            cookies.append(from_storage(item))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise bad(f"cookies[{at}]", "is no cookie") from None
    origins: dict[str, Mapping[str, Any]] = {}
    for at, item in enumerate(_list(document, "origins", bad)):
        origin = item.get("origin") if isinstance(item, Mapping) else None
        if not isinstance(origin, str) or origin_of(origin) != origin:
            raise bad(f"origins[{at}]", "has no origin such as https://shop.example")
        stored = {key: item.get(key) or [] for key in ("localStorage", "indexedDB")}
        for key, value in stored.items():
            if not isinstance(value, list) or not all(isinstance(each, Mapping) and "name" in each for each in value):
                raise bad(f"origins[{at}].{key}", "is no list of objects with names")
        origins[origin] = stored
    return StorageState(tuple(cookies), origins)


def _list(document: Mapping[str, Any], key: str, bad: Any) -> list[Any]:
    found = document.get(key, [])
    if not isinstance(found, list):
        raise bad(key, "is no list")
    return found


def origin_of(url: str) -> str | None:
    """Return the origin of an address; None for one whose documents store nothing, such as `data:`."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{host}" if port in (None, default) else f"{parts.scheme}://{host}:{port}"


def keep_storage_state(path: Path, state: StorageState) -> ActionOutput:
    """Write the document, readable for its owner alone; return what it holds in numbers.

    Raises:
        StorageError: It could not be written.
    """
    write_atomic(path, encode_json(state.to_json()))
    counts: JsonObject = {"path": str(path), "cookies": len(state.cookies), "origins": list(state.origins)}
    return ActionOutput(counts, {"storage_state_path": str(path)})
