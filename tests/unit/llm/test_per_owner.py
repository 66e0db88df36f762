"""Backends of several owners, and calls that take turns."""

from __future__ import annotations

import anyio
import pytest

from bykilt.llm.calls import Call
from bykilt.llm.errors import LLMBusy, WorkerCrashed
from bykilt.llm.per_owner import PerOwner
from bykilt.llm.turns import TakingTurns
from tests.support.scripted_backend import ANSWER, ScriptedBackend


class Made:
    """Backends in the order in which they were made."""

    def __init__(self) -> None:
        self.backends: list[ScriptedBackend] = []
        self.closed = 0

    def make(self) -> ScriptedBackend:
        self.backends.append(ScriptedBackend("p"))
        return self.backends[-1]

    async def close(self) -> None:
        self.closed += 1


def call(owner: str, deadline_s: float = 60) -> Call:
    return Call.parse(f"from {owner}", {"owner": owner, "deadline_s": deadline_s})


async def test_what_an_owner_says_goes_to_that_owners_backend_alone() -> None:
    made = Made()
    shared = PerOwner("p", made.make, made.close)
    for owner in ("alice", "bob", "alice"):
        await shared.answer(call(owner))
    assert [[asked.options.owner for asked in backend.asked] for backend in made.backends] == [
        ["alice", "alice"],
        ["bob"],
    ]
    await shared.stop()
    assert (made.closed, [backend.is_running for backend in made.backends]) == (1, [False, False])


async def test_the_one_that_was_used_longest_ago_makes_room() -> None:
    made = Made()
    shared = PerOwner("p", made.make, made.close, most=2)
    for owner in ("alice", "bob", "alice", "carol"):
        await shared.answer(call(owner))
    assert [backend.is_running for backend in made.backends] == [True, False, True]
    await shared.answer(call("bob"))
    assert len(made.backends) == 4
    await shared.stop()


async def test_one_that_answers_is_never_taken_away() -> None:
    made = Made()
    shared = PerOwner("p", made.make, made.close, most=1)
    await shared.answer(call("alice"))
    gate = made.backends[0].gate = anyio.Event()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(shared.answer, call("alice"))
            while len(made.backends[0].asked) < 2:
                await anyio.lowlevel.checkpoint()
            await shared.answer(call("bob"))
            assert made.backends[0].is_running
            gate.set()
    await shared.stop()


async def test_a_call_waits_for_its_turn_within_its_deadline() -> None:
    backend = ScriptedBackend(gate=anyio.Event())
    turns = TakingTurns(backend)
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(turns.answer, call("alice"))
            while not backend.asked:
                await anyio.lowlevel.checkpoint()
            with pytest.raises(LLMBusy):
                await turns.answer(call("alice", deadline_s=0.05))
            assert backend.gate is not None
            backend.gate.set()
    assert await turns.answer(call("alice")) == ANSWER


async def test_whoever_waited_for_a_call_that_cost_the_container_gets_another_one() -> None:
    backend = ScriptedBackend(script=[WorkerCrashed("gone")])

    def crash(_: Call) -> None:
        backend.is_running = not backend.script

    backend.on_call = crash
    turns = TakingTurns(backend)
    with pytest.raises(WorkerCrashed):
        await turns.answer(call("alice"))
    assert await turns.answer(call("alice")) == ANSWER
    assert backend.starts == 2
