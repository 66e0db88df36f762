"""Hides secrets in texts: known values in every usual encoding, and what looks like a secret.

Knows where in a text secrets stand. Does not know what is done with the text, nor where the values come from.

The search is one pass of an Aho-Corasick automaton over all forms of all values and the beginnings of all patterns
(`ahocorasick_rs`, which no other module imports), so that its cost hardly depends on how many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ahocorasick_rs import AhoCorasick, MatchKind

from bykilt.security.encodings import SHORTEST, forms_of
from bykilt.security.patterns import PATTERNS, Pattern, Span, card_numbers

HIDDEN = "***"
"""What stands in place of a secret. It says nothing of the secret, not even how long it is."""

LONGEST_PATTERN = 8_192
"""Of what looks like a secret, so many characters at most are found when a text comes in pieces."""

_LONGEST_CARD = 40


class SecretRedactor:
    """A `Redactor`. Values may be added at any time; what was masked before stays as it is.

    Not for several threads that add; `mask` may be called from any.
    """

    def __init__(
        self, values: Iterable[str] = (), *, patterns: Sequence[Pattern] = PATTERNS, cards: bool = True
    ) -> None:
        self._cards = cards
        self._least_reach = LONGEST_PATTERN if patterns else _LONGEST_CARD if cards else 0
        self._forms: set[str] = set()
        self._begins: dict[str, list[Pattern]] = {}
        for pattern in patterns:
            for text in pattern.begins:
                self._begins.setdefault(text, []).append(pattern)
        self._search = _Search((), self._begins)
        self.add(*values)

    def add(self, *values: str) -> None:
        """Hide these from now on. Those with fewer than four characters are not looked for."""
        forms = {form for value in values if len(value.strip()) >= SHORTEST for form in forms_of(value)}
        if forms <= self._forms and values:
            return
        self._forms |= forms
        self._search = _Search(sorted(self._forms), self._begins)

    @property
    def reach(self) -> int:
        """How long a secret in a text may be, in characters."""
        return max(self._least_reach, max(map(len, self._forms), default=0))

    def mask(self, text: str) -> str:
        """Return the text with a mark in place of each secret."""
        spans = self.spans(text)
        return _without(text, spans) if spans else text

    def spans(self, text: str) -> list[Span]:
        """Return where secrets stand, in order, without overlaps."""
        found = self._search.spans(text)
        if self._cards:
            found += card_numbers(text)
        return _merged(found) if found else found


class Pieces:
    """Masks a text that comes in pieces, also where a secret is cut in two. One text; not for several threads."""

    def __init__(self, redactor: SecretRedactor) -> None:
        self._redactor = redactor
        self._held = ""

    def feed(self, piece: str) -> str:
        """Return what can be told of the text so far; the end of it is held back."""
        text = self._held + piece
        # Nothing that begins before this place can reach beyond the end of the text.
        safe = len(text) - self._redactor.reach + 1
        if safe <= 0:
            self._held = text
            return ""
        spans = self._redactor.spans(text)
        for begin, end in spans:
            if begin < safe < end:
                safe = begin
        self._held = text[safe:]
        return _without(text[:safe], [span for span in spans if span[1] <= safe])

    def finish(self) -> str:
        """Return what was held back."""
        text, self._held = self._held, ""
        return self._redactor.mask(text)


class _Search:
    """One automaton."""

    def __init__(self, forms: Sequence[str], begins: dict[str, list[Pattern]]) -> None:
        self._forms = len(forms)
        self._patterns = list(begins.values())
        words = [*forms, *begins]
        # All that overlap, or a secret that begins inside another one would leave its end behind.
        self._words = AhoCorasick(words, matchkind=MatchKind.Standard, store_patterns=False) if words else None

    def spans(self, text: str) -> list[Span]:
        if self._words is None:
            return []
        found: list[Span] = []
        for word, begin, end in self._words.find_matches_as_indexes(text, overlapping=True):
            if word < self._forms:
                found.append((begin, end))
                continue
            for pattern in self._patterns[word - self._forms]:
                span = pattern.at(text, begin)
                if span is not None:
                    found.append(span)
        return found


def _merged(spans: list[Span]) -> list[Span]:
    spans.sort()
    merged = [spans[0]]
    for begin, end in spans[1:]:
        last_begin, last_end = merged[-1]
        if begin <= last_end:
            merged[-1] = (last_begin, max(last_end, end))
        else:
            merged.append((begin, end))
    return merged


def _without(text: str, spans: Sequence[Span]) -> str:
    parts = []
    at = 0
    for begin, end in spans:
        parts += [text[at:begin], HIDDEN]
        at = end
    parts.append(text[at:])
    return "".join(parts)
