"""Whether AppArmor's profile for bykilt's bubblewrap can be had on this machine, and what must be seen then.

Knows where the kernel says so. The profile itself is one of the `host_files`; it goes to whatever is started as
`OWN_BWRAP`, and on to what that starts.

Source: apparmor(7), https://gitlab.com/apparmor/apparmor/-/wikis/AppArmorInterfaces
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bykilt.browser.sandbox.errors import SandboxUnavailable
from bykilt.browser.sandbox.probe import OWN_BWRAP

PROFILE = "bykilt-bwrap"
_ENABLED = Path("/sys/module/apparmor/parameters/enabled")
_LOADED = Path("/sys/kernel/security/apparmor/profiles")
_PREPARE = (
    "as root, on a machine with AppArmor: install -D /usr/bin/bwrap /usr/local/lib/bykilt/bwrap && "
    "bykilt sandbox print apparmor >/etc/apparmor.d/bykilt-bwrap && apparmor_parser -r /etc/apparmor.d/bykilt-bwrap; "
    "or leave enable_apparmor out to use it only where it is there"
)


@dataclass(frozen=True, slots=True)
class AppArmorFacts:
    """What is known of this machine. `loaded` is None where an ordinary user may not look."""

    is_enabled: bool
    loaded: frozenset[str] | None

    @classmethod
    def gather(cls, enabled: Path = _ENABLED, loaded: Path = _LOADED) -> AppArmorFacts:
        """Look at this machine."""
        try:
            is_enabled = enabled.read_text().strip() == "Y"
        except OSError:
            is_enabled = False
        try:
            lines = loaded.read_text().splitlines()
        except OSError:
            return cls(is_enabled, None)
        return cls(is_enabled, frozenset(line.rpartition(" (")[0] or line for line in lines))

    def obstacle(self, bwrap: str) -> str:
        """Return why a browser below `bwrap` cannot have the profile; empty where it can, as far as can be seen."""
        if not self.is_enabled:
            return "the kernel of this machine has no AppArmor"
        if bwrap != OWN_BWRAP:
            return f"the profile is for {OWN_BWRAP}, and {bwrap} is used"
        if self.loaded is not None and PROFILE not in self.loaded:
            return f"the profile {PROFILE} is not loaded"
        return ""


def promised_profile(wanted: bool | None, bwrap: str, facts: AppArmorFacts | None = None) -> str:
    """Return the profile that every process must be found under; empty for none.

    With `wanted` None it is used where it is certain to be there.

    Raises:
        SandboxUnavailable: It is wanted, and cannot be had.
    """
    if wanted is False:
        return ""
    facts = facts or AppArmorFacts.gather()
    obstacle = facts.obstacle(bwrap)
    if wanted is None:
        return PROFILE if not obstacle and facts.loaded is not None else ""
    if obstacle:
        raise SandboxUnavailable(f"an AppArmor profile was asked for, and {obstacle}", hint=_PREPARE)
    return PROFILE


def is_under(label: str, profile: str) -> bool:
    """Return whether a process with this label has the profile, alone or stacked with others."""
    return any(part.partition(" ")[0] == profile for part in label.split("//&"))
