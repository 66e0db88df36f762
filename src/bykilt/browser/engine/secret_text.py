"""A secret in an action: named there, and looked up at the moment in which it goes into a field.

Knows how an action names one, and what is asked before it is handed out. Does not know where secrets are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bykilt.browser.engine.errors import ActionError


class SecretReference(str):
    """Stands in an action where the value of a secret is to go. As a text it is `${secrets.NAME}`, and no more.

    What a page or a model says is plain text and never becomes one of these.
    """

    __slots__ = ()

    def __new__(cls, name: str) -> SecretReference:
        return super().__new__(cls, f"${{secrets.{name}}}")

    @property
    def secret_name(self) -> str:
        return self.removeprefix("${secrets.").removesuffix("}")


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where a secret is about to go: the origin of the field's document, as browsers write it, and the field.

    A document of an opaque origin, such as a sandboxed frame, has the origin `null`.
    """

    origin: str
    password_field: bool


class SecretRefused(ActionError):
    """The secret may not go there, or cannot be had; nothing was typed."""

    code = "secret_refused"


class Secrets(Protocol):
    """Hands out the values of secrets."""

    async def value_for(self, name: str, place: SecretPlace) -> str:
        """Return the value that may go there.

        Raises:
            SecretRefused: It may not, or there is none.
        """
        ...


class NoSecrets:
    """Has none."""

    async def value_for(self, name: str, place: SecretPlace) -> str:
        raise SecretRefused(
            f"there is no secret {name!r} here: this engine was given no vault",
            hint="run the flow with `bykilt run`, or give the engine `secrets`",
        )
