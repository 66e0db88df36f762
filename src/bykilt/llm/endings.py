"""What a request used, by the way in which it ended: never less than a provider may charge for. Pure."""

from __future__ import annotations

import json
from typing import Any

from bykilt.audit.errors import AuditUnavailable
from bykilt.errors import BykiltError, InvalidInput, MissingCapability
from bykilt.llm.calls import Completion
from bykilt.llm.errors import (
    AnswerIncomplete,
    AnswerInvalid,
    BrokerRefused,
    CallTimedOut,
    LLMBusy,
    ProviderFailed,
    StartPaused,
)
from bykilt.llm.money import cost_parts
from bykilt.llm.routes import Route
from bykilt.llm.schemas import AnswerSchema
from bykilt.llm.usage import Asking, Ending, RequestOutcome
from bykilt.security.errors import VaultError
from bykilt.storage.errors import StorageError

# Whatever raises one of these was not asked.
_UNSENT = (
    InvalidInput,
    MissingCapability,
    BrokerRefused,
    LLMBusy,
    StartPaused,
    VaultError,
    AuditUnavailable,
    StorageError,
)


def answered(answer: Completion, route: Route, asking: Asking, problem: BykiltError | None = None) -> Ending:
    """Return the ending of a request that was answered; `problem` is what the answer lacks, if it does.

    An answer without a count of its tokens counts as the most that it can have: a guess is no hard limit.
    """
    prompt_tokens, completion_tokens = answer.prompt_tokens, answer.completion_tokens
    if not answer.is_counted or prompt_tokens <= 0:
        prompt_tokens = asking.most_prompt_tokens
    if not answer.is_counted or (completion_tokens <= 0 and answer.text):
        completion_tokens = asking.most_completion_tokens
    return Ending(
        outcome=RequestOutcome.ANSWERED if problem is None else RequestOutcome.INVALID,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        parts=None if route.price is None else cost_parts(route.price, prompt_tokens, completion_tokens),
        provider_is_well=True,
        code=None if problem is None else problem.code,
    )


def failed(error: BaseException, asking: Asking) -> Ending:
    """Return the ending of a request without an answer.

    What was refused before it was sent, or answered with an error, costs nothing. Of anything else nobody knows how
    far the provider came, so it counts as the most that it could use.
    """
    is_free = isinstance(error, _UNSENT)
    is_well: bool | None = None
    if isinstance(error, ProviderFailed):
        is_free = error.is_unsent or (error.status is not None and error.status >= 300)
        is_well = False if error.is_retryable else None
    elif isinstance(error, CallTimedOut):
        is_well = False
    return Ending(
        outcome=RequestOutcome.FAILED if isinstance(error, Exception) else RequestOutcome.CANCELLED,
        prompt_tokens=0 if is_free else asking.most_prompt_tokens,
        completion_tokens=0 if is_free else asking.most_completion_tokens,
        parts=0 if is_free else asking.most_parts,
        provider_is_well=is_well,
        code=error.code if isinstance(error, BykiltError) else type(error).__name__,
    )


def document_of(answer: Completion, schema: AnswerSchema) -> Any:
    """Return the document that an answer is.

    Raises:
        AnswerIncomplete: max_tokens were not enough for it.
        AnswerInvalid: It is none, or does not fit the schema.
    """
    if answer.finish == "length":
        raise AnswerIncomplete("the answer did not fit into max_tokens", hint="raise max_tokens")
    try:
        document = json.loads(answer.text)
    except (ValueError, RecursionError):
        raise AnswerInvalid(["/: it is no JSON"]) from None
    if violations := schema.violations(document):
        raise AnswerInvalid(violations)
    return document
