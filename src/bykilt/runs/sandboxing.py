"""Which sandbox a run has: the profile that was named, else the flow's wish, with the launch's own settings on top.

Knows who may choose what, and in which order. Does not know what a policy means (`browser.sandbox.profile`).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from bykilt.browser.engine.browser_engine import LaunchContext
from bykilt.browser.sandbox.profile import NetworkMode, SandboxProfile
from bykilt.browser.sandbox.profile_file import NamedProfile, load_profiles
from bykilt.documents.problems import nearest
from bykilt.errors import InvalidInput
from bykilt.events.model import Warned
from bykilt.flows.model import Flow

_NO_HOSTS = (NetworkMode.NONE, NetworkMode.HOST)


class UnknownProfile(InvalidInput):
    """No sandbox profile has that name."""

    code = "unknown_sandbox_profile"

    def __init__(self, name: str, file: Path, known: list[str]) -> None:
        found = nearest(name, known, "its profiles") if known else "bykilt sandbox profiles says how to write one"
        super().__init__(f"there is no sandbox profile {name!r} in {file}", hint=found)


def find_profile(name: str, file: Path) -> NamedProfile:
    """Return a profile by its name. Waits for the disk.

    Raises:
        ProfileError: The file cannot be used.
        UnknownProfile: It has no such profile, or is not there.
    """
    profiles = load_profiles(file) if file.exists() else {}
    if name not in profiles:
        raise UnknownProfile(name, file, list(profiles))
    return profiles[name]


def profile_of(flow: Flow, name: str | None, file: Path) -> SandboxProfile | None:
    """Return the policy that a run begins with; None where neither its request nor its flow has one.

    Waits for the disk.

    Raises:
        ProfileError: The file of profiles is needed and cannot be used.
        UnknownProfile: There is no profile of that name.
        InvalidInput: The flow names a profile that only a person may choose.
    """
    if name is not None:
        return find_profile(name, file).profile
    if not isinstance(flow.sandbox, str):
        return flow.sandbox
    profile = find_profile(flow.sandbox, file).profile
    if profile.missing_walls:
        raise InvalidInput(
            f"the flow asks for the sandbox profile {flow.sandbox!r}, which takes walls away: "
            + ", ".join(profile.missing_walls),
            hint=f"a flow cannot choose that; if you want it, run the flow with --sandbox {flow.sandbox}",
        )
    return profile


def with_profile(context: LaunchContext, profile: SandboxProfile) -> LaunchContext:
    """Return launch settings under a policy: what they say themselves goes first, and their hosts are added to its own.

    Upload folders are left as they are.
    """
    if not context.sandbox_mode:
        return context
    network = context.sandbox_network_mode or str(profile.network)
    inherited = () if network in _NO_HOSTS else profile.allowed_hosts
    limits = context.sandbox_limits if context.sandbox_limits != LaunchContext().sandbox_limits else profile.limits
    flavor = context.browser_flavor if context.browser_flavor != LaunchContext().browser_flavor else profile.browser
    return replace(
        context,
        sandbox_mode=profile.enabled,
        sandbox_network_mode=network if profile.enabled else context.sandbox_network_mode,
        allowed_hosts=(*inherited, *context.allowed_hosts),
        sandbox_filesystem_mode=str(profile.filesystem),
        enable_seccomp=context.enable_seccomp and profile.seccomp,
        enable_apparmor=profile.apparmor if context.enable_apparmor is None else context.enable_apparmor,
        webgl=context.webgl or profile.webgl,
        browser_flavor=flavor,
        sandbox_limits=limits,
    )


def weakness_of(profile: SandboxProfile) -> Warned | None:
    """Return the warning about walls that a run was told to do without; None where all stand."""
    if not profile.missing_walls:
        return None
    return Warned(
        "sandbox_weakened",
        f"the browser runs without some of its walls, as was asked for: {', '.join(profile.missing_walls)}",
        "give it hosts or a profile instead, unless you trust every page that it opens",
    )
