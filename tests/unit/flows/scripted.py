"""An input script in place of a browser: what each action of a flow gives back, and a record of what was asked.

Not an engine: it knows no page. It holds the interpreter to what it sends out and how it takes answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from bykilt.browser.engine.actions import Action, to_json
from bykilt.browser.engine.browser_engine import ActionResult
from bykilt.events.model import Fact, Failure, StepFinished, StepStarted
from bykilt.flows import asking
from bykilt.flows.interpreter import FlowInterpreter, FlowResult
from bykilt.flows.loader import load_flow_text
from bykilt.flows.model import Flow
from bykilt.flows.params import bind_params
from bykilt.ids import RunId
from bykilt.json_types import JsonObject, JsonValue

Answer = Callable[[JsonObject], ActionResult]


def gives(value: JsonValue) -> ActionResult:
    """An action that went well and has a result."""
    return ActionResult(True, "scripted", 1.0, metadata={"result": value})


def fails(code: str = "element_not_found", message: str = "no element matched", hint: str = "") -> ActionResult:
    """An action that failed."""
    return ActionResult(False, "scripted", 1.0, error=message, metadata={"error_code": code, "hint": hint})


DONE = ActionResult(True, "scripted", 1.0)


@dataclass
class Script:
    """Answers by selector (or another telling field): one answer for ever, or a list used up one by one."""

    answers: Mapping[str, ActionResult | list[ActionResult] | Answer] = field(default_factory=dict)
    asked: list[JsonObject] = field(default_factory=list)

    async def dispatch(self, action: Action) -> ActionResult:
        fields = {"type": action.type, **to_json(action)}
        self.asked.append(fields)
        key = str(fields.get("selector", fields.get("url", fields.get("expression", ""))))
        if key == "#never":
            await anyio.sleep_forever()
        answer = self.answers.get(key, DONE)
        if isinstance(answer, list):
            return answer.pop(0)
        return answer if isinstance(answer, ActionResult) else answer(fields)


@dataclass
class ScriptedAsker:
    """Answers one after the other; a failure is one, too. Keeps the questions. An `Asker`."""

    answers: list[JsonValue | Failure] = field(default_factory=list)
    questions: list[asking.Question] = field(default_factory=list)

    async def ask(self, question: asking.Question) -> asking.Answer:
        self.questions.append(question)
        if not self.answers:
            await anyio.sleep_forever()
        answer = self.answers.pop(0)
        return asking.Answer(failure=answer) if isinstance(answer, Failure) else asking.Answer(answer)


@dataclass
class Facts:
    """Keeps every fact, in order."""

    all: list[Fact] = field(default_factory=list)

    def publish(self, fact: Fact) -> None:
        self.all.append(fact)

    @property
    def steps(self) -> list[str]:
        """Beginnings and ends of steps, short: `>login`, `login succeeded`."""
        lines = []
        for fact in self.all:
            if isinstance(fact, StepStarted):
                lines.append(f">{fact.step_id}" + (f" ({fact.attempt})" if fact.attempt > 1 else ""))
            elif isinstance(fact, StepFinished):
                lines.append(f"{fact.step_id} {fact.outcome}")
        return lines

    @property
    def titles(self) -> list[str]:
        return [fact.title for fact in self.all if isinstance(fact, StepStarted)]


def click(selector: str, **more: JsonValue) -> JsonObject:
    """Return a step."""
    return {"action": "click", "selector": selector, **more}


def extract(selector: str, **more: JsonValue) -> JsonObject:
    """Return a step."""
    return {"action": "extract", "selector": selector, **more}


def flow_of(*steps: JsonObject, **more: JsonValue) -> Flow:
    """Return a flow with these steps."""
    return load_flow_text(json.dumps({"bykilt": 1, "name": "test", **more, "steps": list(steps)}), "test.json")


@dataclass
class Ran:
    """A flow that has run, and all that came of it."""

    result: FlowResult
    asked: list[JsonObject]
    facts: Facts
    data: Path


async def run_flow(
    flow: Flow,
    script: Script | None = None,
    *,
    given: JsonObject | None = None,
    data: Path = Path("/nonexistent/data"),
    asker: asking.Asker | None = None,
) -> Ran:
    """Run a flow against a script."""
    script, facts = script or Script(), Facts()
    interpreter = FlowInterpreter(
        flow,
        bind_params(flow, given or {}),
        perform=script,
        facts=facts,
        data_dir=data,
        asker=asker,
        run_id=RunId("run7"),
    )
    with anyio.fail_after(20):
        return Ran(await interpreter.run(), script.asked, facts, data)
