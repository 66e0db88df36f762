"""Secrets in HashiCorp Vault or OpenBao, in a secrets engine of the kind KV version 2.

Knows KV 2 and how to log in. A secret is at `mount/path/name`; its note is in the custom metadata. The only module
that imports `hvac` (`pip install "bykilt[hashicorp]"`).

Source: https://openbao.org/api-docs/secret/kv/kv-v2/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

import hvac
import hvac.exceptions
import requests

from bykilt.security.backend import SecretFacts, StoredSecret
from bykilt.security.errors import BackendRefused, BackendUnavailable, SecretNotFound, VersionConflict
from bykilt.security.remote_secret import Note, stored_secret, version_document
from bykilt.security.secret import SecretPolicy, check_value
from bykilt.security.vault_settings import HashicorpSettings

T = TypeVar("T")

_ATTEMPTS = 5
"""How often a write is tried again when somebody else came first."""

# Custom metadata: at most 64 keys with 512 bytes each.
_NOTE_PART = 400
_NOTE_KEY = "bykilt_note_"


class HashicorpBackend:
    """One path below one mount. Each request has the deadline of the settings."""

    name = "hashicorp"

    def __init__(self, settings: HashicorpSettings, timeout_s: float) -> None:
        self._settings = settings
        self._client = hvac.Client(
            url=settings.url,
            token=settings.token,
            namespace=settings.namespace,
            timeout=timeout_s,
            verify=settings.ca_file or True,
        )
        self._timeout_s = timeout_s

    def read_now(self, name: str) -> StoredSecret | None:
        return None

    def read(self, name: str, version: int | None = None) -> StoredSecret:
        if version is not None:
            current, states = self._versions(name)
            if _is_deleted(states[current]):
                raise SecretNotFound(name, deleted=True)
        answer = self._read(name, version)
        return stored_secret(name, answer["metadata"]["version"], answer["data"], self._where(name))

    def read_all(self) -> Sequence[StoredSecret]:
        found = []
        for name in self.names(deleted=True):
            for number, state in self._versions(name)[1].items():
                if not _is_deleted(state):
                    answer = self._read(name, number)
                    found.append(stored_secret(name, number, answer["data"], self._where(name)))
        return found

    def put(
        self,
        name: str,
        value: str,
        *,
        policy: SecretPolicy | None,
        expires_s: float | None,
        expected_version: int | None,
    ) -> int:
        for _ in range(_ATTEMPTS):
            current, note = self._current(name)
            if expected_version is not None and expected_version != current:
                raise VersionConflict(name, expected_version, current)
            if policy is None:
                check_value(value, note.policy.kind)
            kept = replace(note, policy=policy or note.policy, expires_s=expires_s)
            try:
                return self._put(name, value, current, kept)
            except _CameSecond:
                continue
        raise BackendRefused(f"{self._where(name)} is written all the time", hint="try again later")

    def _put(self, name: str, value: str, current: int, note: Note) -> int:
        path, mount = self._path(name), self._settings.mount
        document = version_document(value, note.policy, note.expires_s)
        try:
            answer = self._asked(
                name,
                lambda kv: kv.create_or_update_secret(path=path, secret=document, cas=current, mount_point=mount),
            )
        except BackendRefused:
            # The server has no code of its own for a version that is not the current one.
            if self._current(name)[0] == current:
                raise
            raise _CameSecond from None
        self._write_note(name, note)
        return int(answer["data"]["version"])

    def delete(self, name: str, *, for_good: bool) -> None:
        current, states = self._versions(name)
        path, mount = self._path(name), self._settings.mount
        if for_good:
            self._asked(name, lambda kv: kv.delete_metadata_and_all_versions(path=path, mount_point=mount))
        elif _is_deleted(states[current]):
            raise SecretNotFound(name, deleted=True)
        else:
            self._asked(name, lambda kv: kv.delete_latest_version_of_secret(path=path, mount_point=mount))

    def undelete(self, name: str) -> None:
        current, _ = self._versions(name)
        path, mount = self._path(name), self._settings.mount
        self._asked(name, lambda kv: kv.undelete_secret_versions(path=path, versions=[current], mount_point=mount))

    def names(self, *, deleted: bool = False) -> Sequence[str]:
        path, mount = self._settings.path, self._settings.mount
        try:
            answer = self._asked("", lambda kv: kv.list_secrets(path=path, mount_point=mount))
        except SecretNotFound:
            return []
        names = sorted(key for key in answer["data"]["keys"] if not key.endswith("/"))
        return [name for name in names if self._is_there(name, deleted=deleted)]

    def facts(self, name: str) -> SecretFacts:
        answer = self._metadata(name)
        current, states = self._states(name, answer)
        note = _note(answer)
        return SecretFacts(
            name=name,
            version=current,
            versions=tuple(number for number, state in states.items() if not state["destroyed"]),
            created_s=_seconds(answer["created_time"]),
            updated_s=_seconds(states[current]["created_time"]),
            access_count=note.access_count,
            accessed_s=note.accessed_s,
            expires_s=note.expires_s,
            deleted_s=_seconds(states[current]["deletion_time"]) if states[current]["deletion_time"] else None,
            policy=note.policy,
        )

    def count_reads(self, reads: dict[str, tuple[int, float]]) -> None:
        for name, (count, last_s) in reads.items():
            try:
                self._write_note(name, _note(self._metadata(name)).with_reads(count, last_s))
            except SecretNotFound:
                pass  # deleted for good since it was read

    def close(self) -> None:
        self._client.adapter.close()

    # ---- inside

    def _path(self, name: str) -> str:
        return f"{self._settings.path}/{name}" if self._settings.path else name

    def _where(self, name: str) -> str:
        return f"{self._settings.url} {self._settings.mount}/{self._path(name)}"

    def _read(self, name: str, version: int | None) -> Mapping[str, Any]:
        path, mount = self._path(name), self._settings.mount
        answer: Mapping[str, Any] = self._asked(
            name,
            lambda kv: kv.read_secret_version(
                path=path, version=version, mount_point=mount, raise_on_deleted_version=False
            ),
            version,
        )
        data: Mapping[str, Any] = answer["data"]
        if data["data"] is None:
            raise SecretNotFound(name, deleted=version is None, version=version)
        return data

    def _metadata(self, name: str) -> Mapping[str, Any]:
        path, mount = self._path(name), self._settings.mount
        answer = self._asked(name, lambda kv: kv.read_secret_metadata(path=path, mount_point=mount))
        data: Mapping[str, Any] = answer["data"]
        return data

    def _versions(self, name: str) -> tuple[int, Mapping[int, Mapping[str, Any]]]:
        return self._states(name, self._metadata(name))

    def _states(self, name: str, metadata: Mapping[str, Any]) -> tuple[int, Mapping[int, Mapping[str, Any]]]:
        """Return the number of the current version, and what became of each."""
        states = {int(number): state for number, state in metadata["versions"].items()}
        if not states:
            raise SecretNotFound(name)
        return int(metadata["current_version"]), dict(sorted(states.items()))

    def _current(self, name: str) -> tuple[int, Note]:
        """Return the number of the current version and the note; 0 and an empty one if there is nothing."""
        try:
            metadata = self._metadata(name)
        except SecretNotFound:
            return 0, Note()
        return int(metadata["current_version"]), _note(metadata)

    def _is_there(self, name: str, *, deleted: bool) -> bool:
        try:
            current, states = self._versions(name)
        except SecretNotFound:
            return False
        return deleted or not _is_deleted(states[current])

    def _write_note(self, name: str, note: Note) -> None:
        text = note.text()
        parts = {
            f"{_NOTE_KEY}{number:02}": text[start : start + _NOTE_PART]
            for number, start in enumerate(range(0, len(text), _NOTE_PART))
        }
        path, mount = self._path(name), self._settings.mount
        self._asked(name, lambda kv: kv.update_metadata(path=path, mount_point=mount, custom_metadata=parts))

    def _asked(self, name: str, ask: Callable[[Any], T], version: int | None = None) -> T:
        """Return the answer to a request; with an AppRole, log in first, and again when the token has ended."""
        with self._explained(name, version):
            if self._client.token is None:
                self._log_in()
            try:
                return ask(self._client.secrets.kv.v2)
            except hvac.exceptions.Forbidden:
                if self._settings.role_id is None:
                    raise
                self._log_in()
                return ask(self._client.secrets.kv.v2)

    def _log_in(self) -> None:
        role_id, secret_id = self._settings.role_id, self._settings.secret_id
        if role_id is None:
            raise BackendRefused(
                f"there is no token for {self._settings.url}",
                hint="set VAULT_TOKEN, or BYKILT_VAULT_ROLE_ID and BYKILT_VAULT_SECRET_ID",
            )
        self._client.auth.approle.login(role_id=role_id, secret_id=secret_id)

    @contextmanager
    def _explained(self, name: str, version: int | None) -> Iterator[None]:
        try:
            yield
        except hvac.exceptions.InvalidPath as error:
            if not error.errors:
                raise SecretNotFound(name, version=version) from None
            # Where there is no engine at all, the server gives a reason; where there is only no secret, none.
            hint = "enable one there (`bao secrets enable -path=… -version=2 kv`), or set BYKILT_VAULT_MOUNT"
            raise BackendRefused(f"{self._where(name)}: there is no secrets engine of KV 2", hint=hint) from error
        except (hvac.exceptions.Forbidden, hvac.exceptions.Unauthorized) as error:
            raise BackendRefused(
                f"{self._where(name)}: permission denied", hint="check the token or role, and its policies"
            ) from error
        except hvac.exceptions.InvalidRequest as error:
            raise BackendRefused(
                f"{self._where(name)}: {_reason(error)}", hint="check mount and path, and how the server is set up"
            ) from error
        except (requests.RequestException, hvac.exceptions.VaultError) as error:
            raise BackendUnavailable(
                f"{self._settings.url} does not answer as it should within {self._timeout_s:g} s: {_reason(error)}",
                hint="check that the server runs, is unsealed and can be reached; BYKILT_VAULT_TIMEOUT_S waits longer",
            ) from error


class _CameSecond(Exception):
    """Somebody else has written a version since we looked."""


def _reason(error: Exception) -> str:
    # A request's own text may hold headers; of these errors the kind says enough.
    return type(error).__name__


def _note(metadata: Mapping[str, Any]) -> Note:
    parts = metadata.get("custom_metadata") or {}
    return Note.parse("".join(parts[key] for key in sorted(parts) if key.startswith(_NOTE_KEY)))


def _is_deleted(state: Mapping[str, Any]) -> bool:
    return bool(state["deletion_time"]) or bool(state["destroyed"])


def _seconds(text: str) -> float:
    # Nine digits of a second come from the server; Python reads six.
    return datetime.fromisoformat(text[:19] + "+00:00").timestamp()
