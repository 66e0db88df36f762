"""Homes with a pipeline of calls in them, whose providers are scripted and whose clock tests set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bykilt.audit.ledger import Ledger
from bykilt.audit.record import Who
from bykilt.llm.answer_cache import PURPOSE, AnswerCache
from bykilt.llm.call_record import CallRecord
from bykilt.llm.calls import Call
from bykilt.llm.errors import ProviderFailed
from bykilt.llm.pipeline import CallPipeline
from bykilt.llm.prompt_screen import KnownValues, NoValues, PromptScreen
from bykilt.llm.settings import LLMSettings
from bykilt.llm.settings_file import parse_settings
from bykilt.llm.usage_store import UsageStore
from bykilt.security.master_key import MasterKey
from bykilt.security.redaction import SecretRedactor
from bykilt.security.sealing import Sealer
from tests.support.scripted_backend import ScriptedBackend
from tests.support.vaults import SetClock

TWO = """
schema_version: 1
use: [first, second]
providers:
  first: {url: "https://first.example/v1", models: {big: {prompt: 1, completion: 2}}}
  second: {url: "https://second.example/v1", models: {small: null}}
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class LLMHome:
    """A home, its clock, its providers by name, and the pauses that its pipeline has made."""

    path: Path
    clock: SetClock = field(default_factory=SetClock)
    providers: dict[str, ScriptedBackend] = field(default_factory=dict)
    pauses: list[float] = field(default_factory=list)
    values: KnownValues = field(default_factory=NoValues)
    key: MasterKey = field(default_factory=MasterKey.generate)
    opened: ExitStack = field(default_factory=ExitStack)

    def pipeline(self, settings: str = "schema_version: 1") -> CallPipeline:
        """Return a pipeline, as another process of this home would have it; providers are scripted."""
        read = parse_settings(settings, "llm.yaml")
        for name in ("local", *read.providers):
            if name not in self.providers:
                models = tuple(read.providers[name].models) if name in read.providers else None
                backend = ScriptedBackend(name, models=models) if models else ScriptedBackend(name)
                backend.on_call = lambda call: self._take(0.1)
                self.providers[name] = backend
        pipeline = CallPipeline(
            read,
            self.providers,
            store=self.store(),
            record=CallRecord(Ledger(self.path / "audit", Who.this_process("test"), clock=self.clock)),
            screen=PromptScreen(SecretRedactor(), self.values),
            cache=self._cache(read),
            clock=self.clock,
            sleep=self._sleep,
            chance=lambda: 1.0,
        )
        self.opened.callback(pipeline.close)
        return pipeline

    def store(self) -> UsageStore:
        store = UsageStore(self.path / "usage.sqlite3", self.clock)
        self.opened.callback(store.close)
        return store

    def _cache(self, settings: LLMSettings) -> AnswerCache | None:
        if not settings.cache.exact:
            return None
        return AnswerCache(self.path / "cache.sqlite3", Sealer(self.key, PURPOSE), settings.cache, self.clock)

    async def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._take(seconds)

    def _take(self, seconds: float) -> None:
        self.clock.now_s += seconds


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made from the environment belongs to the test."""
    monkeypatch.setenv("BYKILT_HOME", str(tmp_path / "environment"))
    monkeypatch.setenv("BYKILT_VAULT_KEYRING", "off")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[LLMHome]:
    made = LLMHome(tmp_path)
    with made.opened:
        yield made


def call(prompt: str = "What is the capital of France?", schema: Any = None, **context: Any) -> Call:
    return Call.parse(prompt, {"owner": "alice", "max_tokens": 50, **context}, schema)


def unavailable(status: int = 503, **more: Any) -> ProviderFailed:
    return ProviderFailed(f"it answered {status}", is_retryable=True, status=status, **more)
