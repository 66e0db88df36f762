"""What is sealed in the vault: every secret with its versions, policy and dates. Pure: no file, key or clock.

Knows the rules of versions, deletion and expiry. Times are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from bykilt.json_types import JsonObject, JsonValue
from bykilt.security.errors import SecretNotFound, VersionConflict
from bykilt.security.secret import SecretKind, SecretPolicy, check_value

MAX_VERSIONS = 10
"""How many values of a secret are kept; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class SecretVersion:
    """One value that a secret has or had."""

    version: int
    value: str = field(repr=False)
    created_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretEntry:
    """One secret; its versions in order, the current one last."""

    created_s: float
    updated_s: float
    versions: tuple[SecretVersion, ...]
    policy: SecretPolicy = field(default_factory=SecretPolicy)
    expires_s: float | None = None
    deleted_s: float | None = None
    access_count: int = 0
    accessed_s: float | None = None

    @property
    def version(self) -> int:
        """The number of the current version."""
        return self.versions[-1].version

    def is_expired(self, now_s: float) -> bool:
        """Whether its time is over."""
        return self.expires_s is not None and now_s >= self.expires_s

    def get(self, name: str, version: int | None = None) -> SecretVersion:
        """Return a version, the current one by default.

        Raises:
            SecretNotFound: The secret is deleted, or the version was never there or is gone.
        """
        if self.deleted_s is not None:
            raise SecretNotFound(name, deleted=True)
        for kept in reversed(self.versions):
            if version is None or kept.version == version:
                return kept
        raise SecretNotFound(name, version=version)


def with_value(
    entry: SecretEntry | None,
    name: str,
    value: str,
    *,
    now_s: float,
    policy: SecretPolicy | None,
    expires_s: float | None,
    expected_version: int | None = None,
) -> SecretEntry:
    """Return the secret with a value more. A policy of None keeps the one it has; a deleted one comes back.

    `expected_version` is the current version that the caller knows, 0 for none; None does not ask.

    Raises:
        VersionConflict: The current version is another one.
        InvalidSecret: The policy that stays wants another kind of value.
    """
    current = 0 if entry is None else entry.version
    if expected_version is not None and expected_version != current:
        raise VersionConflict(name, expected_version, current)
    if entry is not None and policy is None:
        check_value(value, entry.policy.kind)
    added = SecretVersion(current + 1, value, now_s)
    if entry is None:
        return SecretEntry(
            created_s=now_s, updated_s=now_s, versions=(added,), policy=policy or SecretPolicy(), expires_s=expires_s
        )
    return replace(
        entry,
        updated_s=now_s,
        versions=(*entry.versions, added)[-MAX_VERSIONS:],
        policy=policy or entry.policy,
        expires_s=expires_s,
        deleted_s=None,
    )


def entry_json(entry: SecretEntry) -> JsonObject:
    """Return an entry as it is sealed. What is at its default is left out."""
    document: dict[str, JsonValue] = {
        "created": entry.created_s,
        "updated": entry.updated_s,
        "versions": [
            {"version": kept.version, "value": kept.value, "created": kept.created_s} for kept in entry.versions
        ],
    }
    policy = policy_json(entry.policy)
    optional: dict[str, JsonValue] = {
        "policy": policy,
        "expires": entry.expires_s,
        "deleted": entry.deleted_s,
        "accesses": entry.access_count,
        "accessed": entry.accessed_s,
    }
    return document | {key: value for key, value in optional.items() if value}


def policy_json(policy: SecretPolicy) -> JsonObject:
    """Return a policy as backends keep it. What is at its default is left out."""
    document: dict[str, JsonValue] = {}
    if policy.origins:
        document["origins"] = list(policy.origins)
    if policy.flows:
        document["flows"] = list(policy.flows)
    if policy.password_only:
        document["password_only"] = True
    if policy.kind is not SecretKind.TEXT:
        document["kind"] = str(policy.kind)
    return document


def read_policy(document: object) -> SecretPolicy:
    """Return the policy in a document; what is missing is at its default.

    Raises:
        ValueError, TypeError: It is no policy.
    """
    if document is None:
        return SecretPolicy()
    if not isinstance(document, Mapping):
        raise TypeError("a policy is an object")
    return SecretPolicy(
        origins=_texts(document.get("origins", ())),
        flows=_texts(document.get("flows", ())),
        password_only=document.get("password_only") is True,
        kind=SecretKind(document.get("kind", SecretKind.TEXT)),
    )


def read_entry(document: JsonValue) -> SecretEntry:
    """Return the entry in a document that was sealed.

    Raises:
        ValueError, TypeError, KeyError: It is no entry.
    """
    if not isinstance(document, Mapping):
        raise TypeError("an entry is an object")
    versions = document["versions"]
    if not isinstance(versions, list) or not versions:
        raise TypeError("an entry has versions")
    return SecretEntry(
        created_s=_number(document["created"]),
        updated_s=_number(document["updated"]),
        versions=tuple(_read_version(version) for version in versions),
        policy=read_policy(document.get("policy")),
        expires_s=_moment(document.get("expires")),
        deleted_s=_moment(document.get("deleted")),
        access_count=int(_number(document.get("accesses", 0))),
        accessed_s=_moment(document.get("accessed")),
    )


def _read_version(document: JsonValue) -> SecretVersion:
    if not isinstance(document, Mapping) or not isinstance(value := document["value"], str):
        raise TypeError("a version has a value")
    return SecretVersion(int(_number(document["version"])), value, _number(document["created"]))


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise TypeError("this is a list of texts")
    return tuple(value)


def _moment(value: JsonValue) -> float | None:
    return None if value is None else _number(value)


def _number(value: JsonValue) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError("this is a number")
    return value
