"""How a sandbox can fail: each means that the browser does not run."""

from __future__ import annotations

from collections.abc import Sequence

from bykilt.errors import BykiltError, MissingCapability


class SandboxUnavailable(MissingCapability):
    """This machine cannot give what was asked for; nothing less is used instead."""

    code = "sandbox_unavailable"


class SandboxBroken(BykiltError):
    """A sandbox was made, and a look from outside found a wall missing; the browser was ended."""

    code = "sandbox_broken"

    def __init__(self, differences: Sequence[str]) -> None:
        shown = "; ".join(differences[:5]) + (f"; and {len(differences) - 5} more" if len(differences) > 5 else "")
        super().__init__(
            f"the sandbox is not what was promised, so the browser was ended: {shown}",
            hint="run `bykilt sandbox check`; please report it with that output if nothing is wrong there",
        )
