"""Models that the user has added: a GGUF file of this machine by its path and SHA-256, under a name.

Knows the list in the home, and how to tell that a file is still the one that was added. Blocks. Does not know Docker.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bykilt.errors import InvalidInput
from bykilt.json_types import JsonObject
from bykilt.llm.calls import MODEL
from bykilt.llm.errors import ModelChanged
from bykilt.llm.policy import MountedModel, memory_bytes
from bykilt.storage.atomic_file import make_private_dir, write_atomic
from bykilt.storage.errors import StorageError
from bykilt.storage.json_document import decode_object, encode_json

FILE_NAME = "llm-models.json"
DEFAULT_CONTEXT_TOKENS = 2048
DEFAULT_MEMORY = "2g"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_HASH = re.compile(r"[0-9a-f]{64}")
_MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True, kw_only=True)
class AddedModel:
    """A model: its file (no symbolic link), what the file is, and what its container needs.

    `seen` is what the file system said of the file when its hash was right; a file of which it says the same is not
    read again.
    """

    name: str
    path: Path
    sha256: str
    context_tokens: int
    memory: str
    seen: MountedModel

    def checked(self) -> MountedModel:
        """Return the file as it is to be mounted, once it is certain that it is the one that was added.

        Raises:
            ModelChanged: It is not there, cannot be read by the container, or is another one.
        """
        with _opened(self.path) as file:
            now = _identity(self.path, file)
            if now != self.seen and _sha256(file) != self.sha256:
                raise ModelChanged(self.name, self.path, "its content is not what was added")
            if _identity(self.path, file) != now:
                raise ModelChanged(self.name, self.path, "it changed while it was read")
            return now


class AddedModels:
    """The list of a home."""

    def __init__(self, home: Path) -> None:
        """Take the home; nothing is read before it is needed."""
        self._file = home / FILE_NAME

    def all(self) -> list[AddedModel]:
        """Return the models by their names.

        Raises:
            StorageError: The list cannot be read.
        """
        try:
            content = self._file.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StorageError(f"{self._file} cannot be read: {error.strerror}") from error
        return sorted((_read(name, one) for name, one in decode_object(content).items()), key=lambda model: model.name)

    def find(self, name: str) -> AddedModel:
        """Return a model.

        Raises:
            InvalidInput: There is none of that name.
            StorageError: The list cannot be read.
        """
        models = {model.name: model for model in self.all()}
        if name not in models:
            raise InvalidInput(
                f"there is no model {name!r} in the sandbox",
                hint=f"there are {', '.join([MODEL, *models])}; bykilt llm models add NAME --file PATH --sha256 HEX",
            )
        return models[name]

    def add(
        self,
        name: str,
        file: Path,
        sha256: str,
        *,
        context_tokens: int = DEFAULT_CONTEXT_TOKENS,
        memory: str = DEFAULT_MEMORY,
    ) -> AddedModel:
        """Add a file, which is read once from its beginning to its end; one of that name is replaced.

        Raises:
            InvalidInput: The name or a number cannot be used, or it is no GGUF file of that hash that others may read.
            StorageError: The list cannot be written.
        """
        if not _NAME.fullmatch(name) or name == MODEL:
            raise InvalidInput(
                f"a model cannot be called {name!r}",
                hint="a name has small letters, digits, '.', '_' and '-', and is not the built-in model's",
            )
        if not _HASH.fullmatch(sha256.lower()):
            raise InvalidInput(f"{sha256!r} is no SHA-256", hint="it has 64 hexadecimal digits: sha256sum FILE")
        if not 256 <= context_tokens <= 1 << 20:
            raise InvalidInput("a model reads 256 to 1048576 tokens")
        memory_bytes(memory)
        path = file.resolve()
        try:
            with _opened(path) as opened:
                seen = _identity(path, opened)
                _require_gguf(path, opened)
                if (found := _sha256(opened)) != sha256.lower():
                    raise InvalidInput(f"{path} has the SHA-256 {found}", hint="it is not the file that was meant")
                if _identity(path, opened) != seen:
                    raise InvalidInput(f"{path} changed while it was read", hint="add it when nobody writes to it")
        except ModelChanged as error:
            raise InvalidInput(error.message, hint=error.hint) from error
        model = AddedModel(
            name=name, path=path, sha256=sha256.lower(), context_tokens=context_tokens, memory=memory, seen=seen
        )
        self._change(name, _written(model))
        return model

    def remove(self, name: str) -> None:
        """Take a model off the list; its file stays.

        Raises:
            InvalidInput: There is none of that name.
            StorageError: The list cannot be written.
        """
        self.find(name)
        self._change(name, None)

    def _change(self, name: str, one: JsonObject | None) -> None:
        make_private_dir(self._file.parent)
        folder = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)  # two that add at once must not lose one
            models = {model.name: _written(model) for model in self.all() if model.name != name}
            document: JsonObject = {**models, **({name: one} if one is not None else {})}
            write_atomic(self._file, encode_json(document))
        finally:
            os.close(folder)


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise ModelChanged(path.name, path, f"it cannot be opened: {error.strerror}") from error
    try:
        yield file
    finally:
        os.close(file)


def _identity(path: Path, file: int) -> MountedModel:
    facts = os.fstat(file)
    if not stat.S_ISREG(facts.st_mode):
        raise ModelChanged(path.name, path, "it is no file")
    if not facts.st_mode & stat.S_IROTH:
        raise ModelChanged(path.name, path, "the container's user may not read it (chmod o+r)")
    return MountedModel(
        path=str(path),
        inode=facts.st_ino,
        size=facts.st_size,
        written_ns=facts.st_mtime_ns,
        changed_ns=facts.st_ctime_ns,
    )


def _require_gguf(path: Path, file: int) -> None:
    if os.pread(file, len(_MAGIC), 0) != _MAGIC:
        raise InvalidInput(f"{path} is no GGUF file", hint="models of llama.cpp are")


def _sha256(file: int) -> str:
    with os.fdopen(os.dup(file), "rb") as stream:
        stream.seek(0)
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _written(model: AddedModel) -> JsonObject:
    seen = model.seen
    return {
        "path": str(model.path),
        "sha256": model.sha256,
        "context_tokens": model.context_tokens,
        "memory": model.memory,
        "seen": {
            "inode": seen.inode, "size": seen.size, "written_ns": seen.written_ns, "changed_ns": seen.changed_ns,
        },
    }  # fmt: skip


def _read(name: str, one: object) -> AddedModel:
    """Return what the list says; what it does not say as it must is damage, and nothing is guessed."""
    try:
        assert isinstance(one, dict)
        seen = one["seen"]
        facts = MountedModel(
            path=one["path"], inode=int(seen["inode"]), size=int(seen["size"]), written_ns=int(seen["written_ns"]),
            changed_ns=int(seen["changed_ns"]),
        )  # fmt: skip
        memory_bytes(one["memory"])
        return AddedModel(
            name=name, path=Path(one["path"]), sha256=str(one["sha256"]), context_tokens=int(one["context_tokens"]),
            memory=one["memory"], seen=facts,
        )  # fmt: skip
    except (AssertionError, AttributeError, InvalidInput, LookupError, TypeError, ValueError) as error:
        raise StorageError(
            f"{FILE_NAME} is damaged at {name!r}", hint="remove the file and add the models again"
        ) from error
