"""A US keyboard: which key makes which character, and what the key is called.

Pure data with a parser for combinations such as `Control+Shift+T`.
Source of names and codes: UI Events KeyboardEvent key and code values, https://www.w3.org/TR/uievents-key/ and
https://www.w3.org/TR/uievents-code/; virtual key codes: https://learn.microsoft.com/windows/win32/inputdev/virtual-key-codes.
"""

from __future__ import annotations

from dataclasses import dataclass

ALT, CONTROL, META, SHIFT = 1, 2, 4, 8
MODIFIER_BITS = {"Alt": ALT, "Control": CONTROL, "Meta": META, "Shift": SHIFT}


@dataclass(frozen=True, slots=True)
class Key:
    """One key press. `text` is what it types, empty when it types nothing; `location` 3 is the keypad."""

    key: str
    code: str
    key_code: int
    text: str = ""
    location: int = 0
    shifted: bool = False


_SHIFTED_DIGITS = ")!@#$%^&*("
_PUNCTUATION = [
    (";", ":", "Semicolon", 186),
    ("=", "+", "Equal", 187),
    (",", "<", "Comma", 188),
    ("-", "_", "Minus", 189),
    (".", ">", "Period", 190),
    ("/", "?", "Slash", 191),
    ("`", "~", "Backquote", 192),
    ("[", "{", "BracketLeft", 219),
    ("\\", "|", "Backslash", 220),
    ("]", "}", "BracketRight", 221),
    ("'", '"', "Quote", 222),
]
_NAMED = [
    ("Backspace", "Backspace", 8),
    ("Tab", "Tab", 9),
    ("Escape", "Escape", 27),
    ("PageUp", "PageUp", 33),
    ("PageDown", "PageDown", 34),
    ("End", "End", 35),
    ("Home", "Home", 36),
    ("ArrowLeft", "ArrowLeft", 37),
    ("ArrowUp", "ArrowUp", 38),
    ("ArrowRight", "ArrowRight", 39),
    ("ArrowDown", "ArrowDown", 40),
    ("PrintScreen", "PrintScreen", 44),
    ("Insert", "Insert", 45),
    ("Delete", "Delete", 46),
    ("ContextMenu", "ContextMenu", 93),
    ("CapsLock", "CapsLock", 20),
    ("NumLock", "NumLock", 144),
    ("ScrollLock", "ScrollLock", 145),
    ("Pause", "Pause", 19),
]


def _build() -> dict[str, Key]:
    keys: dict[str, Key] = {
        "Enter": Key("Enter", "Enter", 13, "\r"),
        "Space": Key(" ", "Space", 32, " "),
        " ": Key(" ", "Space", 32, " "),
        "\n": Key("Enter", "Enter", 13, "\r"),
        "\r": Key("Enter", "Enter", 13, "\r"),
        "\t": Key("Tab", "Tab", 9),
        "NumpadEnter": Key("Enter", "NumpadEnter", 13, "\r", location=3),
    }
    for name, bits in (("Shift", 16), ("Control", 17), ("Alt", 18), ("Meta", 91)):
        keys[name] = keys[f"{name}Left"] = Key(name, f"{name}Left", bits, location=1)
        keys[f"{name}Right"] = Key(name, f"{name}Right", 92 if name == "Meta" else bits, location=2)
    for key, code, number in _NAMED:
        keys[key] = Key(key, code, number)
    for number in range(1, 25):
        keys[f"F{number}"] = Key(f"F{number}", f"F{number}", 111 + number)
    for index in range(26):
        lower, upper = chr(97 + index), chr(65 + index)
        keys[lower] = keys[f"Key{upper}"] = Key(lower, f"Key{upper}", 65 + index, lower)
        keys[upper] = Key(upper, f"Key{upper}", 65 + index, upper, shifted=True)
    for digit in range(10):
        keys[str(digit)] = keys[f"Digit{digit}"] = Key(str(digit), f"Digit{digit}", 48 + digit, str(digit))
        shifted = _SHIFTED_DIGITS[digit]
        keys[shifted] = Key(shifted, f"Digit{digit}", 48 + digit, shifted, shifted=True)
    for plain, shifted, code, number in _PUNCTUATION:
        keys[plain] = keys[code] = Key(plain, code, number, plain)
        keys[shifted] = Key(shifted, code, number, shifted, shifted=True)
    return keys


KEYS = _build()
_ALIASES = {"Ctrl": "Control", "Cmd": "Meta", "Command": "Meta", "Option": "Alt", "Esc": "Escape", "Return": "Enter"}
_ALIASES |= {"Del": "Delete", "Left": "ArrowLeft", "Right": "ArrowRight", "Up": "ArrowUp", "Down": "ArrowDown"}
_ALIASES |= {"ControlOrMeta": "Control"}


def find_key(name: str) -> Key | None:
    """Return the key of a name or character, None if this keyboard has none."""
    return KEYS.get(_ALIASES.get(name, name))


def parse_combination(text: str) -> tuple[tuple[str, ...], Key]:
    """Return the held modifiers and the key of a combination.

    Raises:
        ValueError: With the part that is not a key.
    """
    *held, last = _split(text)
    modifiers = []
    for part in held:
        name = _ALIASES.get(part, part)
        if name not in MODIFIER_BITS:
            raise ValueError(f"{part!r} is not a modifier; use Alt, Control, Meta or Shift before the '+'")
        modifiers.append(name)
    key = find_key(last)
    if key is None:
        raise ValueError(f"{last!r} is not a key; use names such as Enter, ArrowDown, F5, or one character")
    if "Shift" in modifiers:
        key = _with_shift(key)
    return tuple(modifiers), key


def _with_shift(key: Key) -> Key:
    if len(key.key) != 1 or key.shifted:
        return key
    for other in KEYS.values():
        if other.code == key.code and other.shifted:
            return other
    return key


def _split(text: str) -> list[str]:
    if text.endswith("++"):
        return [*text[:-2].split("+"), "+"]
    return [text] if text == "+" else text.split("+")
