"""The containers of the local model: each belongs to one owner, one is kept in reserve, and they are few.

Knows whose call goes to which container, and when one is made or removed. Does not know what is in a container, nor
whether a call may be made at all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio

from bykilt.clock import Clock, SystemClock
from bykilt.errors import BykiltError, InvalidInput
from bykilt.llm.backend import OnToken
from bykilt.llm.calls import MODEL, Call, Completion
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.errors import CallTimedOut, LLMBusy, LLMError, ProtocolViolation, WorkerCrashed
from bykilt.llm.pool_keeper import PoolKeeper
from bykilt.llm.pool_places import Place, PlaceKey, Places
from bykilt.llm.providers import LOCAL
from bykilt.llm.start_pauses import StartPauses

DEFAULT_CONTAINERS = 4
DEFAULT_IDLE_S = 300.0
_LEAST_DEADLINE_S = 0.01


@dataclass(slots=True, eq=False)
class _Worker:
    """A container, whose turn it is to have it started and asked, and whether the pool has given it up."""

    sandbox: DockerLLMSandbox
    turn: anyio.Lock = field(default_factory=anyio.Lock)
    is_given_up: bool = False


class WorkerPool:
    """A backend: the calls of an owner go to a container of that owner. `start` it, `answer`, `stop` it.

    Calls of one owner to one model wait for each other; those of several owners do not. What was said to a container
    stays in its memory, so it is never given to another owner: it is removed after `idle_s` seconds without a call, or
    when another owner needs the room.
    """

    provider = LOCAL

    def __init__(
        self,
        make: Callable[[str], DockerLLMSandbox] | None = None,
        *,
        home: Path | None = None,
        model: str = MODEL,
        containers: int = DEFAULT_CONTAINERS,
        idle_s: float = DEFAULT_IDLE_S,
        keep_spare: bool = True,
        clock: Clock | None = None,
    ) -> None:
        """Take what makes the sandbox of a model, and how many of them owners may have; a spare comes on top.

        Without `make` it is an ordinary one, of the image's model or of one that was added in `home`.

        Raises:
            InvalidInput: A number or the default `model` cannot be used.
        """
        if not 1 <= containers <= 64 or idle_s <= 0:
            raise InvalidInput("a pool has 1 to 64 containers, and removes them after some time above 0")
        self.model = model
        self._make = make or (lambda model: DockerLLMSandbox(model=model, home=home))
        self._most = containers
        self._idle_s = idle_s
        self._keep_spare = keep_spare
        self._clock = clock or SystemClock()
        self._places: Places[_Worker] = Places(containers)
        self._pauses: dict[str, StartPauses] = {}
        self._keeper: PoolKeeper[DockerLLMSandbox] | None = None
        self._life, self._choice = anyio.Lock(), anyio.Lock()
        self._freed = anyio.Event()
        self._last = self._make(model)
        # Their containers are removed; what is left of them belongs to the event loop.
        self._expired: list[DockerLLMSandbox] = []
        self._expiry_problem: BykiltError | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._keeper is not None

    async def start(self) -> None:
        """Start the first container, which belongs to nobody yet; does nothing where it was.

        Raises:
            DockerUnavailable, ImageMissing: Something is missing on this machine.
            StartPaused: It failed a moment ago.
            LLMError: The container did not come up, or is not held as it must be.
        """
        async with self._life:
            if self._keeper is not None:
                return
            first = self._make(self.model)
            await self._come_up(first)
            self._last = first
            self._keeper = PoolKeeper(
                lambda: self._make(self.model), self._expire, first, refill=self._keep_spare, clock=self._clock
            )
            self._keeper.start()

    async def answer(self, call: Call, on_token: OnToken | None = None) -> Completion:
        """Return the answer of the owner's container, which is started if need be.

        Raises:
            InvalidInput: The call cannot be carried out as it is, by anybody.
            LLMBusy: All containers were in use by others until the call's deadline.
            StartPaused: Containers of this model do not come up, and it is not yet time to try again.
            LLMError: There is no answer.
        """
        asked_s, deadline_s = anyio.current_time(), call.options.deadline_s
        await self.start()
        async with self._worker_of(
            PlaceKey(call.options.owner, call.options.model or self.model), deadline_s
        ) as worker:
            await self._make_sure(worker)
            self._last = worker.sandbox
            left_s = max(_LEAST_DEADLINE_S, deadline_s - (anyio.current_time() - asked_s))
            options = replace(call.options, deadline_s=left_s)
            return await worker.sandbox.answer(replace(call, options=options), on_token)

    async def stop(self) -> None:
        """Remove every container; calls that are being answered end as `WorkerCrashed`."""
        async with self._life:
            keeper, self._keeper = self._keeper, None
            if keeper is None:
                return
            with anyio.CancelScope(shield=True):
                spare = await anyio.to_thread.run_sync(keeper.close)
                workers = [place.held for place in self._places.take_all()]
                for worker in workers:
                    worker.is_given_up = True
                self._free()
                sandboxes = [worker.sandbox for worker in workers]
                await _stop_all([*sandboxes, *self._expired, *([spare] if spare else [])])
                self._expired.clear()

    def get_metrics(self) -> dict[str, Any]:
        """Return what holds the container that was used last and what was done in it; and whose containers there are.

        Before the first call it is the container that waits for it.
        """
        places, keeper = self._places.present(), self._keeper
        problem = (keeper.problem if keeper is not None else None) or self._expiry_problem
        owners: dict[str, list[dict[str, Any]]] = {}
        for place in places:
            owners.setdefault(place.key.owner, []).append(_told(place))
        return self._last.get_metrics() | {
            "owners": owners,
            "pool": {
                "containers": len(places),
                "most_containers": self._most,
                "idle_s": self._idle_s,
                "has_spare": keeper is not None and keeper.spare is not None,
                "problem": problem.message if problem is not None else None,
            },
        }

    @asynccontextmanager
    async def _worker_of(self, key: PlaceKey, patience_s: float) -> AsyncIterator[_Worker]:
        """Yield the owner's container when it is this call's turn."""
        place: Place[_Worker] | None = None
        has_turn = False
        try:
            try:
                with anyio.fail_after(patience_s):
                    place = await self._claim(key)
                    await place.held.turn.acquire()
                    has_turn = True
            except TimeoutError:
                raise LLMBusy(patience_s) from None
            yield place.held
        finally:
            if place is not None:
                if has_turn:
                    place.held.turn.release()
                self._places.release(place, self._clock.monotonic_s())
                self._free()
                if self._keeper is not None:
                    self._keeper.wake()

    async def _claim(self, key: PlaceKey) -> Place[_Worker]:
        while True:
            freed = self._freed
            async with self._choice:
                if place := await self._claim_now(key):
                    return place
            await freed.wait()

    async def _claim_now(self, key: PlaceKey) -> Place[_Worker] | None:
        """Return the owner's place, made if there is room for it or somebody's idle one can go; else None."""
        await self._forget_expired()
        if place := self._places.claim(key):
            return place
        if not self._places.has_room():
            idle = self._places.take_longest_idle()
            if idle is None:
                return None
            with anyio.CancelScope(shield=True):  # it is on no list any more: whoever took it out removes it
                await idle.held.sandbox.stop()
        keeper = self._keeper
        if keeper is None:
            raise _stopped()
        spare = keeper.take() if key.model == self.model else None
        place = Place(key, _Worker(spare or self._make(key.model)))
        self._places.put(place)
        return place

    async def _make_sure(self, worker: _Worker) -> None:
        """Return with a container that answers: one that was killed meanwhile is replaced."""
        if not await _answers(worker.sandbox) and not worker.is_given_up:
            await self._come_up(worker.sandbox)
        if worker.is_given_up:
            with anyio.CancelScope(shield=True):
                await worker.sandbox.stop()
            raise _stopped()

    async def _come_up(self, sandbox: DockerLLMSandbox) -> None:
        pauses = self._pauses.setdefault(sandbox.model, StartPauses())
        pauses.check(self._clock.monotonic_s())
        try:
            await sandbox.start()
        except LLMError as error:
            pauses.failed(error, self._clock.monotonic_s())
            raise
        pauses.worked()

    def _free(self) -> None:
        self._freed.set()
        self._freed = anyio.Event()

    def _expire(self) -> float | None:
        """Remove the containers that have idled; return when the next one will have. Runs in the keeper's thread."""
        while place := self._places.take_expired(self._clock.monotonic_s(), self._idle_s):
            try:
                place.held.sandbox.discard()
            except BykiltError as error:
                # Docker cannot be asked. What outlives this process is removed at the next start.
                self._expiry_problem = error
            finally:
                self._expired.append(place.held.sandbox)
        return self._places.next_expiry_s(self._idle_s)

    async def _forget_expired(self) -> None:
        while self._expired:
            with anyio.CancelScope(shield=True):
                await self._expired.pop().stop()


def _stopped() -> WorkerCrashed:
    return WorkerCrashed("the pool was stopped", hint="start it first")


async def _answers(sandbox: DockerLLMSandbox) -> bool:
    """Whether there is a container that came up earlier and is still there."""
    try:
        if sandbox.is_prepared:
            await sandbox.start()
        if sandbox.is_running:
            await sandbox.ping()
    except (CallTimedOut, ProtocolViolation, WorkerCrashed):
        return False
    return sandbox.is_running


def _told(place: Place[_Worker]) -> dict[str, Any]:
    metrics = place.held.sandbox.get_metrics()
    names = (
        "container_id",
        "model",
        "running",
        "starts",
        "calls",
        "failed_calls",
        "prompt_tokens",
        "completion_tokens",
    )
    return {name: metrics[name] for name in names} | {"in_use": place.users > 0}


async def _stop_all(sandboxes: list[DockerLLMSandbox]) -> None:
    """Stop all of them, whatever becomes of one."""
    failures: list[BykiltError] = []

    async def stop(sandbox: DockerLLMSandbox) -> None:
        try:
            await sandbox.stop()
        except BykiltError as error:
            failures.append(error)

    async with anyio.create_task_group() as tasks:
        for sandbox in sandboxes:
            tasks.start_soon(stop, sandbox)
    if failures:
        raise failures[0]
