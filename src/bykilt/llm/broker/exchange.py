"""One call's way out: what the worker asks is held against the call, and the answer is let in.

What becomes of a call is settled by what is seen here: the provider's status, its count of tokens, whether it was asked
at all, and what it has said. The worker has to say the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from email.utils import parsedate_to_datetime
from typing import Any

import anyio

from bykilt.audit.record import AuditOutcome
from bykilt.errors import BykiltError, InvalidInput
from bykilt.llm.broker.answer_screen import AnswerScreen, Usage
from bykilt.llm.broker.asked import encode_document, require_same
from bykilt.llm.broker.destination import Destination
from bykilt.llm.broker.http_client import Answer, Head, ProviderClient
from bykilt.llm.broker.key_removal import KeyRemover
from bykilt.llm.broker.keys import KeySource
from bykilt.llm.broker.records import ExchangeRecord, ExchangeRecords
from bykilt.llm.calls import Call, Completion
from bykilt.llm.errors import BrokerRefused, LLMError, ProtocolViolation, ProviderFailed
from bykilt.llm.outside import Send
from bykilt.llm.protocol import Asked, Done, Dropped, Refusal, answer_body, answer_end, answer_error, answer_head
from bykilt.llm.providers import Provider

JSON, EVENTS = "application/json", "text/event-stream"
_RETRYABLE = {408, 409, 425, 429}
_MAX_ERROR_BYTES = 64 << 10
# A stream that has said its last ends at once; only then its connection can be used again.
_SETTLE_S = 1.0
_RECORD_S = 5.0
# Without a count from the provider. English has some 4 bytes a token, Japanese 3: the guess is on the dear side.
_BYTES_PER_TOKEN = 2


class CallExchange:
    """The exchange of one call, which may make one request."""

    def __init__(
        self,
        call: Call,
        name: str,
        document: Mapping[str, Any],
        *,
        provider: Provider,
        client: ProviderClient,
        keys: KeySource,
        records: ExchangeRecords,
    ) -> None:
        """Take the call, its id and the document that it is for the provider; whom to ask, and with what.

        Raises:
            InvalidInput: The document is larger than the provider's settings allow.
        """
        self._call = call
        self._name = name
        self._document = document
        self._provider = provider
        self._destination = Destination.of(provider)
        self._client = client
        self._keys = keys
        self._records = records
        self._body = encode_document(document)
        if len(self._body) > provider.max_request_bytes:
            raise InvalidInput(
                f"the request has {len(self._body)} bytes, and {provider.name} is sent {provider.max_request_bytes}",
                hint="shorten the prompt or the schema, or raise max_request_bytes in the provider's settings",
            )
        self._request: str | None = None
        self._failure: BykiltError | None = None
        self._screen: AnswerScreen | None = None
        self._answered = False
        self._is_dropped = False
        self._ended = anyio.Event()
        self._scope = anyio.CancelScope()
        self._began = anyio.current_time()
        self._answer_hash = hashlib.sha256()
        self._is_recorded = True
        self._record = ExchangeRecord(
            provider=provider.name,
            model=str(document["model"]),
            host=self._destination.origin,
            owner=call.options.owner,
            run=call.options.run,
            outcome=AuditOutcome.ALLOWED,
            request_bytes=len(self._body),
            request_sha256=hashlib.sha256(self._body).hexdigest(),
        )

    @property
    def is_waiting(self) -> bool:
        """Whether the provider is being asked."""
        return self._request is not None and not self._ended.is_set()

    async def admit(self, asked: Asked) -> None:
        """Look at a request.

        Raises:
            BrokerRefused: It is not the one request that the call needs.
        """
        try:
            if self._request is not None:
                raise BrokerRefused("the container asks for more than the one request of its call")
            path = self._destination.check(asked.method, asked.url)
            if (asked.method, path) != ("POST", self._destination.chat_path):
                raise BrokerRefused(f"the container asks for {asked.method} {path[:100]}, which is no chat completion")
            require_same(asked.body, self._document)
        except BrokerRefused as error:
            # Why is not on record: it would be in the words of whoever has taken the container over.
            digest = hashlib.sha256(asked.body).hexdigest()
            await self._note(
                AuditOutcome.REFUSED, reason=error.code, request_bytes=len(asked.body), request_sha256=digest
            )
            raise
        self._request = asked.request

    async def carry(self, asked: Asked, send: Send) -> None:
        """Send the call's document to the provider, and its answer to the worker."""
        try:
            with self._scope:
                await self._carry(asked.request, send)
        except BykiltError as error:
            self._failure = error
            if isinstance(error, BrokerRefused):
                await self._note(AuditOutcome.REFUSED, reason=error.message[:200])
                self._is_recorded = True
        # Not where the whole call is cancelled: the provider is being asked then.
        self._ended.set()
        if self._failure is not None:
            await send(answer_error(self._name, asked.request, "failed"))

    def hear(self, text: str) -> None:
        """Take note of a piece of the answer.

        Raises:
            ProtocolViolation: The provider has not said it, or not now.
        """
        if self._screen is None or not self._screen.is_next_piece(text):
            raise ProtocolViolation("it says what the provider has not said")

    def drop(self, dropped: Dropped) -> None:
        """Give up the request, unless the provider has said everything.

        Raises:
            ProtocolViolation: There is no such request.
        """
        if dropped.request != self._request or self._is_dropped:
            raise ProtocolViolation("it drops a request that it has not made")
        self._is_dropped = True
        if self._screen is None or not self._screen.has_ended:
            self._scope.cancel()

    async def settle(self) -> None:
        """Give an answer that has ended a moment to let go of its connection."""
        if self._request is not None and self._failure is None:
            with anyio.move_on_after(_SETTLE_S):
                await self._ended.wait()

    def outcome(self, said: Done | Refusal) -> Completion:
        """Return the answer, with the count of tokens that was read here.

        Raises:
            ProviderFailed, BrokerRefused: The provider gave no answer, or was not asked for one.
            ProtocolViolation: The worker has an answer of its own, or none for no reason.
        """
        if self._failure is not None:
            raise self._failure
        if self._request is None:
            raise ProtocolViolation("it did not ask the provider")
        if not self._answered:
            raise ProtocolViolation("it did not wait for the provider")
        if isinstance(said, Refusal):
            raise self._unusable(said)
        screen = self._screen
        if screen is None or (said.text, said.finish) != (screen.text, screen.finish_reason):
            raise ProtocolViolation("its answer is not the provider's")
        usage, is_counted = self._usage(), screen.usage is not None
        return Completion(said.text, said.finish, usage.prompt_tokens, usage.completion_tokens, is_counted)

    def _unusable(self, said: Refusal) -> ProviderFailed:
        error = self._screen.error if self._screen is not None else None
        name, status = self._provider.name, self._record.status
        if error is None:
            return ProviderFailed(
                f"the answer of {name} cannot be used: {said.message}", is_retryable=False, status=status
            )
        reason = _reason(json.dumps({"error": error}).encode())
        told = f": {reason}" if reason else ""
        return ProviderFailed(f"{name} gave up in the middle of its answer{told}", is_retryable=True, status=status)

    def too_late(self) -> LLMError:
        """Return what to tell if the deadline passes while the provider is asked."""
        self._failure = ProviderFailed(
            f"{self._provider.name} gave no answer within {self._call.options.deadline_s:g} s",
            is_retryable=True,
            status=self._record.status,
            hint="ask for fewer tokens (max_tokens), or allow more time (deadline_s)",
        )
        return self._failure

    async def close(self) -> None:
        """Put on record how a request that has left ended."""
        if self._is_recorded:
            return
        usage = self._usage() if self._answered else Usage(0, 0)
        is_whole = self._ended.is_set() or (self._screen is not None and self._screen.has_ended)
        ended_well = self._failure is None and self._answered and is_whole
        self._is_recorded = True
        with anyio.move_on_after(_RECORD_S, shield=True):
            await self._note(
                AuditOutcome.SUCCEEDED if ended_well else AuditOutcome.FAILED,
                answer_sha256=self._answer_hash.hexdigest(),
                duration_ms=(anyio.current_time() - self._began) * 1000,
                prompt_tokens=usage.prompt_tokens,
                completion_tokens=usage.completion_tokens,
                is_estimated=self._answered and (self._screen is None or self._screen.usage is None),
                reason=self._failure.code if self._failure is not None else None if ended_well else "cancelled",
            )

    # --- the request ---

    async def _carry(self, request: str, send: Send) -> None:
        self._began = anyio.current_time()
        key = await self._keys.key_for(self._provider)
        remover = KeyRemover(key)
        await self._note(AuditOutcome.ALLOWED)
        self._is_recorded = False
        async with self._client.post(self._destination.chat_path, self._body, key) as answer:
            head = answer.head
            self._record = replace(self._record, address=head.address, status=head.status)
            if head.status != 200:
                raise await self._refusal(answer, remover)
            kind = _kind(head)
            self._screen = AnswerScreen(
                remover,
                is_stream=kind == EVENTS,
                max_bytes=min(self._provider.max_answer_bytes, self._call.max_output_bytes),
            )
            self._answered = True
            await send(answer_head(self._name, request, head.status, kind))
            async for part in answer.body:
                self._take(part)
                await self._give(request, self._screen.feed(part), send)
            await self._give(request, self._screen.finish(), send)
        await send(answer_end(self._name, request))

    async def _give(self, request: str, part: bytes, send: Send) -> None:
        for line in answer_body(self._name, request, part):
            await send(line)

    def _take(self, part: bytes) -> None:
        self._answer_hash.update(part)
        self._record = replace(self._record, answer_bytes=self._record.answer_bytes + len(part))

    async def _refusal(self, answer: Answer, remover: KeyRemover) -> ProviderFailed:
        """Return what the provider says instead of an answer."""
        said = bytearray()
        async for part in answer.body:
            self._take(part)
            said += part
            if len(said) > _MAX_ERROR_BYTES:
                break
        head, name = answer.head, self._provider.name
        if 300 <= head.status < 400:
            return ProviderFailed(
                f"{name} answered {head.status}: it wants to be asked elsewhere, and that is not followed",
                is_retryable=False,
                status=head.status,
                hint="put the address that it should be asked at into the provider's url",
            )
        reason = _reason(remover.clean(bytes(said)))
        reason = "" if remover.is_in(reason) else reason
        return ProviderFailed(
            f"{name} answered {head.status}" + (f": {reason}" if reason else ""),
            is_retryable=head.status in _RETRYABLE or head.status >= 500,
            status=head.status,
            retry_after_s=_retry_after_s(head),
            hint="is its key the right one?" if head.status in (401, 403) else "",
        )

    # --- what came of it ---

    def _usage(self) -> Usage:
        """Return what the provider counted; a guess, where it was cut short or does not count."""
        screen = self._screen
        if screen is not None and screen.usage is not None:
            return screen.usage
        most = self._call.options.max_tokens
        return Usage(
            -(-len(self._body) // _BYTES_PER_TOKEN), min(most, -(-self._record.answer_bytes // _BYTES_PER_TOKEN))
        )

    async def _note(self, outcome: AuditOutcome, **facts: Any) -> None:
        await self._records.note(replace(self._record, outcome=outcome, **facts))


def _kind(head: Head) -> str:
    """Return the form of the answer, as one of two words.

    Raises:
        ProviderFailed: It is in another form, or packed.
    """
    encoding = head.headers.get("content-encoding", "identity").strip().lower()
    kind = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    if encoding not in ("", "identity"):
        raise ProviderFailed("the provider packs its answer, unasked", is_retryable=False, status=200)
    if kind not in (JSON, EVENTS):
        raise ProviderFailed(f"the provider's answer is {kind[:50]!r}, not JSON", is_retryable=False, status=200)
    return kind


def _reason(said: bytes) -> str:
    """Return the words of an error in OpenAI's form, made harmless; nothing where it has none."""
    try:
        document = json.loads(said)
    except (ValueError, RecursionError):
        return ""
    error = document.get("error") if isinstance(document, dict) else None
    words = error.get("message") if isinstance(error, dict) else error
    if not isinstance(words, str):
        return ""
    return "".join(sign if sign.isprintable() else " " for sign in words)[:300]


def _retry_after_s(head: Head) -> float | None:
    """Return the seconds that the provider asks to wait; a time of day counts from the answer's own.

    Source: RFC 9110, section 10.2.3; `retry-after-ms` is OpenAI's
    """
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = head.headers.get(name, "").strip()
        if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
            return float(text) * unit_s
    try:
        then, now = (parsedate_to_datetime(head.headers[name]) for name in ("retry-after", "date"))
        return max(0.0, (then - now).total_seconds())
    except (KeyError, TypeError, ValueError):
        return None
