"""A model elsewhere, asked by the provider's own library, which has no socket and no key here.

The only module that knows that library (openai). What is asked comes from the other side whole; its sense is made
here: whatever a provider answers is read inside the container.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import openai

from bykilt.llm.worker.engine import RefusedCall
from bykilt.llm.worker.remote_transport import CANCELLED, Cancelled, LineTransport

Token = Callable[[str], None]
_FINISHES = {"stop": "stop", "length": "length"}


class RemoteModel:
    """Asks one provider. The key is put into requests outside, so a word that means nothing stands in for it."""

    def __init__(self, url: str, send: Callable[[dict[str, Any]], None]) -> None:
        self._url = url
        self._transport = LineTransport(send)
        self._client = _client(url, self._transport)
        self._running = ""

    def warm_up(self) -> None:
        """Run every path once: what a library loads when it first needs it cannot be loaded later."""
        messages = [{"role": "user", "content": "hi"}]
        for answer in (_dry_answer, _dry_refusal, _dry_nonsense, _dry_failure):
            client = _client(self._url, httpx2.MockTransport(answer))
            for stream in (False, True):
                try:
                    _ask(client, {"model": "m", "messages": messages, "stream": stream}, lambda text: None)
                except RefusedCall:
                    pass

    def cancel(self, call: str) -> None:
        """Stop that call soon; called from another thread."""
        if self._running == call:
            self._transport.received({"op": CANCELLED, "id": call})

    def received(self, message: dict[str, Any]) -> None:
        """Take in a line of the answer to a request; called from another thread."""
        if message.get("id") == self._running:
            self._transport.received(message)

    def chat(self, call: str, message: dict[str, Any], token: Token | None) -> dict[str, Any]:
        """Return text and why it ended; `token` is given each piece of text.

        Raises:
            RefusedCall: There is no answer, or none that can be used.
        """
        document = message.get("ask")
        if not isinstance(document, dict):
            raise RefusedCall("bad_call", "there is nothing to ask")
        self._transport.call = self._running = call
        try:
            return _ask(self._client, document, token)
        except Cancelled:
            return _answer("", "cancelled")
        finally:
            self._running = ""


def _client(url: str, transport: httpx2.BaseTransport) -> openai.OpenAI:
    http = httpx2.Client(transport=transport, trust_env=False, follow_redirects=False, timeout=None)
    # Trying again is decided outside, where it is known what a try costs.
    return openai.OpenAI(base_url=url, api_key="the-broker-has-it", max_retries=0, http_client=http)


def _ask(client: openai.OpenAI, document: dict[str, Any], token: Token | None) -> dict[str, Any]:
    try:
        if document.get("stream"):
            return _streamed(client, document, token)
        completion = client.chat.completions.create(**document)
        choice = completion.choices[0]
        return _answer(choice.message.content, choice.finish_reason)
    except openai.APIStatusError as error:
        raise RefusedCall("provider_status", f"status {error.status_code}") from error
    except openai.APIConnectionError as error:
        raise RefusedCall("no_answer", "there is no answer") from error
    except (openai.OpenAIError, httpx2.HTTPError, json.JSONDecodeError) as error:
        raise RefusedCall("bad_answer", f"it broke off or is no completion ({type(error).__name__})") from error
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        # The library makes objects of whatever it gets, and what is missing in them is told like this.
        raise RefusedCall("bad_answer", "it is no chat completion") from error


def _streamed(client: openai.OpenAI, document: dict[str, Any], token: Token | None) -> dict[str, Any]:
    pieces: list[str] = []
    finish = None
    with client.chat.completions.create(**document) as chunks:
        for chunk in chunks:
            for choice in (chunk.choices or [])[:1]:
                finish = choice.finish_reason or finish
                piece = choice.delta.content
                if not isinstance(piece, str | None):
                    raise TypeError
                if piece:
                    pieces.append(piece)
                    if token is not None:
                        token(piece)
    if finish is None:
        raise RefusedCall("bad_answer", "it broke off")
    return _answer("".join(pieces), finish)


def _answer(text: object, finish: object) -> dict[str, Any]:
    """Return the answer in the worker's words. Tokens are counted outside, where nobody here can change the count."""
    if finish not in _FINISHES and finish != "cancelled":
        raise RefusedCall("withheld", f"the provider ended it for another reason: {str(finish)[:50]}")
    if not isinstance(text, str | None):
        raise RefusedCall("bad_answer", "its text is none")
    return {
        "finish": finish,
        "text": text or "",
        "prompt_tokens": 0,
        "completion_tokens": 0,
    }


def _dry_answer(request: httpx2.Request) -> httpx2.Response:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    known = {"id": "1", "created": 1, "model": "m"}
    if json.loads(request.read())["stream"]:
        part = {"index": 0, "delta": {"role": "assistant", "content": "hi"}, "finish_reason": None}
        chunk = {**known, "object": "chat.completion.chunk", "choices": [part], "usage": None}
        last = {**chunk, "choices": [{**part, "delta": {}, "finish_reason": "stop"}], "usage": usage}
        text = "".join(f"data: {json.dumps(one)}\n\n" for one in (chunk, last)) + "data: [DONE]\n\n"
        return httpx2.Response(200, headers={"content-type": "text/event-stream"}, stream=_OnePart(text.encode()))
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    return httpx2.Response(200, json={**known, "object": "chat.completion", "choices": [choice], "usage": usage})


def _dry_refusal(request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(429, json={"error": {"message": "later"}})


def _dry_nonsense(request: httpx2.Request) -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": "application/json"}, stream=_OnePart(b"data: {nonsense\n\n"))


def _dry_failure(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("no", request=request)


class _OnePart(httpx2.SyncByteStream):  # type: ignore[misc]  # the library is in the image alone
    def __init__(self, part: bytes) -> None:
        self._part = part

    def __iter__(self) -> Any:
        yield self._part
