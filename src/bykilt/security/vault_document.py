"""The whole content of a vault file: the secrets, and where the audit ledger ended when it was written.

Knows the JSON of it. Entries stay as they were read until one is asked for: with ten thousand of them that counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from bykilt.audit.ledger import Anchor
from bykilt.json_types import JsonObject, JsonValue
from bykilt.security.document import SecretEntry, entry_json, read_entry
from bykilt.security.errors import VaultDamaged


@dataclass(frozen=True, slots=True)
class LedgerBreak:
    """The ledger no longer held the line it ended with when the vault was written before: it was cut or changed."""

    seq: int
    hash: str
    noticed_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultDocument:
    """What is sealed. Its `repr` shows no secret and no name."""

    created_s: float
    secrets: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)
    anchor: Anchor | None = None
    breaks: tuple[LedgerBreak, ...] = ()

    @classmethod
    def parse(cls, document: JsonObject, path: Path, now_s: float) -> VaultDocument:
        """Return the content of an unsealed document.

        Raises:
            VaultDamaged: It is none.
        """
        if "plain" in document:
            return cls._of_format_0(document, now_s)
        secrets, anchor, breaks = document.get("secrets"), document.get("ledger"), document.get("ledger_breaks", [])
        created_s = document.get("created")
        try:
            if not isinstance(secrets, dict) or not isinstance(created_s, int | float) or not isinstance(breaks, list):
                raise TypeError("a field is missing")
            return cls(
                created_s=created_s,
                secrets=secrets,
                anchor=Anchor(**anchor) if isinstance(anchor, dict) else None,
                breaks=tuple(LedgerBreak(**each) for each in breaks if isinstance(each, dict)),
            )
        except TypeError:
            raise VaultDamaged(path, "what was sealed is no vault") from None

    @classmethod
    def _of_format_0(cls, document: JsonObject, now_s: float) -> VaultDocument:
        plain = document["plain"]
        assert isinstance(plain, Mapping)
        versions = ({"version": 1, "value": value, "created": now_s} for value in plain.values())
        secrets: dict[str, JsonValue] = {
            name: {"created": now_s, "updated": now_s, "versions": [version]}
            for name, version in zip(plain, versions, strict=True)
        }
        return cls(created_s=now_s, secrets=secrets)

    def to_json(self) -> JsonObject:
        """Return the document to be sealed."""
        return {
            "created": self.created_s,
            "ledger": None if self.anchor is None else asdict(self.anchor),
            "ledger_breaks": [asdict(each) for each in self.breaks],
            "secrets": self.secrets,
        }

    def entry(self, name: str) -> SecretEntry | None:
        """Return a secret; None if there is none with that name.

        Raises:
            VaultDamaged: What stands there is no secret.
        """
        found = self.secrets.get(name)
        return None if found is None else decoded(found)

    def with_entry(self, name: str, entry: SecretEntry) -> VaultDocument:
        """Return the document with a secret added or replaced."""
        return replace(self, secrets={**self.secrets, name: entry_json(entry)})

    def without(self, name: str) -> VaultDocument:
        """Return the document without a secret."""
        return replace(self, secrets={key: value for key, value in self.secrets.items() if key != name})


def decoded(entry: JsonValue) -> SecretEntry:
    """Return a secret from its JSON.

    Raises:
        VaultDamaged: It is none.
    """
    try:
        return read_entry(entry)
    except (ValueError, TypeError, KeyError):
        raise VaultDamaged("the vault", "one of its entries is no secret") from None
