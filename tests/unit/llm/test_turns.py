"""Calls to one container, which take turns."""

from __future__ import annotations

import anyio
import pytest

from bykilt.llm.calls import Call
from bykilt.llm.errors import LLMBusy, WorkerCrashed
from bykilt.llm.turns import TakingTurns
from tests.support.scripted_backend import ANSWER, ScriptedBackend


def call(owner: str, deadline_s: float = 60) -> Call:
    return Call.parse(f"from {owner}", {"owner": owner, "deadline_s": deadline_s})


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
