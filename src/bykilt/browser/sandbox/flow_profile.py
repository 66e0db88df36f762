"""The sandbox that a flow file asks for. Knows what a flow may not have; a profile of the user's may hold all of it.

A flow file may come from anywhere. So it cannot let itself into this machine or a private network, take a wall away,
or raise a limit; it can name a profile in which the user has allowed these.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field

from bykilt.browser.sandbox.egress.host_rules import HostRule
from bykilt.browser.sandbox.profile import MIB, BrowserFlavor, SandboxLimits, SandboxProfile
from bykilt.browser.sandbox.profile_file import HOSTS_HELP, LimitsModel, try_profile
from bykilt.documents.door import ProblemList, Strict
from bykilt.errors import InvalidInput
from bykilt.json_types import JsonObject, JsonValue
from bykilt.network.addresses import AddressKind, kind_of
from bykilt.network.host_names import is_localhost, literal_address

_INSTEAD = "name a profile of your own that allows it: bykilt sandbox profiles"


class FlowSandboxModel(Strict):
    """The sandbox that a flow asks for, or the name of a profile of the user's."""

    network: Literal["none", "restricted", "open"] | None = Field(
        default=None, description="default: restricted when hosts are named, else open"
    )
    allowed_hosts: list[str] = Field(default_factory=list, description=HOSTS_HELP)
    webgl: bool = Field(default=False, description="start the software rasteriser, which WebGL needs")
    browser: BrowserFlavor = Field(default=BrowserFlavor.CHROMIUM, strict=False, description="which build of Chromium")
    limits: LimitsModel = Field(default_factory=LimitsModel, description="at most what the defaults are")


def read_flow_sandbox(model: FlowSandboxModel, pointer: str, problems: ProblemList) -> SandboxProfile | None:
    """Return the policy that a flow asks for; None after noting why it cannot have it."""
    refusals = [*_refused_hosts(model.allowed_hosts), *_refused_limits(model.limits)]
    for place, reason in refusals:
        problems.add(pointer + place, reason, _INSTEAD)
    if refusals:
        return None
    return try_profile(
        pointer,
        problems,
        network=model.network,
        allowed_hosts=model.allowed_hosts,
        webgl=model.webgl,
        browser=model.browser,
        limits=model.limits.limits(),
    )


def flow_sandbox_document(profile: SandboxProfile) -> JsonObject:
    """Return the form in which a flow holds a policy; what is at its default is left out."""
    result: dict[str, JsonValue] = {"network": str(profile.network)}
    if profile.allowed_hosts:
        result["allowed_hosts"] = list(profile.allowed_hosts)
    if profile.webgl:
        result["webgl"] = True
    if profile.browser is not BrowserFlavor.CHROMIUM:
        result["browser"] = str(profile.browser)
    default = SandboxLimits().describe()
    limits = {
        name.replace("_bytes", "_mib"): value // MIB if name.endswith("_bytes") else value
        for name, value in profile.limits.describe().items()
        if isinstance(value, int | float) and value != default[name]
    }
    if limits:
        result["limits"] = limits
    return result


def _refused_hosts(hosts: list[str]) -> Iterator[tuple[str, str]]:
    for place, host in enumerate(hosts):
        if _leads_inside(host):
            reason = f"{host!r} would let a flow into this machine or a private network"
            yield f"/allowed_hosts/{place}", reason


def _leads_inside(host: str) -> bool:
    try:
        rule = HostRule.parse(host)
    except InvalidInput:
        return False  # what is no rule at all is said in its own words
    address = literal_address(rule.host)
    is_inside_address = address is not None and kind_of(address) is not AddressKind.PUBLIC
    return rule.is_private or is_localhost(rule.host) or is_inside_address


def _refused_limits(model: LimitsModel) -> Iterator[tuple[str, str]]:
    given: dict[str, Any] = model.model_dump(exclude_none=True)
    for name, value in given.items():
        most = getattr(SandboxLimits(), name.replace("_mib", "_bytes"))
        most = most // MIB if most is not None and name.endswith("_mib") else most
        if most is not None and value > most:
            yield f"/limits/{name}", f"a flow cannot raise a limit: {most} at most, got {value}"
