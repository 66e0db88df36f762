"""The file in which the user decides about models, of YAML or JSON: read, checked, and every problem told.

Knows the schema, and which settings contradict each other. Does not know what is done with them (`settings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bykilt.documents.door import Identifier, ProblemList, Strict, read_model
from bykilt.documents.json_schema import model_schema
from bykilt.documents.problems import DocumentError, Problem
from bykilt.documents.reading import DocumentKind, parse, read_file
from bykilt.json_types import JsonObject
from bykilt.llm.breaker import BreakerSettings
from bykilt.llm.calls import LocalEngine
from bykilt.llm.presets import ProviderKind
from bykilt.llm.retry import RetrySettings
from bykilt.llm.settings import CacheSettings, ContainerSettings, LLMSettings, WhenUnavailable

SCHEMA_VERSION = 1
NAMES = ("llm.yaml", "llm.yml", "llm.json")
_FILE = DocumentKind("file of model settings", "it has a few lines for each provider")
_RETRY, _BREAKER, _CACHE = RetrySettings(), BreakerSettings(), CacheSettings()
_CONTAINER = ContainerSettings()

Money = int | float | str
ModelName = Annotated[str, Field(min_length=1, max_length=128)]
OwnerName = Annotated[str, Field(min_length=1, max_length=128)]
PerMinute = Annotated[int, Field(ge=1, le=1_000_000_000)]


class SettingsError(DocumentError):
    """The file cannot be used; `problems` has every reason."""

    code: ClassVar[str] = "invalid_llm_settings"

    def __init__(self, problems: Sequence[Problem], *, hint: str = "its schema: bykilt llm schema") -> None:
        super().__init__(problems, hint=hint)


class PriceModel(Strict):
    """US dollars for a million tokens."""

    prompt: Money = Field(description="for a million tokens of prompts")
    completion: Money = Field(description="for a million tokens of answers")


class ProviderModel(Strict):
    """A server that takes OpenAI's chat completions."""

    kind: ProviderKind | None = Field(default=None, strict=False, description="one whose address is known")
    url: str | None = Field(
        default=None, max_length=2048, description="what its paths begin with, such as https://models.example/v1"
    )
    models: dict[ModelName, PriceModel | None] = Field(
        min_length=1,
        description="the models that may be asked, the first unless a call names another, each with its price or null",
    )
    secret: str | None = Field(default=None, min_length=1, max_length=128, description="the key's name in the vault")
    auth_header: str = Field(default="Authorization", pattern=r"^[A-Za-z0-9-]{1,64}$")
    auth_scheme: str = Field(default="Bearer", max_length=32, description="what stands before the key; may be empty")
    allow_private: bool | None = Field(
        default=None,
        description="its name may lead into this machine or a private network; true for ollama, vllm and llamacpp",
    )
    max_request_bytes: int = Field(default=1 << 20, ge=1024, le=64 << 20)
    max_answer_bytes: int = Field(default=4 << 20, ge=1024, le=64 << 20)
    requests_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None
    extra_headers: dict[str, str] = Field(default_factory=dict, max_length=16)
    max_tokens_parameter: Literal["max_tokens", "max_completion_tokens"] = Field(
        default="max_tokens", description="what it calls the most tokens of an answer"
    )
    unsupported: list[Literal["seed", "temperature", "response_format", "stream_options"]] = Field(
        default_factory=list, description="parameters that it would refuse, so that they are left out"
    )


class LimitModel(Strict):
    """The most that may be used up. A call that could use more than is left is not made."""

    tokens: int | None = Field(default=None, ge=0, le=10**15, description="of prompts and answers together")
    usd: Money | None = Field(default=None, description="US dollars")


class OwnerLimitsModel(Strict):
    """Budgets of one owner."""

    run: LimitModel | None = Field(default=None, description="in each run")
    day: LimitModel | None = Field(default=None, description="in a day, which begins at midnight in UTC")
    total: LimitModel | None = Field(default=None, description="for good")


class BudgetsModel(Strict):
    """Budgets, all of which a call must find room in."""

    run: LimitModel | None = Field(default=None, description="in each run")
    day: LimitModel | None = Field(default=None, description="everybody together, in a day in UTC")
    owner: OwnerLimitsModel = Field(default_factory=OwnerLimitsModel, description="each owner who is not in `owners`")
    owners: dict[OwnerName, OwnerLimitsModel] = Field(default_factory=dict)


class RateModel(Strict):
    """The most in any 60 seconds."""

    requests_per_minute: PerMinute | None = None
    tokens_per_minute: PerMinute | None = None


class RatesModel(Strict):
    """What may be asked in a minute; that of a remote provider stands with it."""

    owner: RateModel = Field(default_factory=RateModel, description="each owner who is not in `owners`")
    owners: dict[OwnerName, RateModel] = Field(default_factory=dict)
    local: RateModel = Field(default_factory=RateModel, description="the model in the container")
    wait_s: float = Field(default=10.0, ge=0, le=600, description="a call waits so long for room before it is refused")


class CacheModel(Strict):
    """Answers that are kept, encrypted with the vault's key, for the very same question of the same owner."""

    mode: Literal["off", "exact"] = "off"
    ttl_s: float = Field(default=_CACHE.ttl_s, ge=1, le=30 * 86_400, description="seconds")
    max_entries: int = Field(default=_CACHE.max_entries, ge=1, le=100_000, description="answers that are kept")
    max_mib: int = Field(default=_CACHE.max_bytes >> 20, ge=1, le=4096, description="what they may take, in MiB")


class ContainerModel(Strict):
    """How the containers are held, beside the walls that always stand."""

    runtime: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9._-]{1,64}$", description="as Docker knows it; `runsc` is gVisor"
    )
    memory: str = Field(default=_CONTAINER.memory, description="of each, such as 512m or 2g")
    cpus: float = Field(default=_CONTAINER.cpus, ge=0.1, le=64, description="processors of each")
    engine: LocalEngine = Field(
        default=_CONTAINER.engine, strict=False, description="the library that runs a model in the container"
    )
    containers: int = Field(default=_CONTAINER.containers, ge=1, le=64, description="at a time, of each provider")


class RetryModel(Strict):
    """When a provider that failed is asked again, within the call's deadline."""

    attempts: int = Field(default=_RETRY.attempts, ge=1, le=10, description="requests in all; 1 asks once")
    first_s: float = Field(default=_RETRY.first_s, ge=0.01, le=60, description="the most before the second request")
    most_s: float = Field(default=_RETRY.most_s, ge=0.01, le=600, description="the most before any")


class BreakerModel(Strict):
    """When a provider is left alone."""

    failures: int = Field(default=_BREAKER.failures, ge=1, le=100, description="in a row")
    open_s: float = Field(default=_BREAKER.open_s, ge=0.1, le=86_400, description="seconds until one call tries it")


class SettingsModel(Strict):
    """Who is asked, and how much may be used up."""

    schema_: str | None = Field(default=None, alias="$schema", description="for editors; not looked at")
    schema_version: int = Field(description="version of this schema", json_schema_extra={"const": SCHEMA_VERSION})
    providers: dict[Identifier, ProviderModel] = Field(default_factory=dict)
    use: list[str] = Field(
        default_factory=lambda: ["local"],
        min_length=1,
        max_length=16,
        description="who is asked, in this order: `local` or names of providers; the next one only if one gives no "
        "answer",
    )
    budgets: BudgetsModel = Field(default_factory=BudgetsModel)
    rates: RatesModel = Field(default_factory=RatesModel)
    cache: CacheModel = Field(default_factory=CacheModel)
    retry: RetryModel = Field(default_factory=RetryModel)
    breaker: BreakerModel = Field(default_factory=BreakerModel)
    container: ContainerModel = Field(default_factory=ContainerModel)
    when_unavailable: WhenUnavailable = Field(
        default=WhenUnavailable.REFUSE,
        strict=False,
        description="where Docker or the image is missing: refuse, or a stub that says `disabled: true`",
    )


def settings_path(home: Path) -> Path | None:
    """Return the file of a home; None where there is none.

    Raises:
        SettingsError: There are several.
    """
    found = [home / name for name in NAMES if (home / name).exists()]
    if len(found) > 1:
        problem = Problem(str(found[1]), "", f"{found[0].name} is there, too", "keep one of them")
        raise SettingsError([problem])
    return found[0] if found else None


def load_settings(home: Path) -> LLMSettings:
    """Return what the home's file says; the defaults where there is none.

    Raises:
        SettingsError: It cannot be read, or some of it cannot be used; `problems` lists every reason.
    """
    path = settings_path(home)
    if path is None:
        return LLMSettings()
    try:
        text = read_file(path, _FILE)
    except DocumentError as error:
        raise SettingsError(error.problems) from None
    return parse_settings(text, str(path))


def parse_settings(text: str, file: str) -> LLMSettings:
    """Return what a text says; the ending of `file` tells YAML from JSON.

    Raises:
        SettingsError: See `load_settings`.
    """
    from bykilt.llm.settings_reading import settings_of

    try:
        document = parse(text, file, _FILE)
    except DocumentError as error:
        raise SettingsError(error.problems) from None
    problems = ProblemList(file)
    settings = None
    if not isinstance(document, dict):
        problems.add("", "the settings are an object", 'for instance {"schema_version": 1, "providers": { … }}')
    elif (model := read_model(SettingsModel, document, "", problems)) is not None:
        if model.schema_version != SCHEMA_VERSION:
            known = f"this bykilt reads version {SCHEMA_VERSION}"
            problems.add("/schema_version", f"unknown version {model.schema_version} of the schema", known)
        else:
            settings = settings_of(model, problems)
    if settings is None or problems.found:
        raise SettingsError(problems.found)
    return settings


def settings_schema() -> JsonObject:
    """Return the JSON Schema (draft 2020-12) of the file."""
    defs: dict[str, Any] = {}
    schema = model_schema(SettingsModel, defs)
    schema["properties"]["providers"]["additionalProperties"] = False
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bykilt's settings of language models",
        **schema,
        "$defs": {name: defs[name] for name in sorted(defs)},
    }
