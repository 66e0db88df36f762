"""The actions on what a browser context remembers, pretends and answers: cookies, storage, dialogs.

Knows their fields and which go together. Does not know how an engine carries them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from bykilt.browser.engine.action_model import Action, NestedAction, register
from bykilt.browser.engine.errors import InvalidAction
from bykilt.browser.engine.field_kinds import (
    Flag,
    Kind,
    NonEmpty,
    Number,
    Paths,
    PlainText,
    SecretText,
    read_text,
    read_word,
)
from bykilt.json_types import JsonValue


class SameSite(StrEnum):
    """Whether a cookie goes along when another site asks."""

    STRICT = "Strict"
    LAX = "Lax"
    NONE = "None"


class DialogPolicy(StrEnum):
    """What a dialog is answered; `fail` dismisses it and fails the action."""

    DISMISS = "dismiss"
    ACCEPT = "accept"
    FAIL = "fail"


def _read_same_site(value: JsonValue) -> SameSite:
    return read_word(SameSite)(read_text(value).capitalize())


SameSiteField = Annotated[
    SameSite, Kind(_read_same_site, {"enum": [form for word in SameSite for form in (str(word), word.lower())]})
]
DialogPolicyField = Annotated[
    DialogPolicy, Kind(read_word(DialogPolicy), {"enum": [str(word) for word in DialogPolicy]})
]


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class HandleDialog(Action):
    type: ClassVar[str] = "handle_dialog"
    summary: ClassVar[str] = (
        "Answer the dialog that an action opens; without an action, answer every dialog in this way from now on."
    )
    policy: DialogPolicyField = DialogPolicy.DISMISS
    text: PlainText | None = None
    action: NestedAction | None = None

    def check(self) -> None:
        if self.text is not None and self.policy is not DialogPolicy.ACCEPT:
            raise InvalidAction(
                "handle_dialog: only a prompt that is accepted takes a text",
                field="text",
                hint='add "policy": "accept"',
            )
        if self.action is not None and self.policy is DialogPolicy.FAIL:
            raise InvalidAction(
                "handle_dialog: with policy 'fail' no dialog may come, so there is none to wait for",
                field="policy",
                hint="leave the inner action out: the policy holds for every action that follows",
            )


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class SaveStorageState(Action):
    type: ClassVar[str] = "save_storage_state"
    summary: ClassVar[str] = (
        "Write cookies, localStorage and IndexedDB into a file that a later run can begin with; for your eyes only."
    )
    only_looks: ClassVar[bool] = True
    path: NonEmpty | None = None


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class SetCookie(Action):
    type: ClassVar[str] = "set_cookie"
    summary: ClassVar[str] = (
        "Set a cookie; without a domain it is the current page's, with a leading dot it is for subdomains too."
    )
    name: NonEmpty
    value: SecretText
    domain: NonEmpty | None = None
    path: NonEmpty = "/"
    secure: Flag = False
    http_only: Flag = False
    same_site: SameSiteField | None = None
    expires: Number | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CookieChoice(Action):
    """An action on the cookies that fit all of what is given; on all of them when nothing is."""

    urls: Paths | None = None
    name: NonEmpty | None = None
    domain: NonEmpty | None = None


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class GetCookies(CookieChoice):
    type: ClassVar[str] = "get_cookies"
    summary: ClassVar[str] = "Read cookies: all, or those of a name, of a domain, or that go to the given addresses."
    secret_keys: ClassVar[frozenset[str]] = frozenset({"value"})


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class ClearCookies(CookieChoice):
    type: ClassVar[str] = "clear_cookies"
    summary: ClassVar[str] = "Delete cookies: all, or those of a name, of a domain, or that go to the given addresses."
