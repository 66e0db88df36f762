"""What the vault needs of whatever keeps the secrets. Knows the contract, and no backend.

Everything in it waits for disk or network, and is called from worker threads; but for `read_now`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from bykilt.security.secret import SecretPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSecret:
    """One version of a secret, as a backend gives it."""

    name: str
    value: str = field(repr=False)
    version: int
    policy: SecretPolicy = field(default_factory=SecretPolicy)
    expires_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretFacts:
    """What is known of a secret without its value. Times in seconds since 1970; None where it was never."""

    name: str
    version: int
    versions: tuple[int, ...]
    created_s: float | None
    updated_s: float | None
    access_count: int = 0
    accessed_s: float | None = None
    expires_s: float | None = None
    deleted_s: float | None = None
    policy: SecretPolicy = field(default_factory=SecretPolicy)


class SecretBackend(Protocol):
    """Keeps secrets with their versions, policies and dates.

    Raises, each of them:
        SecretNotFound: There is no such secret or version, or it is deleted.
        BackendUnavailable: It does not answer, or not in time.
        BackendRefused: It answers no.
        NotSupported: It cannot do that at all.
    """

    name: str

    def read_now(self, name: str) -> StoredSecret | None:
        """Return the current version if that needs no waiting, else None."""
        ...

    def read(self, name: str, version: int | None = None) -> StoredSecret:
        """Return a version, the current one by default."""
        ...

    def read_all(self) -> Sequence[StoredSecret]:
        """Return every version of every secret, expired ones too, and deleted ones where the backend still has them."""
        ...

    def put(
        self,
        name: str,
        value: str,
        *,
        policy: SecretPolicy | None,
        expires_s: float | None,
        expected_version: int | None,
    ) -> int:
        """Keep a value as the current version, and return its number; a policy of None leaves the one there is.

        Raises:
            VersionConflict: `expected_version` is not the current one; 0 stands for none.
        """
        ...

    def delete(self, name: str, *, for_good: bool) -> None:
        """Delete a secret so that `undelete` can bring it back, or with all its versions for good."""
        ...

    def undelete(self, name: str) -> None:
        """Bring a deleted secret back."""
        ...

    def names(self, *, deleted: bool = False) -> Sequence[str]:
        """Return the names in order; the deleted ones too, if wanted."""
        ...

    def facts(self, name: str) -> SecretFacts:
        """Return what is known of a secret, a deleted one too."""
        ...

    def count_reads(self, reads: dict[str, tuple[int, float]]) -> None:
        """Add reads to the counts: name to how many, and when the last one was, in seconds since 1970."""
        ...

    def close(self) -> None:
        """Let go of what is open. Calling it twice is fine."""
        ...
