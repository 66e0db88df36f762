"""Questions of a run's steps on their way to a language model, and the answers on their way back.

Knows the order: what is secret is masked, the prompt is made, somebody answers, the answer is held against its schema,
put on record, and only then used. Imported by runs whose flow asks a model, and by no others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from bykilt.clock import Clock
from bykilt.errors import BykiltError, InvalidInput, MissingCapability
from bykilt.events.model import FactSink, Failure, ModelAnswered, Outcome, Warned
from bykilt.events.redactor import Redactor, masked, masked_fact
from bykilt.flows.asking import Answer, Question
from bykilt.flows.templates import shown
from bykilt.ids import RunId
from bykilt.json_types import JsonObject, JsonValue
from bykilt.llm.calls import DEFAULT_DEADLINE_S, Message, Role
from bykilt.llm.errors import AnswerIncomplete, AnswerInvalid, LLMDisabled
from bykilt.llm.prompts import fenced_prompt
from bykilt.llm.schemas import AnswerSchema
from bykilt.llm.service_gateway import LLMResult, LLMServiceGateway
from bykilt.runs.answer_file import AnswerFile, AskedPrompt
from bykilt.runs.model import Models
from bykilt.storage.errors import StorageError

_LONGEST_DEADLINE_S = 3600.0
_AGAIN_TEMPERATURE = 0.5
_NOT_AWAITED = Failure("llm_not_awaited", "the run, or the step, ended before the model had answered", "")


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as its source has it. With a `failure` there is none."""

    value: JsonValue = None
    failure: Failure | None = None
    provider: str = ""
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = 0.0
    cached: bool = False


class AnswerSource(Protocol):
    """Who answers."""

    replayed_from: str
    """The run whose record answers; empty where a model does."""

    async def answer(self, question: Question, prompt: AskedPrompt) -> Given:
        """Return the answer to a prompt, which says all of the question.

        Raises:
            BykiltError: There is none.
        """
        ...


class GatewaySource:
    """The gateway answers: a model that runs here, or a provider."""

    replayed_from = ""

    def __init__(self, gateway: LLMServiceGateway, owner: str, run_id: RunId) -> None:
        """`owner` is the trust domain of the run."""
        self._gateway = gateway
        self._owner = owner
        self._run_id = run_id

    async def answer(self, question: Question, prompt: AskedPrompt) -> Given:
        """Ask."""
        choice = question.choice
        context: dict[str, Any] = {
            "model": choice.model,
            "provider": choice.provider,
            "max_tokens": choice.max_tokens,
            "owner": self._owner,
            "run": str(self._run_id),
            # The step's own deadline, if it is the shorter one, ends the call before this does.
            "deadline_s": min(max(DEFAULT_DEADLINE_S, question.timeout_s or 0.0), _LONGEST_DEADLINE_S),
        }
        if question.attempt > 1:
            # Asked in the same way, a model that answers what is likeliest would say the same again.
            context |= {"temperature": _AGAIN_TEMPERATURE, "seed": question.attempt}
        messages = [Message(Role(role), content) for role, content in prompt.messages]
        result = await self._gateway.invoke_llm(messages, context, schema=prompt.schema)
        if result.get("disabled"):
            raise _no_model(result)
        if result["finish"] == "length":
            raise AnswerIncomplete("the answer did not fit into max_tokens", hint="raise max_tokens of the step")
        return Given(
            value=result["text"].strip() if prompt.schema is None else result["data"],
            provider=result["provider"],
            model=result["model"],
            prompt_tokens=result["usage"]["prompt_tokens"],
            completion_tokens=result["usage"]["completion_tokens"],
            cost_usd=result["cost"] if result["priced"] else None,
            cached=result["cached"],
        )


class RunAsker:
    """The `Asker` of one run."""

    def __init__(
        self, source: AnswerSource, record: AnswerFile, *, redactor: Redactor, facts: FactSink, clock: Clock
    ) -> None:
        """What `redactor` knows as secret is masked in what is asked and in what is answered."""
        self._source = source
        self._record = record
        self._redactor = redactor
        self._facts = facts
        self._clock = clock

    async def ask(self, question: Question) -> Answer:
        """Return the answer once it is on record; an answer that cannot be recorded is not used."""
        begun_s = self._clock.monotonic_s()
        prompt = self._prompt(question)
        given, outcome = Given(failure=_NOT_AWAITED), Outcome.CANCELLED
        try:
            given = await self._answer(question, prompt)
            outcome = Outcome.SUCCEEDED if given.failure is None else Outcome.FAILED
        finally:
            not_recorded = self._tell(question, prompt, given, outcome, begun_s)
        return Answer(given.value, given.failure or not_recorded)

    def _prompt(self, question: Question) -> AskedPrompt:
        text = self._redactor.mask(question.text)
        data = cast(JsonObject, masked(question.data, self._redactor, keys_too=True))
        return AskedPrompt.of(fenced_prompt(text, data, question.schema), question.schema)

    async def _answer(self, question: Question, prompt: AskedPrompt) -> Given:
        try:
            if masked(prompt.schema, self._redactor, keys_too=True) != prompt.schema:
                raise InvalidInput("the schema of the answer holds a secret", hint="a flow's file is no place for one")
            given = await self._source.answer(question, prompt)
        except BykiltError as error:
            return Given(failure=_failure(error))
        return given if given.failure is not None else self._checked(given, prompt.schema)

    def _checked(self, given: Given, schema: JsonObject | None) -> Given:
        value = masked(given.value, self._redactor, keys_too=True)
        violations = [] if schema is None else AnswerSchema(schema).violations(value)
        if violations:
            return replace(given, value=None, failure=_failure(AnswerInvalid(violations)))
        return replace(given, value=value)

    def _tell(
        self, question: Question, prompt: AskedPrompt, given: Given, outcome: Outcome, begun_s: float
    ) -> Failure | None:
        """Put an answer on record and tell of it; return why it could not be recorded."""
        now_s = self._clock.monotonic_s()
        # A secret that was put into the vault meanwhile is known by now.
        prompt = prompt.masked(self._redactor)
        fact = ModelAnswered(
            step_id=question.step_id,
            path=question.path,
            occurrence=question.occurrence,
            attempt=question.attempt,
            outcome=outcome,
            provider=given.provider,
            model=given.model,
            prompt_sha256=prompt.sha256,
            prompt_tokens=given.prompt_tokens,
            completion_tokens=given.completion_tokens,
            cost_usd=given.cost_usd,
            cached=given.cached,
            replayed_from=self._source.replayed_from,
            time_ms=now_s * 1000,
            duration_ms=(now_s - begun_s) * 1000,
            answer=shown(given.value),
            failure=given.failure,
        )
        self._facts.publish(fact)
        try:
            told = masked_fact(fact, self._redactor)
            self._record.append(prompt, told, given.value, self._clock.wall_s())
        except StorageError as error:
            self._facts.publish(Warned(error.code, f"an answer could not be recorded: {error.message}", error.hint))
            return _failure(error)
        return None


def _no_model(result: LLMResult) -> MissingCapability:
    """Return why a stub, which the user has set for it, stands where a model should."""
    problem, hint = (str(result["sandbox"].get(name, "")) for name in ("problem", "hint"))
    return MissingCapability(problem, hint=hint) if problem else LLMDisabled()


async def gateway_source(models: Models | None, owner: str, run_id: RunId) -> GatewaySource:
    """Return the gateway as a source, once it is ready.

    Raises:
        LLMDisabled, DockerUnavailable, ImageMissing: There is no model to ask.
        LLMError: It cannot be got ready.
    """
    if models is None:
        raise LLMDisabled
    gateway = models()
    await gateway.initialize()
    return GatewaySource(gateway, owner, run_id)


def _failure(error: BykiltError) -> Failure:
    return Failure(error.code, error.message, error.hint)
