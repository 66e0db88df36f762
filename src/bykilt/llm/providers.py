"""What is known of a provider of models: where it is asked, by which key, and what it takes for it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import SplitResult, urlsplit

LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens."""

    prompt: Decimal = Decimal(0)
    completion: Decimal = Decimal(0)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> Decimal:
        """Return what a call costs, in US dollars."""
        return (self.prompt * prompt_tokens + self.completion * completion_tokens) / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A server that speaks OpenAI's chat completions.

    `url` is what the paths begin with, such as `https://api.openai.com/v1`. `secret` names the key in the vault; None
    where there is none. The first of `models` is the one that is asked unless the call names another; what has no
    price there costs nobody knows what. `allow_private` lets the name lead into this machine or a private network.
    Sizes are bytes of a body. `max_tokens_parameter` is what it calls the limit of an answer
    (`max_completion_tokens` for OpenAI's models that think first); `unsupported` names parameters that are left out
    because it would refuse them, such as `seed`, `temperature` or `response_format`.
    """

    name: str
    url: str
    models: Mapping[str, Price | None]
    secret: str | None = None
    auth_header: str = "Authorization"
    auth_scheme: str = "Bearer"
    allow_private: bool = False
    max_request_bytes: int = 1 << 20
    max_answer_bytes: int = 4 << 20
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    extra_headers: Mapping[str, str] = field(default_factory=dict)
    max_tokens_parameter: str = "max_tokens"
    unsupported: frozenset[str] = frozenset()

    @property
    def default_model(self) -> str:
        """The model that is asked when a call names none."""
        return next(iter(self.models))

    @property
    def parts(self) -> SplitResult:
        """The address, taken apart."""
        return urlsplit(self.url)
