"""Whom a call is asked of, in which order, and at which price. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bykilt.errors import InvalidInput
from bykilt.llm.calls import MODEL, CallOptions
from bykilt.llm.providers import LOCAL, Price
from bykilt.llm.settings import LLMSettings


@dataclass(frozen=True, slots=True)
class Route:
    """A provider and the model of it that is asked. `price` is None where nobody knows it."""

    provider: str
    model: str
    price: Price | None

    @property
    def is_local(self) -> bool:
        """Whether it is the model in the container."""
        return self.provider == LOCAL


def routes_of(options: CallOptions, settings: LLMSettings) -> Sequence[Route]:
    """Return whom to ask, the first one first.

    A call that names a provider is asked of that one alone; one that names a model, of those that have it.

    Raises:
        InvalidInput: There is no such provider, or none that has the model.
    """
    names: Sequence[str] = settings.use
    if options.provider is not None:
        if options.provider != LOCAL and options.provider not in settings.providers:
            raise InvalidInput(
                f"there is no provider {options.provider!r}",
                hint=f"there are {', '.join(sorted({LOCAL, *settings.providers}))}; llm.yaml is where to add one",
            )
        names = (options.provider,)
    found = [route for name in names if (route := _route(name, options.model, settings)) is not None]
    if options.model is not None:
        remote = [route for route in found if not route.is_local]
        # Which models are in the container, the container's side knows; it is left out where a provider has the name.
        found = [route for route in found if not route.is_local or not remote or options.model == MODEL]
    if not found:
        known = sorted({model for name in names if name != LOCAL for model in settings.providers[name].models})
        raise InvalidInput(
            f"nobody who may be asked has the model {options.model!r}", hint=f"there are {', '.join(known)}"
        )
    return found


def _route(name: str, model: str | None, settings: LLMSettings) -> Route | None:
    if name == LOCAL:
        return Route(LOCAL, model or MODEL, Price())
    provider = settings.providers[name]
    wanted = model or provider.default_model
    return Route(name, wanted, provider.models[wanted]) if wanted in provider.models else None
