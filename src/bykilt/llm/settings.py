"""What the user decided about models: who is asked, how much may be used up, what is kept. Frozen, without a default
that sends anything anywhere. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from bykilt.llm.breaker import BreakerSettings
from bykilt.llm.budgets import Budgets
from bykilt.llm.calls import LocalEngine
from bykilt.llm.providers import LOCAL, Provider
from bykilt.llm.rates import Rate
from bykilt.llm.retry import RetrySettings


class WhenUnavailable(StrEnum):
    """What a call gets where no model can be had: an error, or a stub that says that it is none."""

    REFUSE = "refuse"
    STUB = "stub"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSettings:
    """How containers are held, beside the walls that always stand.

    `runtime` is a name that Docker knows, `runsc` for gVisor; `memory` a text like `512m`; `cpus` how many processors;
    `engine` the library that runs a local model; `containers` how many the owners may have at a time, of each provider.
    """

    runtime: str | None = None
    memory: str = "512m"
    cpus: float = 1.0
    engine: LocalEngine = LocalEngine.CYLLAMA
    containers: int = 4

    @property
    def cpu_quota(self) -> int:
        """Microseconds of one processor in each 100,000."""
        return round(self.cpus * 100_000)


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """Whether answers are kept for the same question, for `ttl_s` seconds; so many, and so many bytes, at most."""

    exact: bool = False
    ttl_s: float = 3600.0
    max_entries: int = 1000
    max_bytes: int = 64 << 20


@dataclass(frozen=True, slots=True)
class Rates:
    """What may be asked in a minute: by each owner who has no figures in `owners`, and of each provider."""

    owner: Rate = field(default_factory=Rate)
    owners: Mapping[str, Rate] = field(default_factory=dict)
    providers: Mapping[str, Rate] = field(default_factory=dict)
    wait_s: float = 10.0
    """A call waits so long for room, and is refused where it would take longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LLMSettings:
    """All of it. `use` is the order in which providers are asked; the next one is asked when one gives no answer."""

    providers: Mapping[str, Provider] = field(default_factory=dict)
    use: tuple[str, ...] = (LOCAL,)
    budgets: Budgets = field(default_factory=Budgets)
    rates: Rates = field(default_factory=Rates)
    cache: CacheSettings = field(default_factory=CacheSettings)
    retry: RetrySettings = field(default_factory=RetrySettings)
    breaker: BreakerSettings = field(default_factory=BreakerSettings)
    when_unavailable: WhenUnavailable = WhenUnavailable.REFUSE
    container: ContainerSettings = field(default_factory=ContainerSettings)
