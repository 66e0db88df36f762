"""Secrets that are environment variables: read-only, for containers whose platform injects them.

The secret `shop_password` is the variable `BYKILT_SECRET_SHOP_PASSWORD`. There are no versions, policies or dates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NoReturn

from bykilt.security.backend import SecretFacts, StoredSecret
from bykilt.security.errors import NotSupported, SecretNotFound
from bykilt.security.secret import SecretPolicy

PREFIX = "BYKILT_SECRET_"


class EnvironmentBackend:
    """The variables that the process was started with."""

    name = "env"

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._reads: dict[str, tuple[int, float]] = {}

    def read_now(self, name: str) -> StoredSecret | None:
        return None  # what is read by the other way is counted

    def read(self, name: str, version: int | None = None) -> StoredSecret:
        value = self._environ.get(variable_of(name), "")
        if not value or version not in (None, 1):
            raise SecretNotFound(name, version=version)
        return StoredSecret(name=name, value=value, version=1)

    def read_all(self) -> Sequence[StoredSecret]:
        return [self.read(name) for name in self.names()]

    def put(
        self,
        name: str,
        value: str,
        *,
        policy: SecretPolicy | None,
        expires_s: float | None,
        expected_version: int | None,
    ) -> int:
        self._refuse("keep a value")

    def delete(self, name: str, *, for_good: bool) -> None:
        self._refuse("delete a secret")

    def undelete(self, name: str) -> None:
        self._refuse("bring a secret back")

    def names(self, *, deleted: bool = False) -> Sequence[str]:
        found = (name.removeprefix(PREFIX).lower() for name, value in self._environ.items() if value and _is_ours(name))
        return sorted(found)

    def facts(self, name: str) -> SecretFacts:
        self.read(name)
        count, last_s = self._reads.get(name, (0, None))
        return SecretFacts(
            name=name, version=1, versions=(1,), created_s=None, updated_s=None, access_count=count, accessed_s=last_s
        )

    def count_reads(self, reads: dict[str, tuple[int, float]]) -> None:
        for name, (count, last_s) in reads.items():
            self._reads[name] = (self._reads.get(name, (0, 0.0))[0] + count, last_s)

    def close(self) -> None:
        return

    def _refuse(self, what: str) -> NoReturn:
        raise NotSupported(self.name, what)


def variable_of(name: str) -> str:
    """Return the variable that a secret is in."""
    return PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper())


def _is_ours(variable: str) -> bool:
    return variable.startswith(PREFIX) and len(variable) > len(PREFIX)
