"""The actions on what a browser context remembers and pretends: cookies and storage.

Knows their fields and which go together. Does not know how an engine carries them out.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar

from bykilt.browser.engine.action_model import Action, register
from bykilt.browser.engine.field_kinds import (
    Flag,
    Kind,
    NonEmpty,
    Number,
    Paths,
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


def _read_same_site(value: JsonValue) -> SameSite:
    return read_word(SameSite)(read_text(value).capitalize())


SameSiteField = Annotated[
    SameSite, Kind(_read_same_site, {"enum": [form for word in SameSite for form in (str(word), word.lower())]})
]


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
