"""How a secret looks in a store that is not ours: a JSON document per version, and a note beside the secret.

The document holds value, policy and end of life together, so that no version is ever read with the policy of
another. The note repeats policy and end of life, and counts reads, for those who may not read values. Knows these
two. Does not know the stores.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bykilt.json_types import JsonObject, JsonValue
from bykilt.security.backend import StoredSecret
from bykilt.security.document import policy_json, read_policy
from bykilt.security.errors import VaultDamaged
from bykilt.security.secret import SecretPolicy
from bykilt.storage.errors import StorageError
from bykilt.storage.json_document import compact_json, decode_object


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What is kept beside the versions of a secret."""

    policy: SecretPolicy = field(default_factory=SecretPolicy)
    expires_s: float | None = None
    access_count: int = 0
    accessed_s: float | None = None

    def with_reads(self, count: int, last_s: float) -> Note:
        """Return the note with reads added."""
        return replace(self, access_count=self.access_count + count, accessed_s=max(last_s, self.accessed_s or 0.0))

    def text(self) -> str:
        """Return the note as JSON in ASCII, as every store can keep it."""
        document: JsonObject = {
            "policy": policy_json(self.policy),
            "expires": self.expires_s,
            "accesses": self.access_count,
            "accessed": self.accessed_s,
        }
        return compact_json(document)

    @classmethod
    def parse(cls, text: str) -> Note:
        """Return the note in a text; one that is not ours says nothing."""
        try:
            document = decode_object(text)
            return cls(
                policy=read_policy(document.get("policy")),
                expires_s=_moment(document.get("expires")),
                access_count=int(_moment(document.get("accesses")) or 0),
                accessed_s=_moment(document.get("accessed")),
            )
        except (StorageError, ValueError, TypeError):
            return cls()


def version_document(value: str, policy: SecretPolicy, expires_s: float | None) -> dict[str, JsonValue]:
    """Return what is kept of one version."""
    return {"value": value, "policy": policy_json(policy), "expires": expires_s}


def stored_secret(name: str, version: int, document: JsonObject, where: str) -> StoredSecret:
    """Return the version in a document.

    Raises:
        VaultDamaged: It is none of ours.
    """
    value = document.get("value")
    try:
        if not isinstance(value, str):
            raise TypeError("there is no value")
        policy, expires_s = read_policy(document.get("policy")), _moment(document.get("expires"))
    except (ValueError, TypeError):
        # A policy that cannot be read must not become one that allows everything.
        raise VaultDamaged(where, f"what is kept of {name!r} is no secret of bykilt") from None
    return StoredSecret(name=name, value=value, version=version, policy=policy, expires_s=expires_s)


def _moment(value: JsonValue) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("this is no moment")
    return value
