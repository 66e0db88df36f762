"""Texts that look like secrets although nobody said so: keys of well-known services, tokens, card numbers.

Knows their spellings. A pattern begins with one of a few fixed texts, so that a text without them need not be looked
at twice; card numbers, which begin with anything, are looked for by their digits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Span = tuple[int, int]
"""Where something begins and ends."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A spelling. `begins` are the texts with which a match of `regex` may begin; the group `secret`, if it has one,
    is what is hidden."""

    name: str
    begins: tuple[str, ...]
    regex: re.Pattern[str]

    def at(self, text: str, position: int) -> Span | None:
        """Return what is hidden if the spelling is found there."""
        found = self.regex.match(text, position)
        if found is None:
            return None
        return found.span("secret") if "secret" in self.regex.groupindex else found.span()


def _pattern(name: str, begins: str | Sequence[str], regex: str) -> Pattern:
    return Pattern(name, (begins,) if isinstance(begins, str) else tuple(begins), re.compile(regex, re.ASCII))


# Sources: what each service's documentation says of its keys; https://docs.github.com/code-security/secret-scanning
PATTERNS: tuple[Pattern, ...] = (
    _pattern("bearer", ("Bearer ", "bearer ", "BEARER "), r"[A-Za-z]{6} +(?P<secret>[A-Za-z0-9._~+/-]{16,}=*)"),
    _pattern("basic", ("Basic ", "basic "), r"[A-Za-z]{5} +(?P<secret>[A-Za-z0-9+/]{12,}={0,2})(?![A-Za-z0-9+/=])"),
    _pattern("jwt", "eyJ", r"eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    _pattern("openai", "sk-", r"sk-[A-Za-z0-9_-]{20,}"),
    _pattern("stripe", ("sk_live_", "sk_test_", "rk_live_", "whsec_"), r"[a-z]+_(?:live_|test_)?[A-Za-z0-9]{16,}"),
    _pattern("github", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_[A-Za-z0-9]{30,}"),
    _pattern("github-fine", "github_pat_", r"github_pat_[A-Za-z0-9_]{30,}"),
    _pattern("gitlab", "glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),
    _pattern("aws", ("AKIA", "ASIA"), r"A[KS]IA[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _pattern("google", "AIza", r"AIza[A-Za-z0-9_-]{35}"),
    _pattern("slack", ("xoxb-", "xoxa-", "xoxp-", "xoxr-", "xoxs-"), r"xox[abprs]-[A-Za-z0-9-]{10,}"),
    _pattern("npm", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _pattern("hugging-face", "hf_", r"hf_[A-Za-z0-9]{30,}"),
    _pattern("vault", ("hvs.", "hvb."), r"hv[sb]\.[A-Za-z0-9_-]{24,}"),
    _pattern("sendgrid", "SG.", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    _pattern(
        "private-key",
        "-----BEGIN ",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<secret>[\s\S]+?)(?=-----END|\Z)",
    ),
)

CARD_NUMBER = "card-number"
# In a copy of the text where all digits are alike: looking for a fixed text is many times faster than for a set.
_DIGITS = re.compile(rb"0000(?:[ -]?0){11,15}")
_ALIKE = bytes(0x30 if 0x30 <= byte <= 0x39 else byte if byte in b" -" else 0x2E for byte in range(256))
_CARD = re.compile(r"4|5[1-5]|2[2-7]|3[47]|6")
_CARD_DIGITS = frozenset({15, 16, 19})


def card_numbers(text: str) -> Iterator[Span]:
    """Yield where numbers of payment cards stand: right length, right beginning, right check digit (ISO/IEC 7812)."""
    # One byte for each character, whatever it is.
    shape = text.encode("latin-1", "replace").translate(_ALIKE)
    for found in _DIGITS.finditer(shape):
        begin, end = found.span()
        if not _CARD.match(text, begin) or shape[begin - 1 : begin] == b"0" or shape[end : end + 1] == b"0":
            continue
        digits = [int(letter) for letter in text[begin:end] if letter not in " -"]
        if len(digits) in _CARD_DIGITS and _luhn(digits):
            yield begin, end


def _luhn(digits: Sequence[int]) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = digit * 2 if place % 2 else digit
        total += doubled - 9 if doubled > 9 else doubled
    return total % 10 == 0
