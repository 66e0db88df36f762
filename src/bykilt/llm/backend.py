"""What answers a call: the model in its container, or a provider that is asked from inside one.

A backend asks once and tells what became of it. Whether a call may be made, is tried again, or is answered from what
was kept is decided above it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from bykilt.llm.calls import Call, Completion

OnToken = Callable[[str], None]


class Backend(Protocol):
    """One place that answers. Calls of several tasks may come at once."""

    provider: str
    """`local`, or the name of the provider in the settings."""

    async def start(self) -> None:
        """Get ready; does nothing where it is.

        Raises:
            LLMError: It cannot.
        """
        ...

    async def answer(self, call: Call, on_token: OnToken | None = None) -> Completion:
        """Return the answer to one call, which names a model of this backend or none.

        Raises:
            InvalidInput: The call cannot be carried out as it is, by anybody.
            ProviderFailed: The provider did not answer; it says whether trying again makes sense.
            LLMError: There is no answer.
        """
        ...

    async def stop(self) -> None:
        """Leave nothing running."""
        ...

    def get_metrics(self) -> dict[str, Any]:
        """Return what holds it, and what was done in it."""
        ...
