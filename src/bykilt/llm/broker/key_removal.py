"""Takes a provider's key out of what the provider answers, also where it is cut in two. Pure.

Knows the forms in which a key may come back. As little as possible is held back, because answers are read as they
come: only an end that a key could begin with.
"""

from __future__ import annotations

from bykilt.errors import InvalidInput
from bykilt.security.encodings import forms_of

HIDDEN = b"***"
SHORTEST_KEY = 8
_MAX_KEY = 4096
# So many letters of a key say nothing of the rest; fewer end many a text, which would be held back for nothing.
_TELLING = 4


class KeyRemover:
    """One stream of bytes without the key. Without a key it changes nothing."""

    def __init__(self, key: str | None) -> None:
        """Take the key.

        Raises:
            InvalidInput: It cannot be sent in a header, or is too short to be told from other text.
        """
        if key is not None and not (SHORTEST_KEY <= len(key) <= _MAX_KEY and key.isascii() and key.isprintable()):
            raise InvalidInput(
                "the provider's key cannot be used",
                hint=f"it must have {SHORTEST_KEY} to {_MAX_KEY} printable ASCII characters, and no line end",
            )
        self._forms = _forms(key) if key else []
        self._letters = frozenset(b"".join(self._forms))
        self._reach = max(map(len, self._forms), default=0)
        self._held = b""

    def feed(self, piece: bytes) -> bytes:
        """Return what can be told of the stream so far."""
        text = self.clean(self._held + piece)
        held = self._begun(text, 1)
        self._held = text[len(text) - held :]
        return text[: len(text) - held]

    def finish(self) -> bytes:
        """Return what was held back: it has turned out to be no key."""
        text, self._held = self._held, b""
        return text

    def clean(self, text: bytes) -> bytes:
        """Return a whole text without the key; what the stream holds is not touched."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, HIDDEN)
        return text

    def begins_in(self, text: str) -> bool:
        """Whether the end of a text could well be the beginning of the key."""
        return self._begun(text.encode("utf-8", "replace"), _TELLING) > 0

    def is_in(self, text: str) -> bool:
        """Whether the key is in a text."""
        data = text.encode("utf-8", "replace")
        return any(form in data for form in self._forms)

    @property
    def reach(self) -> int:
        """How long the longest form is, in bytes."""
        return self._reach

    def _begun(self, text: bytes, least: int) -> int:
        """Return how many of the last bytes a form could begin with; 0 where they are fewer than `least`."""
        if not text or text[-1] not in self._letters:
            return 0
        most = 0
        for form in self._forms:
            tail = text[1 - len(form) :]
            at = tail.find(form[:least])
            while at >= 0 and not form.startswith(tail[at:]):
                at = tail.find(form[:least], at + 1)
            if at >= 0:
                most = max(most, len(tail) - at)
        return most


def _forms(key: str) -> list[bytes]:
    """The longest first, so that no form hides a part of another one."""
    forms = {form for form in forms_of(key) if len(form) >= SHORTEST_KEY}
    for letter in ("\\u{:04x}", "\\u{:04X}", "\\x{:02x}", "%{:02x}", "%{:02X}", "&#{};", "&#x{:x};"):
        forms.add("".join(letter.format(ord(sign)) for sign in key))
    return sorted((form.encode("utf-8", "replace") for form in forms), key=len, reverse=True)
