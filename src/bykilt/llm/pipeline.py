"""The way of a call: screened, looked up, asked of one provider after another within every limit, counted, recorded.

Knows the order of things, which is that nothing is asked before it is allowed, paid for and on record. Does not know
how any of it is decided, nor what a container is.
"""

from __future__ import annotations

import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import anyio

from bykilt.clock import Clock, SystemClock
from bykilt.errors import BykiltError, MissingCapability
from bykilt.llm import budgets, endings, retry
from bykilt.llm.answer_cache import AnswerCache
from bykilt.llm.backend import Backend, OnToken
from bykilt.llm.breaker import ProviderResting
from bykilt.llm.budgets import BudgetExceeded
from bykilt.llm.call_record import CallRecord
from bykilt.llm.calls import Call, Completion
from bykilt.llm.errors import CallTimedOut, LLMBusy, NoAnswer, ProviderFailed, StartPaused, WorkerCrashed
from bykilt.llm.money import cost_parts
from bykilt.llm.prompt_screen import PromptScreen
from bykilt.llm.rates import CallAboveRate, Rate, RateExceeded
from bykilt.llm.retry import Chance
from bykilt.llm.routes import Route, routes_of
from bykilt.llm.schemas import AnswerSchema
from bykilt.llm.settings import LLMSettings
from bykilt.llm.usage import Asking, Ending, Rules
from bykilt.llm.usage_store import UsageStore

# A provider that ends like this gave no answer, and another one may.
_NEXT_MAY_ANSWER = (
    ProviderFailed,
    ProviderResting,
    RateExceeded,
    MissingCapability,
    WorkerCrashed,
    LLMBusy,
    StartPaused,
)
_LEAST_DEADLINE_S = 0.01
# Whoever gives a provider less time than this learns nothing of how it does, and opens no breaker for others.
_FAIR_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """An answer, and where it is from.

    `parts` is what it cost, None where nobody knows; `data` the document that a schema asked for; `metrics` what the
    backend said of itself at that moment.
    """

    completion: Completion
    provider: str
    model: str
    parts: int | None
    cached: bool
    data: Any = None
    metrics: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class _Attempt:
    """A call on its way: its id, when its time is over, and whether its caller has heard any of an answer."""

    call: Call
    id: str
    deadline_s: float
    schema: AnswerSchema | None
    on_token: OnToken | None
    has_begun: bool = False

    def tell(self, text: str) -> None:
        self.has_begun = True
        if self.on_token is not None:
            self.on_token(text)


class CallPipeline:
    """The calls of one process. Calls of several tasks may come at once, and wait for each other in no lock here."""

    def __init__(
        self,
        settings: LLMSettings,
        backends: Mapping[str, Backend],
        *,
        store: UsageStore,
        record: CallRecord,
        screen: PromptScreen,
        cache: AnswerCache | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
        chance: Chance = random.random,
    ) -> None:
        """Wire the parts; `backends` has one for each name in `settings`, started when it is first asked."""
        self.settings = settings
        self.backends = backends
        self._store = store
        self._record = record
        self._screen = screen
        self._cache = cache
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._chance = chance

    async def answer(self, call: Call, on_token: OnToken | None = None) -> Answered:
        """Return the answer to a call.

        Raises:
            InvalidInput: The call cannot be carried out as it is.
            BudgetExceeded, RateExceeded, CallAboveRate, ProviderResting: It was not made.
            AnswerIncomplete, AnswerInvalid: There is an answer, and it is not what the schema asks for.
            NoAnswer: Several may be asked, and none of them answered.
            AuditUnavailable, StorageError: It could not be put on record, so it was not made, or is not told.
            BykiltError: There is no answer.
        """
        call = await self._screen.screened(call)
        schema = AnswerSchema(call.schema) if call.schema is not None else None
        routes = routes_of(call.options, self.settings)
        deadline_s = self._clock.monotonic_s() + call.options.deadline_s
        attempt = _Attempt(call, secrets.token_hex(8), deadline_s, schema, on_token)
        reasons: list[tuple[str, BykiltError]] = []
        for route in routes:
            try:
                return await self._kept(attempt, route) or await self._ask(attempt, route)
            except _NEXT_MAY_ANSWER as error:
                reasons.append((route.provider, error))
                if attempt.has_begun or self._left_s(attempt) <= 0:
                    break
        if len(reasons) == 1:
            raise reasons[0][1]
        raise NoAnswer(reasons)

    def close(self) -> None:
        """Close the files. Waits for the disk."""
        self._record.close()
        self._store.close()
        if self._cache is not None:
            self._cache.close()

    # ---- one provider

    async def _kept(self, attempt: _Attempt, route: Route) -> Answered | None:
        """Return the answer that is kept; None if there is none."""
        cache, call = self._cache, attempt.call
        if cache is None:
            return None
        answer = await anyio.to_thread.run_sync(cache.get, call, route.provider, route.model)
        if answer is None:
            return None
        data = None if attempt.schema is None else endings.document_of(answer, attempt.schema)
        asking = _asking(attempt, route)
        await self._record.cached(call, asking, answer)
        await anyio.to_thread.run_sync(self._store.add_cached, asking)
        if attempt.on_token is not None:
            attempt.tell(answer.text)
        return Answered(completion=answer, provider=route.provider, model=route.model, parts=0, cached=True, data=data)

    async def _ask(self, attempt: _Attempt, route: Route) -> Answered:
        """Ask a provider, again where that makes sense."""
        number = 0
        while True:
            number += 1
            try:
                return await self._ask_once(attempt, route)
            except ProviderFailed as error:
                if not error.is_retryable or attempt.has_begun:
                    raise
                pause_s = retry.pause_s(
                    self.settings.retry,
                    number,
                    self._left_s(attempt),
                    asked_s=error.retry_after_s,
                    chance=self._chance,
                )
                if pause_s is None:
                    raise
                await self._sleep(pause_s)

    async def _ask_once(self, attempt: _Attempt, route: Route) -> Answered:
        asking = _asking(attempt, route)
        request = await self._admit(attempt, asking)
        answer: Completion | None = None
        ending: Ending | None = None
        try:
            await self._record.allowed(attempt.call, asking)
            answer = await self._answer_of(attempt, route)
            metrics = self.backends[route.provider].get_metrics()
            data, problem = _judged(answer, attempt.schema)
            ending = endings.answered(answer, route, asking, problem)
        except BaseException as error:
            ending = endings.failed(error, asking)
            if self._left_s(attempt) <= 0 and attempt.call.options.deadline_s < _FAIR_DEADLINE_S:
                ending = replace(ending, provider_is_well=None)
            raise
        finally:
            if ending is not None:
                await self._settle(attempt.call, asking, request, ending, answer)
        if problem is not None:
            raise problem
        if self._cache is not None:
            await anyio.to_thread.run_sync(self._cache.put, attempt.call, route.provider, route.model, answer)
        return Answered(
            completion=answer,
            provider=route.provider,
            model=route.model,
            parts=ending.parts,
            cached=False,
            data=data,
            metrics=metrics,
        )

    async def _answer_of(self, attempt: _Attempt, route: Route) -> Completion:
        options = attempt.call.options
        backend = self.backends[route.provider]
        await backend.start()
        left_s = max(_LEAST_DEADLINE_S, self._left_s(attempt))
        call = replace(
            attempt.call,
            options=replace(options, model=route.model, provider=route.provider, deadline_s=left_s),
        )
        try:
            return await backend.answer(call, attempt.tell if attempt.on_token is not None else None)
        except CallTimedOut:
            raise CallTimedOut(options.deadline_s) from None

    async def _admit(self, attempt: _Attempt, asking: Asking) -> int:
        """Return the number of a request that may be made; a rate that has room again soon is waited for."""
        options, settings = attempt.call.options, self.settings
        is_local = asking.provider not in settings.providers
        rules = Rules(
            accounts=list(budgets.accounts(settings.budgets, options, self._clock.wall_s())),
            provider_rate=settings.rates.providers.get(asking.provider, Rate()),
            owner_rate=settings.rates.owners.get(options.owner, settings.rates.owner),
            # The container is replaced when it fails; that needs no rest.
            breaker=None if is_local else settings.breaker,
        )
        waited_s = 0.0
        while True:
            try:
                return await anyio.to_thread.run_sync(self._store.admit, asking, rules)
            except RateExceeded as error:
                patience_s = min(settings.rates.wait_s - waited_s, self._left_s(attempt))
                if error.retry_after_s >= patience_s:
                    await self._record.refused(attempt.call, asking, error.code)
                    raise
                waited_s += error.retry_after_s
                await self._sleep(error.retry_after_s)
            except (ProviderResting, CallAboveRate, BudgetExceeded) as error:
                await self._record.refused(attempt.call, asking, error.code)
                raise

    async def _settle(
        self, call: Call, asking: Asking, request: int, ending: Ending, answer: Completion | None
    ) -> None:
        """Count and record what became of a request, even where its task is being cancelled."""
        with anyio.CancelScope(shield=True):  # bounded by the patience of the database
            await anyio.to_thread.run_sync(self._store.end, request, ending)
            await self._record.ended(call, asking, ending, answer)

    def _left_s(self, attempt: _Attempt) -> float:
        return attempt.deadline_s - self._clock.monotonic_s()


def _asking(attempt: _Attempt, route: Route) -> Asking:
    options = attempt.call.options
    prompt_tokens = budgets.most_prompt_tokens(attempt.call)
    return Asking(
        call=attempt.id,
        owner=options.owner,
        run=options.run,
        provider=route.provider,
        model=route.model,
        most_prompt_tokens=prompt_tokens,
        most_completion_tokens=options.max_tokens,
        most_parts=None if route.price is None else cost_parts(route.price, prompt_tokens, options.max_tokens),
    )


def _judged(answer: Completion, schema: AnswerSchema | None) -> tuple[Any, BykiltError | None]:
    """Return the document that a schema asked for, and what is wrong with it."""
    if schema is None:
        return None, None
    try:
        return endings.document_of(answer, schema), None
    except BykiltError as error:
        return None, error
