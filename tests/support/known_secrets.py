"""Secrets for the contract tests of engines: a few values, each for some origins. Remembers who asked, and where."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from bykilt.browser.engine.secret_text import SecretPlace, SecretRefused


@dataclass
class KnownSecrets:
    """Implements `Secrets`. `meanwhile` is done after a value was asked for, before it is handed out."""

    values: Mapping[str, str]
    origins: tuple[str, ...]
    asked: list[tuple[str, SecretPlace]] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def value_for(self, name: str, place: SecretPlace) -> str:
        """Return the value, on one of the origins."""
        self.asked.append((name, place))
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        if place.origin not in self.origins:
            raise SecretRefused(f"{name} may not be typed into a page of {place.origin}", hint="")
        return self.values[name]
