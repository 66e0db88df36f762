"""How often each secret was read since the vault was last written: counted from the audit ledger.

So a read costs one line that is written anyway, and no process has to tell another. Knows which lines count.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from bykilt.audit.chain import Line
from bykilt.audit.ledger import Anchor, Ledger
from bykilt.audit.record import Action, AuditOutcome
from bykilt.security.vault_document import VaultDocument

BACKEND_DETAIL = "backend"


@dataclass(slots=True)
class AccessTally:
    """The lines behind an anchor, read so far."""

    ledger: Ledger
    anchor: Anchor | None
    vault_id: str
    lines: int = 0
    reads: dict[str, tuple[int, float]] = field(default_factory=dict)
    """Name to number of reads and time of the last one, in seconds since 1970."""
    latest_generation: int = 0
    """The latest generation of the vault of which the ledger tells."""
    _next: Anchor | None = None

    def refresh(self) -> None:
        """Read the lines that have come since.

        Raises:
            AuditUnavailable: The ledger cannot be read.
        """
        head = self.ledger.head()
        start = self._next or self.anchor
        for line in self.ledger.since(start):
            if line.seq > head.seq:
                break  # its turn comes with the next refresh
            self._count(line)
        self._next = head

    def merged_into(self, document: VaultDocument) -> VaultDocument:
        """Return the document with the reads counted in it."""
        for name, (count, last_s) in self.reads.items():
            entry = document.entry(name)
            if entry is not None:
                counted = replace(entry, access_count=entry.access_count + count, accessed_s=last_s)
                document = document.with_entry(name, counted)
        return document

    def _count(self, line: Line) -> None:
        self.lines += 1
        detail = line.part("detail")
        if line.action == Action.SECRET_READ and line.outcome == AuditOutcome.ALLOWED:
            if detail.get(BACKEND_DETAIL) == "file":
                count = self.reads.get(line.what, (0, 0.0))[0]
                self.reads[line.what] = (count + 1, line.wall_s)
        elif line.action == Action.VAULT_SEALED and line.what == self.vault_id:
            generation = detail.get("generation")
            if isinstance(generation, int):
                self.latest_generation = max(self.latest_generation, generation)
