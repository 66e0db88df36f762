"""One-time codes from a shared key, by RFC 6238 and RFC 4226.

Knows the keys that sites hand out: base32, or an `otpauth://totp/…` address. Does not know where they are kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

from bykilt.security.errors import InvalidSecret

_HASHES = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}
_HINT = "give the base32 key that the site shows beside its QR code, or the otpauth:// address in it"


@dataclass(frozen=True, slots=True)
class Totp:
    """A key with its parameters; `period_s` seconds per code. Its `repr` does not show the key."""

    key: bytes
    digits: int = 6
    period_s: int = 30
    algorithm: str = "SHA1"

    def __repr__(self) -> str:
        return f"Totp('***', digits={self.digits}, period_s={self.period_s}, algorithm={self.algorithm!r})"

    @classmethod
    def parse(cls, text: str) -> Totp:
        """Return the key in a base32 text or an otpauth address.

        Raises:
            InvalidSecret: There is none; the message does not hold the text.

        Source: https://github.com/google/google-authenticator/wiki/Key-Uri-Format
        """
        given = text.strip().removeprefix("otp:")
        if not given.lower().startswith("otpauth:"):
            return cls(_base32(given))
        try:
            parts = urlsplit(given)
            asked = {name.lower(): values[-1] for name, values in parse_qs(parts.query).items()}
            digits, period_s = int(asked.get("digits", "6")), int(asked.get("period", "30"))
        except ValueError:
            raise InvalidSecret("the otpauth address cannot be read", hint=_HINT) from None
        algorithm = asked.get("algorithm", "SHA1").upper()
        if parts.netloc.lower() != "totp":
            raise InvalidSecret("only otpauth://totp/… is known: codes that depend on the time", hint=_HINT)
        if algorithm not in _HASHES or not 6 <= digits <= 10 or not 1 <= period_s <= 3600:
            raise InvalidSecret("the otpauth address asks for parameters that are not known", hint=_HINT)
        return cls(_base32(asked.get("secret", "")), digits, period_s, algorithm)

    def code(self, wall_s: float) -> str:
        """Return the code of a moment, in seconds since 1970."""
        counter = struct.pack(">Q", int(wall_s) // self.period_s)
        digest = hmac.new(self.key, counter, _HASHES[self.algorithm]).digest()
        start = digest[-1] & 0x0F
        number = struct.unpack_from(">I", digest, start)[0] & 0x7FFF_FFFF
        return str(number % 10**self.digits).zfill(self.digits)


def _base32(text: str) -> bytes:
    plain = text.replace(" ", "").replace("-", "").rstrip("=").upper()
    try:
        key = base64.b32decode(plain + "=" * (-len(plain) % 8))
    except (binascii.Error, ValueError):
        key = b""
    if not key:
        raise InvalidSecret("the value is no base32 key", hint=_HINT)
    return key
