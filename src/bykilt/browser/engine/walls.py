"""What an engine does with the sandbox of its browser: wait for it, have it looked at, and tell what it kept back.

Shared by both engines. Knows facts and errors of the contract; how a wall is built is in `browser/sandbox`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from bykilt.browser.engine.actions import Action, Navigate, NewTab
from bykilt.browser.engine.errors import (
    ActionError,
    AddressRefused,
    HostBlocked,
    HostUnreachable,
    NavigationFailed,
)
from bykilt.browser.engine.limit_advice import explain_by_limits, explain_by_own_memory
from bykilt.browser.sandbox.errors import SandboxUnavailable
from bykilt.browser.sandbox.profile import BrowserFlavor, NetworkMode, SandboxProfile
from bykilt.browser.sandbox.sandbox import Removal, Sandbox
from bykilt.clock import Clock
from bykilt.events.containment_text import concerns_the_page
from bykilt.events.model import EgressDecided, FactSink, LimitHit, SandboxAttested, SandboxRemoved, Warned

# A refusal may well be what a later action waits for in vain.
_RECENT_S = 30.0
_KEPT = 200
_PORTS = {"http": 80, "https": 443}
_WEB = frozenset({"http", "https", "about", "data", "blob"})
# Browsers leave these out of an address before they read it. Source: https://url.spec.whatwg.org/#url-parsing
_AROUND_ADDRESS = "".join(map(chr, range(0x21)))
_IN_ADDRESS = str.maketrans("", "", "\t\n\r")

_OFF = Warned(
    "sandbox_off",
    "the browser runs without bykilt's sandbox: it reaches every network and every file that its user does",
    "leave sandbox_mode on, unless nothing that the browser opens can be hostile",
)
_OPEN_NETWORK = Warned(
    "network_open",
    "the browser's network is not isolated (sandbox_network_mode=host): it reaches everything that this machine does",
    "name the hosts that it needs in allowed_hosts",
)


class Walls:
    """The sandbox of one engine's browser, if it has one, and what it refused."""

    def __init__(self, facts: FactSink, clock: Clock) -> None:
        self._facts = facts
        self._clock = clock
        self._sandbox: Sandbox | None = None
        self._log_tail: Callable[[], str] = str
        self._refused: deque[EgressDecided] = deque(maxlen=_KEPT)
        self._told: dict[str, int] = {}

    def announce(self, profile: SandboxProfile) -> None:
        """Say it loudly if something is not walled in."""
        if not profile.enabled:
            self._facts.publish(_OFF)
        elif profile.network is NetworkMode.HOST:
            self._facts.publish(_OPEN_NETWORK)

    def surround(self, sandbox: Sandbox | None, log_tail: Callable[[], str]) -> None:
        """Take over the sandbox of a browser that is about to start; the log may say why it does not."""
        self._sandbox = sandbox
        self._log_tail = log_tail
        self._told = {}
        if sandbox is not None:
            sandbox.attend(self._decided, self._clock)

    async def complete(self) -> None:
        """Wait until the sandbox is there, with its way out.

        Raises:
            SandboxUnavailable: It cannot be made; with what the browser's log says.
        """
        if self._sandbox is not None:
            with self._told_by_log():
                await self._sandbox.complete()

    def check(self) -> None:
        """Raise if the sandbox could not be made, for a browser that did not start."""
        if self._sandbox is not None:
            with self._told_by_log():
                self._sandbox.check()

    @contextmanager
    def _told_by_log(self) -> Iterator[None]:
        try:
            yield
        except SandboxUnavailable as error:
            said = self._log_tail().strip()
            raise SandboxUnavailable(
                error.message + (f"; it said:\n{said}" if said else ""), hint=error.hint
            ) from error

    async def attest(self) -> int | None:
        """Look at every process from outside, put it on record, and return the browser's pid.

        Raises:
            SandboxBroken: A wall is missing.
        """
        sandbox = self._sandbox
        if sandbox is None:
            return None
        seen = await sandbox.attest()
        kept = None if sandbox.kept_profile is None else str(sandbox.kept_profile)
        policy = {**sandbox.profile.describe(), "kept_profile": kept}
        self._facts.publish(SandboxAttested(policy, seen.to_json(), dict(sandbox.unenforced())))
        return sandbox.browser_pid

    def admit(self, action: Action) -> None:
        """Refuse what no proxy sees, where the browser reads no policy file that would.

        Raises:
            AddressRefused: The action opens an address that is not of the web.
        """
        sandbox = self._sandbox
        if sandbox is None or sandbox.profile.browser is not BrowserFlavor.HEADLESS_SHELL:
            return
        if isinstance(action, Navigate | NewTab) and action.url:
            scheme = action.url.strip(_AROUND_ADDRESS).translate(_IN_ADDRESS).partition(":")[0].lower()
            if scheme not in _WEB:
                raise AddressRefused(action.url)

    def explain(self, error: ActionError, started_s: float) -> ActionError:
        """Return an error that says what the sandbox had to do with it, or the same error if nothing."""
        self.tell_limits()
        refused = self._refused_since(started_s)
        # A request that has no host was none: the address itself is wrong.
        if isinstance(error, NavigationFailed) and refused is not None and refused.host:
            if refused.allowed:
                return HostUnreachable(error.url, refused.unreachable, refused.reason)
            return HostBlocked(refused.host, refused.port, refused.reason)
        if isinstance(error, NavigationFailed) and (blocked := self._without_network(error.url)) is not None:
            return blocked
        if self._sandbox is not None and explain_by_limits(error, self._told, self._sandbox.profile.limits):
            return error
        if self._sandbox is not None and "memory" in self._sandbox.unenforced():
            explain_by_own_memory(error, self._sandbox.profile.limits)
        recent = self._refused_since(self._clock.monotonic_s() - _RECENT_S)
        if recent is not None and not recent.allowed:
            note = f"the sandbox refused {recent.host}:{recent.port} a moment before ({recent.reason})"
            error.hint = f"{error.hint}; {note}" if error.hint else note
        return error

    def _without_network(self, url: str) -> HostBlocked | None:
        """Return what to say of a page that was asked for where there is no network, and so no proxy to decide."""
        if self._sandbox is None or self._sandbox.profile.network is not NetworkMode.NONE:
            return None
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port or _PORTS.get(parts.scheme)
        except ValueError:
            return None  # the address itself is wrong
        return HostBlocked(host, port, "this sandbox has no network") if host and port else None

    def tell_limits(self) -> None:
        """Publish the limits that were hit since it was last told."""
        self._tell(self._sandbox.limits_hit() if self._sandbox is not None else {})

    def removed(self, removal: Removal | None, *, folder_left: bool) -> None:
        """Put on record what is left of it."""
        sandbox, self._sandbox = self._sandbox, None
        if sandbox is None or removal is None:
            return
        self._tell(removal.limits_hit)
        self._facts.publish(SandboxRemoved(list(removal.processes), list(removal.groups), folder_left))

    def _tell(self, hits: Mapping[str, int]) -> None:
        for limit, count in hits.items():
            if count > self._told.get(limit, 0) and (limit != "cpu" or limit not in self._told):
                self._facts.publish(LimitHit(limit, count))
            self._told[limit] = count

    def _decided(self, fact: EgressDecided) -> None:
        if concerns_the_page(fact):
            self._refused.append(fact)
        self._facts.publish(fact)

    def _refused_since(self, start_s: float) -> EgressDecided | None:
        return next((each for each in reversed(self._refused) if each.time_ms >= start_s * 1000), None)
