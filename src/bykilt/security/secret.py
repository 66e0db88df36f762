"""A secret as it travels inside bykilt: a value that does not show itself, and where it may be used.

Knows how not to be printed, logged, pickled or compared in variable time. Does not know where it is kept.
What Python cannot do is wipe it: the value stays in this process's memory until the interpreter uses that again.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, NoReturn
from urllib.parse import urlsplit

from bykilt.clock import Clock, SystemClock
from bykilt.security.errors import InvalidSecret
from bykilt.security.totp import Totp

MAX_VALUE_BYTES = 64 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


class SecretKind(StrEnum):
    """What a value is: a text as it stands, or the key from which one-time codes are made."""

    TEXT = "text"
    OTP = "otp"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPolicy:
    """Where a secret may be used.

    `origins` are the web origins (`https://shop.example`) into whose pages it may be typed; without one, into none.
    `flows` are names of flows; without one, any may have it. `password_only` limits it to password fields.
    """

    origins: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()
    password_only: bool = False
    kind: SecretKind = SecretKind.TEXT

    def __post_init__(self) -> None:
        object.__setattr__(self, "origins", tuple(dict.fromkeys(normal_origin(origin) for origin in self.origins)))

    def allows_origin(self, origin: str) -> bool:
        """Whether the secret may be used on pages of this origin; what is no origin is no."""
        try:
            return normal_origin(origin) in self.origins
        except InvalidSecret:
            return False

    def allows_flow(self, flow: str) -> bool:
        """Whether the flow with this name may use the secret."""
        return not self.flows or flow in self.flows


class Secret:
    """One value with its name and policy. `reveal` is the only way to the value."""

    __slots__ = ("_clock", "_value", "name", "policy", "version")
    __hash__: ClassVar[None]  # type: ignore[assignment]  # a hash would give away whether two are equal

    def __init__(
        self, name: str, value: str, policy: SecretPolicy, *, version: int = 1, clock: Clock | None = None
    ) -> None:
        self.name = name
        self.policy = policy
        self.version = version
        self._value = value
        self._clock = clock or SystemClock()

    def reveal(self) -> str:
        """Return what is to be typed or sent: the text, or for `otp` the code of this moment.

        Raises:
            InvalidSecret: The value of an `otp` secret is no key.
        """
        if self.policy.kind is SecretKind.OTP:
            return Totp.parse(self._value).code(self._clock.wall_s())
        return self._value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __repr__(self) -> str:
        return f"Secret({self.name!r}, '***')"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled and not copied")


@dataclass(frozen=True, slots=True)
class KnownValue:
    """A text that must not be written down, for whoever hides such texts, and the secret's name to put there."""

    name: str
    text: str

    def __repr__(self) -> str:
        return f"KnownValue({self.name!r}, '***')"


def check_name(name: str) -> str:
    """Return the name.

    Raises:
        InvalidSecret: It is none.
    """
    if not _NAME.fullmatch(name):
        raise InvalidSecret(
            f"{name!r} is no name for a secret",
            hint="up to 128 letters, digits, `_`, `-` and `.`, beginning with a letter or digit",
        )
    return name


def check_value(value: str, kind: SecretKind) -> str:
    """Return the value.

    Raises:
        InvalidSecret: It is empty, too long, no Unicode text, or for `otp` no key. The message does not hold it.
    """
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidSecret(
            "the value is no Unicode text", hint="encode binary secrets, for instance in base64"
        ) from None
    if not 0 < length <= MAX_VALUE_BYTES:
        raise InvalidSecret(
            f"the value has {length} bytes; from 1 to {MAX_VALUE_BYTES} are kept", hint="keep large things in files"
        )
    if kind is SecretKind.OTP:
        Totp.parse(value)
    return value


def normal_origin(text: str) -> str:
    """Return a web origin as browsers spell it: lower case, without the scheme's own port.

    Raises:
        InvalidSecret: It is no origin of http or https.

    Source: https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    extra = parts.path not in ("", "/") or parts.query or parts.fragment or parts.username is not None
    if parts.scheme not in _DEFAULT_PORTS or not host or not host.isascii() or "*" in host or extra:
        raise InvalidSecret(
            f"{text!r} is no origin",
            hint="write scheme, host and perhaps port: https://shop.example or http://localhost:8000; "
            "a host with other letters in its `xn--` form",
        )
    shown = f"[{host}]" if ":" in host else host
    is_default = port is None or port == _DEFAULT_PORTS[parts.scheme]
    return f"{parts.scheme}://{shown}" + ("" if is_default else f":{port}")


Notify = Callable[[str], None]
"""Told once, in words for a person, of something that they must know, such as where a key was put."""
