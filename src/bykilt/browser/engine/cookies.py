"""What cookies are to the contract: checked before the browser sees them, chosen, and shown.

Knows the rules of cookies. Knows no engine. Values never stand in an error.

Source: RFC 6265bis, https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from bykilt.browser.engine.actions_state import CookieChoice, SameSite, SetCookie
from bykilt.browser.engine.errors import ActionError, InvalidAction
from bykilt.json_types import JsonObject, JsonValue

MAX_BYTES = 4096
_FORBIDDEN = re.compile(r"[\x00-\x08\x0a-\x1f\x7f;]")
_HOST = re.compile(r"\.?(\[[0-9a-fA-F:.]+\]|[^\s/:;@?#\[\]]+)")
_LOCAL = re.compile(r"localhost|.+\.localhost|127(\.\d+){3}|\[?::1\]?")
_EXPIRED_S = 1.0


class CookieRefused(ActionError):
    """The browser did not keep a cookie that looked right."""

    code = "cookie_refused"

    def __init__(self, cookie: Cookie) -> None:
        super().__init__(
            f"the browser did not keep the cookie {cookie.name!r} for {cookie.domain} at {cookie.path}",
            hint="it refuses domains that are public suffixes, and cookies that a secure one of the same name guards",
        )


@dataclass(frozen=True, slots=True)
class Cookie:
    """One cookie. `expires` is in seconds since 1970; None lets it end with the browser.

    A `domain` with a leading dot includes the subdomains. `partition` is the protocol's own description of the
    site that a partitioned cookie belongs to.
    """

    name: str
    value: str
    domain: str
    path: str = "/"
    secure: bool = False
    http_only: bool = False
    same_site: SameSite | None = None
    expires: float | None = None
    partition: Any = None

    def to_result(self) -> JsonObject:
        """Return the cookie in the words of the action `set_cookie`."""
        return {
            "name": self.name,
            "value": self.value,
            "domain": self.domain,
            "path": self.path,
            "secure": self.secure,
            "http_only": self.http_only,
            "same_site": str(self.same_site or SameSite.LAX),
            "expires": self.expires,
        }

    def expired(self) -> Cookie:
        """Return what deletes the cookie when it is set."""
        return replace(self, value="", expires=_EXPIRED_S)


def cookie_of(action: SetCookie, url: str, now_s: float) -> Cookie:
    """Return the cookie that an action asks for; `url` is the page's, for the domain if none is given.

    Raises:
        InvalidAction: No browser would keep it.
    """
    domain = action.domain if action.domain is not None else _host_of(url)
    cookie = Cookie(
        action.name,
        action.value,
        domain.lower(),
        action.path,
        action.secure,
        action.http_only,
        action.same_site,
        action.expires,
    )
    _check_text(cookie)
    _check_place(cookie)
    _check_prefix(cookie)
    if cookie.same_site is SameSite.NONE and not cookie.secure:
        raise _invalid("same_site", "a cookie with same_site None must be secure", 'add "secure": true')
    if cookie.expires is not None and cookie.expires <= now_s:
        raise _invalid(
            "expires",
            f"expires {cookie.expires:g} is in the past",
            "it is in seconds since 1970; to delete a cookie use clear_cookies",
        )
    return cookie


def _host_of(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise _invalid(
            "domain",
            f"the page has no address to take the cookie's domain from: {url[:80] or 'it is blank'}",
            "navigate first, or give the domain",
        )
    return f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname


def _check_text(cookie: Cookie) -> None:
    if _FORBIDDEN.search(cookie.name) or "=" in cookie.name or cookie.name != cookie.name.strip():
        raise _invalid("name", f"{cookie.name!r} cannot be a cookie's name", "use letters, digits, - and _")
    if _FORBIDDEN.search(cookie.value) or cookie.value != cookie.value.strip():
        raise _invalid(
            "value",
            f"the value of the cookie {cookie.name!r} has characters that no cookie can hold",
            "encode ';', line breaks and blanks at its ends, for instance with percent signs",
        )
    size = len(cookie.name.encode("utf-8", "replace")) + len(cookie.value.encode("utf-8", "replace"))
    if size > MAX_BYTES:
        raise _invalid(
            "value", f"the cookie {cookie.name!r} has {size:,} bytes; browsers keep {MAX_BYTES:,}", "shorten it"
        )


def _check_place(cookie: Cookie) -> None:
    if not _HOST.fullmatch(cookie.domain):
        raise _invalid(
            "domain", f"{cookie.domain!r} is not a host name", "write for instance example.com, without scheme and port"
        )
    if not cookie.path.startswith("/") or _FORBIDDEN.search(cookie.path):
        raise _invalid("path", f"path {cookie.path!r} does not begin with /", 'write for instance "/shop"')


def _check_prefix(cookie: Cookie) -> None:
    name = cookie.name.lower()
    if name.startswith(("__secure-", "__host-")) and not cookie.secure:
        raise _invalid("secure", f"the cookie {cookie.name!r} must be secure: its prefix says so", 'add "secure": true')
    if not name.startswith("__host-"):
        return
    if cookie.path != "/":
        raise _invalid("path", f"the cookie {cookie.name!r} must have the path /: its prefix says so", "leave path out")
    if cookie.domain.startswith("."):
        raise _invalid(
            "domain",
            f"the cookie {cookie.name!r} cannot be for subdomains: its prefix says so",
            "leave out the domain's leading dot",
        )


def _invalid(field: str, message: str, hint: str) -> InvalidAction:
    return InvalidAction(f"set_cookie: {message}", field=field, hint=hint)


def kept(cookie: Cookie, jar: Iterable[Cookie]) -> bool:
    """Whether a jar holds a cookie that was just set."""
    return any((each.name, each.value, each.path) == (cookie.name, cookie.value, cookie.path) for each in jar)


# ---- choosing


def chosen(choice: CookieChoice, jar: Iterable[Cookie]) -> list[Cookie]:
    """Return the cookies that an action is about.

    Raises:
        InvalidAction: One of its addresses is none.
    """
    for url in choice.urls or ():
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise InvalidAction(
                f"{choice.type}: {url!r} is no http address", field="urls", hint="write it in full, with https://"
            )
    return [cookie for cookie in jar if _fits(choice, cookie)]


def _fits(choice: CookieChoice, cookie: Cookie) -> bool:
    if choice.name is not None and cookie.name != choice.name:
        return False
    if choice.domain is not None and cookie.domain.lstrip(".") != choice.domain.lower().lstrip("."):
        return False
    return choice.urls is None or any(goes_to(url, cookie) for url in choice.urls)


def goes_to(url: str, cookie: Cookie) -> bool:
    """Whether a browser sends the cookie with a request of the same site to this address."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    domain = cookie.domain.strip("[]")
    if domain != host and not (domain.startswith(".") and f".{host}".endswith(domain)):
        return False
    if cookie.secure and parts.scheme != "https" and not _LOCAL.fullmatch(host):
        return False
    path = parts.path or "/"
    folder = cookie.path if cookie.path.endswith("/") else cookie.path + "/"
    return path == cookie.path or path.startswith(folder)


def cleared(cookies: Sequence[Cookie]) -> JsonObject:
    """Return the result of deleting cookies: which they were, without their values."""
    gone: list[JsonValue] = [{"name": each.name, "domain": each.domain, "path": each.path} for each in cookies]
    return {"cookies": gone, "count": len(gone)}


# ---- in the words of Playwright and its storage files


def from_storage(item: Any) -> Cookie:
    """Return a cookie from Playwright's form, which is that of the protocol with -1 for no end."""
    expires = item.get("expires", -1)
    partition = item.get("partitionKey")
    if isinstance(partition, str):
        partition = {"topLevelSite": partition, "hasCrossSiteAncestor": bool(item.get("_crHasCrossSiteAncestor", True))}
    return Cookie(
        name=item["name"],
        value=item["value"],
        domain=item["domain"],
        path=item["path"],
        secure=bool(item.get("secure", False)),
        http_only=bool(item.get("httpOnly", False)),
        same_site=SameSite(item["sameSite"]) if item.get("sameSite") else None,
        expires=None if expires is None or expires < 0 else float(expires),
        partition=partition,
    )


def to_storage(cookie: Cookie) -> JsonObject:
    """Return a cookie in Playwright's form."""
    item: dict[str, JsonValue] = {
        "name": cookie.name,
        "value": cookie.value,
        "domain": cookie.domain,
        "path": cookie.path,
        "expires": -1 if cookie.expires is None else cookie.expires,
        "httpOnly": cookie.http_only,
        "secure": cookie.secure,
        "sameSite": str(cookie.same_site or SameSite.LAX),
    }
    if cookie.partition is not None:
        item["partitionKey"] = cookie.partition["topLevelSite"]
        item["_crHasCrossSiteAncestor"] = bool(cookie.partition["hasCrossSiteAncestor"])
    return item
