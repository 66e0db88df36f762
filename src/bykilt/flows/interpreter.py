"""Carrying out a flow, step after step.

Knows order, loops, attempts and what happens after a failure; tells every step's beginning and end. Does not
know how actions are carried out (`perform` does) nor the deadline of the run: cancellation passes through.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import anyio
import anyio.lowlevel
import anyio.to_thread

from bykilt.browser.engine.actions import Action, find_action, hide, parse_action
from bykilt.browser.engine.browser_engine import ActionResult
from bykilt.clock import Clock, SystemClock
from bykilt.errors import BykiltError
from bykilt.events.model import DataSaved, FactSink, Failure, Outcome, StepFinished, StepStarted, Warned
from bykilt.flows.asking import Asker, NobodyToAsk, Questions, result_of
from bykilt.flows.data_files import save_data
from bykilt.flows.model import (
    ActionStep,
    AppendStep,
    AskStep,
    ChooseStep,
    ExtractAIStep,
    FailStep,
    Flow,
    ForEachStep,
    GroupStep,
    IfStep,
    ModelStep,
    OnError,
    SaveDataStep,
    Step,
    VariableStep,
    WhileStep,
)
from bykilt.flows.page_text import PageText, page_text
from bykilt.flows.scope import Scope, items_of
from bykilt.flows.templates import as_text, measure, shown
from bykilt.flows.titles import title_of_step
from bykilt.ids import RunId
from bykilt.json_types import JsonObject, JsonValue

_HOPELESS = frozenset({"browser_gone", "engine_not_running"})
"""After these no other step can succeed, so neither another attempt nor `on_error` helps."""


class ActionPerformer(Protocol):
    """What the interpreter needs of an engine."""

    async def dispatch(self, action: Action) -> ActionResult:
        """Carry out one action within its deadline and say how it ended."""
        ...


@dataclass(frozen=True, slots=True)
class FlowResult:
    """How a flow ended. `failed_step` is the id of the innermost step that failed."""

    outcome: Outcome
    failure: Failure | None = None
    failed_step: str | None = None
    outputs: JsonObject = field(default_factory=dict)


class _StepFailed(Exception):
    """A step failed in all its attempts, and nothing has dealt with it yet."""

    def __init__(self, failure: Failure, step_id: str) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.step_id = step_id


class FlowInterpreter:
    """Runs one flow once."""

    def __init__(
        self,
        flow: Flow,
        params: JsonObject,
        *,
        perform: ActionPerformer,
        facts: FactSink,
        data_dir: Path,
        asker: Asker | None = None,
        clock: Clock | None = None,
        run_id: RunId = RunId(""),  # noqa: B008 - a NewType is no call that does anything
    ) -> None:
        """`params` come from `bind_params`; `data_dir`, for saved files, is a folder inside the run's own.

        Without an `asker`, steps that ask a model fail.
        """
        self._flow = flow
        self._perform = perform
        self._facts = facts
        self._data_dir = data_dir
        self._asker: Asker = asker or NobodyToAsk()
        self._questions = Questions()
        self._clock: Clock = clock or SystemClock()
        started = datetime.fromtimestamp(self._clock.wall_s()).astimezone()
        self._scope = Scope(
            params,
            {
                "id": run_id,
                "flow": flow.name,
                "date": started.date().isoformat(),
                "time": started.strftime("%H:%M:%S"),
            },
        )

    async def run(self) -> FlowResult:
        """Run every step and return how the flow ended. Cancellation passes through, bugs too."""
        try:
            await self._run_steps(self._flow.steps, 0)
            outputs = {name: template.render(self._scope.resolve) for name, template in self._flow.outputs}
            measure(outputs)
        except _StepFailed as failed:
            return FlowResult(Outcome.FAILED, failed.failure, failed.step_id)
        except BykiltError as error:
            return FlowResult(Outcome.FAILED, Failure(error.code, f"outputs: {error.message}", error.hint))
        return FlowResult(Outcome.SUCCEEDED, outputs=outputs)

    # ---- one step

    async def _run_steps(self, steps: Sequence[Step], depth: int) -> None:
        for step in steps:
            # Steps without I/O would otherwise keep the deadline from ever being noticed.
            await anyio.lowlevel.checkpoint()
            await self._run_step(step, depth)

    async def _run_step(self, step: Step, depth: int) -> None:
        head = step.head
        attempts = head.retry.attempts
        for attempt in range(1, attempts + 1):
            try:
                await self._attempt(step, depth, attempt)
                return
            except _StepFailed as failed:
                hopeless = failed.failure.code in _HOPELESS
                if attempt < attempts and not hopeless:
                    await anyio.sleep(head.retry.delay_ms / 1000)
                    continue
                if head.on_error is OnError.STOP or hopeless:
                    raise
                error = _error_json(failed.failure, failed.step_id)
        with self._scope.recovering(error):
            await self._run_steps(head.recovery, depth + 1)

    async def _attempt(self, step: Step, depth: int, attempt: int) -> None:
        head = step.head
        title = title_of_step(step, self._scope.resolve)
        self._facts.publish(StepStarted(head.id, head.path, title, step.action, depth, attempt))
        started_s = self._clock.monotonic_s()

        def finish(outcome: Outcome, failure: Failure | None = None, result: JsonValue = None) -> None:
            duration_ms = (self._clock.monotonic_s() - started_s) * 1000
            self._facts.publish(StepFinished(head.id, head.path, outcome, duration_ms, attempt, failure, shown(result)))

        try:
            outcome, result = await self._guarded(step, depth, attempt)
            if isinstance(step, ActionStep):
                result = hide(result, find_action(step.action).secret_keys)
        except _StepFailed as failed:
            self._keep(step, Outcome.FAILED, error=_error_json(failed.failure, failed.step_id))
            finish(Outcome.FAILED, failed.failure)
            raise
        except BykiltError as error:
            failure = Failure(error.code, error.message, error.hint)
            self._keep(step, Outcome.FAILED, error=_error_json(failure, head.id))
            finish(Outcome.FAILED, failure)
            raise _StepFailed(failure, head.id) from error
        except BaseException:
            finish(Outcome.CANCELLED)
            raise
        finish(outcome, result=result)

    async def _guarded(self, step: Step, depth: int, attempt: int) -> tuple[Outcome, JsonValue]:
        """Do the step unless its `when` says no, within its deadline; what it gave is kept for later steps."""
        if step.head.when is not None and not step.head.when.holds(self._scope.resolve):
            self._keep(step, Outcome.SKIPPED)
            return Outcome.SKIPPED, None
        if isinstance(step, ActionStep):
            result = await self._act(step)
            value = result.metadata.get("result", result.metadata)
            self._keep(step, Outcome.SUCCEEDED, value, result.artifacts)
            return Outcome.SUCCEEDED, value
        timeout_ms = step.head.timeout_ms
        with anyio.move_on_after(None if timeout_ms is None else timeout_ms / 1000):
            value = await self._control(step, depth, attempt)
            self._keep(step, Outcome.SUCCEEDED, value)
            return Outcome.SUCCEEDED, value
        message = f"the step was not finished after {(timeout_ms or 0) / 1000:g} s"
        raise _StepFailed(Failure("step_timeout", message, "raise its `timeout_ms`"), step.head.id)

    def _keep(
        self,
        step: Step,
        outcome: Outcome,
        result: JsonValue = None,
        artifacts: JsonObject | None = None,
        error: JsonObject | None = None,
    ) -> None:
        if step.head.named:
            record = {"outcome": str(outcome), "result": result, "artifacts": artifacts or {}, "error": error}
            self._scope.keep(step.head.id, record)

    # ---- what steps do

    async def _act(self, step: ActionStep) -> ActionResult:
        action = step.ready or parse_action(
            {"type": step.action, **{name: field.render(self._scope.resolve) for name, field in step.fields}}
        )
        timeout_ms = step.head.timeout_ms or self._flow.default_timeout_ms
        if timeout_ms is not None:
            action = replace(action, timeout_ms=timeout_ms)
        result = await self._perform.dispatch(action)
        if not result.success:
            code, hint = (str(result.metadata.get(key, "")) for key in ("error_code", "hint"))
            raise _StepFailed(Failure(code or "action_failed", result.error or "the action failed", hint), step.head.id)
        return result

    async def _control(self, step: Step, depth: int, attempt: int) -> JsonValue:
        """Do a step that is no action and return its result."""
        match step:
            case IfStep():
                holds = step.condition.holds(self._scope.resolve)
                await self._run_steps(step.then if holds else step.otherwise, depth + 1)
                return {"branch": "then" if holds else "else"}
            case ForEachStep():
                return await self._for_each(step, depth)
            case WhileStep():
                return await self._while(step, depth)
            case GroupStep(steps=steps):
                await self._run_steps(steps, depth + 1)
                return None
            case VariableStep(name=name):
                value = step.value.render(self._scope.resolve)
                self._scope.set(name, value)
                return value
            case AppendStep(name=name):
                value = step.value.render(self._scope.resolve)
                return {"length": self._scope.append(name, items_of(value) if step.each else [value])}
            case SaveDataStep():
                return await self._save(step)
            case AskStep() | ExtractAIStep() | ChooseStep():
                return await self._ask(step, depth, attempt)
            case FailStep(message=message):
                text = as_text(message.render(self._scope.resolve))
                raise _StepFailed(Failure("failed_by_flow", text, ""), step.head.id)
        raise AssertionError(f"{type(step).__name__} is no control step")

    async def _for_each(self, step: ForEachStep, depth: int) -> JsonValue:
        items = items_of(step.items.render(self._scope.resolve))
        if len(items) > step.max_iterations:
            raise _too_many(step, f"the list has {len(items):,} items, more than")
        for index, item in enumerate(items):
            names: dict[str, JsonValue] = {step.item_name: item}
            if step.index_name is not None:
                names[step.index_name] = index
            with self._scope.loop(names):
                await self._run_steps(step.steps, depth + 1)
            await anyio.lowlevel.checkpoint()
        return {"iterations": len(items)}

    async def _while(self, step: WhileStep, depth: int) -> JsonValue:
        rounds = 0
        while True:
            with self._scope.loop({} if step.index_name is None else {step.index_name: rounds}):
                if not step.condition.holds(self._scope.resolve):
                    return {"iterations": rounds}
                if rounds >= step.max_iterations:
                    raise _too_many(step, "the condition still holds after")
                await self._run_steps(step.steps, depth + 1)
            rounds += 1
            await anyio.lowlevel.checkpoint()

    async def _ask(self, step: ModelStep, depth: int, attempt: int) -> JsonValue:
        page = await self._read_page(step) if isinstance(step, ExtractAIStep) else None
        answer = await self._asker.ask(self._questions.of(step, attempt, self._scope.resolve, page))
        if answer.failure is not None:
            raise _StepFailed(answer.failure, step.head.id)
        result = result_of(step, answer.value)
        if isinstance(step, ChooseStep):
            self._keep(step, Outcome.SUCCEEDED, result)  # the steps of the case may refer to it
            await self._run_steps(step.steps_for(str(result)), depth + 1)
        return result

    async def _read_page(self, step: ExtractAIStep) -> PageText:
        read = (await self._act(step.look)).metadata
        page = page_text(read["tree"], read.get("more", 0), step.max_chars)
        if not page.is_whole:
            parts = [f"{page.cut_chars:,} characters"] if page.cut_chars else []
            parts += [f"{page.cut_nodes:,} elements"] if page.cut_nodes else []
            message = f"step {step.head.id!r}: {' and '.join(parts)} of the page are not shown to the model"
            hint = "aim `selector` at the part that tells it, or raise `max_chars` for a model that can hold more"
            self._facts.publish(Warned("llm_page_cut", message, hint))
        return page

    async def _save(self, step: SaveDataStep) -> JsonValue:
        value = step.data.render(self._scope.resolve)
        name = as_text(step.file.render(self._scope.resolve))
        measure(value)
        # Not abandoned when cancelled: the file is replaced as a whole or not at all, within a moment.
        saved = await anyio.to_thread.run_sync(
            partial(save_data, self._data_dir, name, value, step.format, step.columns)
        )
        file = f"{self._data_dir.name}/{saved.name}"
        self._facts.publish(DataSaved(file, str(saved.format), saved.records, saved.size_bytes))
        return {
            "file": file,
            "format": str(saved.format),
            "records": saved.records,
            "size_bytes": saved.size_bytes,
        }


def _too_many(step: ForEachStep | WhileStep, what: str) -> _StepFailed:
    failure = Failure(
        "loop_limit", f"{what} {step.max_iterations:,} rounds", "raise `max_iterations` if so many are meant"
    )
    return _StepFailed(failure, step.head.id)


def _error_json(failure: Failure, step_id: str) -> JsonObject:
    return {"code": failure.code, "message": failure.message, "step": step_id}
