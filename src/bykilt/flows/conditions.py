"""Conditions: a small language for `when`, `if` and `while`, over the values of a flow.

Operands are `${…}`, numbers, 'text', true, false and null. From loosest to tightest: `or`, `and`, `not`,
then `== != < <= > >= in contains matches`, then `exists ${…}` and `empty …`. `matches` takes `*` for any text
and `?` for one character. Nothing is ever evaluated as Python.
Knows the notation and its meaning. Does not know where values come from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NoReturn, TypeAlias

from bykilt.errors import BykiltError
from bykilt.flows.references import NotationError, Reference, UnresolvedReference, kind_of, scan_reference
from bykilt.flows.templates import Resolve, Text, as_text, scan_text
from bykilt.json_types import JsonValue

_SPACE = " \t\r\n"
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_WORD = re.compile(r"[^\W\d]\w*")
_SYMBOLS = ("==", "!=", "<=", ">=", "<", ">", "(", ")")
_COMPARISONS = ("==", "!=", "<=", ">=", "<", ">", "in", "contains", "matches")
_CONSTANTS: Mapping[str, JsonValue] = {"true": True, "false": False, "null": None}
KEYWORDS = frozenset({"and", "or", "not", "in", "contains", "matches", "exists", "empty", *_CONSTANTS})
_MAX_DEPTH = 40
_MAX_CHARS = 10_000
_MAX_DIGITS = 60
_MAX_MATCHED_CHARS = 20_000
_MAX_PATTERN_CHARS = 200


class ConditionFailed(BykiltError):
    """Two values cannot be compared in the way that the condition asks."""

    code: ClassVar[str] = "condition_failed"


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    value: JsonValue | Reference | Text
    position: int


@dataclass(frozen=True, slots=True)
class _Constant:
    value: JsonValue


@dataclass(frozen=True, slots=True)
class _Not:
    operand: _Expression


@dataclass(frozen=True, slots=True)
class _Empty:
    operand: _Expression


@dataclass(frozen=True, slots=True)
class _Exists:
    reference: Reference


@dataclass(frozen=True, slots=True)
class _Both:
    left: _Expression
    right: _Expression


@dataclass(frozen=True, slots=True)
class _Either:
    left: _Expression
    right: _Expression


@dataclass(frozen=True, slots=True)
class _Comparison:
    operator: str
    left: _Expression
    right: _Expression


_Expression: TypeAlias = _Constant | Reference | Text | _Not | _Empty | _Exists | _Both | _Either | _Comparison


@dataclass(frozen=True, slots=True)
class Condition:
    """A compiled condition; `source` is what was written: a text, or true or false."""

    source: str | bool
    references: tuple[Reference, ...]
    _root: _Expression = field(repr=False)

    def holds(self, resolve: Resolve) -> bool:
        """Return whether it is true now.

        null, false, 0, an empty text, an empty list and an empty object count as false.

        Raises:
            UnresolvedReference: A name or a place is not there, and `exists` did not ask for it.
            ConditionFailed: Two values cannot be compared.
        """
        return bool(_evaluate(self._root, resolve))


def compile_condition(source: str | bool) -> Condition:
    """Compile a condition.

    Raises:
        NotationError: With the position of what is wrong.
    """
    if isinstance(source, bool):
        return Condition(source, (), _Constant(source))
    if len(source) > _MAX_CHARS:
        raise NotationError(f"a condition may have {_MAX_CHARS:,} characters at most", _MAX_CHARS)
    tokens = _tokens(source)
    references = [
        reference
        for token in tokens
        for reference in ([token.value] if isinstance(token.value, Reference) else _inside(token.value))
    ]
    return Condition(source, tuple(references), _Parser(tokens, len(source)).read())


def _inside(value: JsonValue | Reference | Text) -> list[Reference]:
    return [part for part in value.parts if isinstance(part, Reference)] if isinstance(value, Text) else []


# ---- reading


def _tokens(source: str) -> list[_Token]:
    tokens: list[_Token] = []
    at = 0
    while at < len(source):
        if source[at] in _SPACE:
            at += 1
            continue
        token, at = _token(source, at)
        tokens.append(token)
    return tokens


def _token(source: str, at: int) -> tuple[_Token, int]:
    if source.startswith("${", at):
        reference, end = scan_reference(source, at)
        return _Token("value", reference, at), end
    if source[at] in "'\"":
        return _quoted(source, at)
    for symbol in _SYMBOLS:
        if source.startswith(symbol, at):
            return _Token(symbol, symbol, at), at + len(symbol)
    if (number := _NUMBER.match(source, at)) is not None:
        return _Token("value", _to_number(number.group(), at), at), number.end()
    if (word := _WORD.match(source, at)) is not None:
        return _word(word.group(), at), word.end()
    hint = "compare with '=='" if source[at] == "=" else "operands are ${…}, numbers, 'text', true, false and null"
    raise NotationError(f"unexpected {source[at]!r}", at, hint)


def _word(word: str, at: int) -> _Token:
    if word in _CONSTANTS:
        return _Token("value", _CONSTANTS[word], at)
    if word in KEYWORDS:
        return _Token(word, word, at)
    raise NotationError(f"unknown word {word!r}", at, f"write '{word}' for the text, ${{{word}}} for the value")


def _quoted(source: str, start: int) -> tuple[_Token, int]:
    quote, at = source[start], start + 1
    pieces: list[str] = []
    while at < len(source) and source[at] != quote:
        if source[at] == "\\" and at + 1 < len(source):
            at += 1
        pieces.append(source[at])
        at += 1
    if at >= len(source):
        raise NotationError("the text is never closed", start, f"end it with {quote}")
    try:
        parts = scan_text("".join(pieces))
    except NotationError as error:
        raise NotationError(error.reason, start, error.suggestion) from None
    if any(isinstance(part, Reference) for part in parts):
        return _Token("value", Text(parts), start), at + 1
    return _Token("value", "".join(part for part in parts if isinstance(part, str)), start), at + 1


def _to_number(text: str, position: int) -> int | float:
    if len(text) > _MAX_DIGITS:
        raise NotationError(f"a number may have {_MAX_DIGITS} characters at most", position)
    return int(text) if text.lstrip("+-").isdigit() else float(text)


class _Parser:
    """Reads one expression by recursive descent; each method is one line of the grammar."""

    def __init__(self, tokens: Sequence[_Token], end: int) -> None:
        self._tokens = tokens
        self._end = end
        self._at = 0
        self._depth = 0

    def read(self) -> _Expression:
        found = self._either()
        if self._at < len(self._tokens):
            self._fail("expected 'and', 'or' or a comparison")
        return found

    def _kind(self) -> str:
        return self._tokens[self._at].kind if self._at < len(self._tokens) else ""

    def _take(self, *kinds: str) -> _Token | None:
        if self._kind() not in kinds or not self._kind():
            return None
        self._at += 1
        return self._tokens[self._at - 1]

    def _fail(self, expected: str) -> NoReturn:
        if self._at >= len(self._tokens):
            raise NotationError(f"{expected}, but the condition ends here", self._end)
        token = self._tokens[self._at]
        seen = "a value" if token.kind == "value" else repr(token.kind)
        raise NotationError(f"{expected}, found {seen}", token.position)

    def _either(self) -> _Expression:
        left = self._both()
        while self._take("or"):
            left = _Either(left, self._both())
        return left

    def _both(self) -> _Expression:
        left = self._negation()
        while self._take("and"):
            left = _Both(left, self._negation())
        return left

    def _negation(self) -> _Expression:
        if self._take("not") is None:
            return self._comparison()
        return _Not(self._nested(self._negation))

    def _comparison(self) -> _Expression:
        left = self._operand()
        negated = self._kind() == "not" and self._take("not") is not None
        operator = self._take("in", "contains", "matches") if negated else self._take(*_COMPARISONS)
        if operator is None:
            if negated:
                self._fail("expected 'in', 'contains' or 'matches' after 'not'")
            return left
        found = _Comparison(operator.kind, left, self._operand())
        if self._kind() in _COMPARISONS:
            self._fail("comparisons cannot be chained; join two of them with 'and'")
        return _Not(found) if negated else found

    def _operand(self) -> _Expression:
        if self._take("("):
            inner = self._nested(self._either)
            if self._take(")") is None:
                self._fail("expected ')'")
            return inner
        if self._take("empty"):
            return _Empty(self._nested(self._operand))
        if self._take("exists"):
            return self._exists()
        token = self._take("value")
        if token is None:
            self._fail("expected a value")
        value = token.value
        return value if isinstance(value, Reference | Text) else _Constant(value)

    def _exists(self) -> _Expression:
        operand = self._nested(self._operand)
        if not isinstance(operand, Reference):
            self._at -= 1
            self._fail("'exists' asks for a reference such as ${vars.total}")
        return _Exists(operand)

    def _nested(self, read: Callable[[], _Expression]) -> _Expression:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            self._fail(f"a condition may be nested {_MAX_DEPTH} levels deep at most")
        found = read()
        self._depth -= 1
        return found


# ---- meaning


def _evaluate(node: _Expression, resolve: Resolve) -> JsonValue:
    match node:
        case _Constant(value):
            return value
        case Reference():
            return resolve(node)
        case Text():
            return node.render(resolve)
        case _Not(operand):
            return not _evaluate(operand, resolve)
        case _Both(left, right):
            return bool(_evaluate(left, resolve)) and bool(_evaluate(right, resolve))
        case _Either(left, right):
            return bool(_evaluate(left, resolve)) or bool(_evaluate(right, resolve))
        case _Empty(operand):
            return _is_empty(_evaluate(operand, resolve))
        case _Exists(reference):
            return _exists(reference, resolve)
        case _Comparison(operator, left, right):
            return _OPERATORS[operator](_evaluate(left, resolve), _evaluate(right, resolve))


def _is_empty(value: JsonValue) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, Mapping | Sequence) and not value)


def _exists(reference: Reference, resolve: Resolve) -> bool:
    try:
        return resolve(reference) is not None
    except UnresolvedReference:
        return False


def number_in(value: JsonValue) -> int | float | None:
    """Return the number that a value is, or that a text spells; None when it is neither."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and len(value) <= _MAX_DIGITS and _NUMBER.fullmatch(value.strip()):
        return _to_number(value.strip(), 0)
    return None


def equal(left: JsonValue, right: JsonValue) -> bool:
    """Return whether two values are the same; a number equals a text that spells it, as pages give text only."""
    if isinstance(left, bool) or isinstance(right, bool):
        return isinstance(left, bool) and isinstance(right, bool) and left == right
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    if isinstance(left, int | float) or isinstance(right, int | float):
        numbers = (number_in(left), number_in(right))
        return None not in numbers and numbers[0] == numbers[1]
    return left == right


def _ordered(compare: Callable[[int], bool], symbol: str) -> Callable[[JsonValue, JsonValue], bool]:
    def apply(left: JsonValue, right: JsonValue) -> bool:
        first, second = number_in(left), number_in(right)
        if first is not None and second is not None:
            return compare((first > second) - (first < second))
        if isinstance(left, str) and isinstance(right, str):
            return compare((left > right) - (left < right))
        raise ConditionFailed(
            f"'{symbol}' cannot compare {kind_of(left)} with {kind_of(right)}",
            hint="both sides must be numbers (or text that spells one), or both text",
        )

    return apply


def _contains(left: JsonValue, right: JsonValue) -> bool:
    if isinstance(left, str):
        return as_text(right) in left
    if isinstance(left, Mapping):
        return isinstance(right, str) and right in left
    if isinstance(left, Sequence):
        return any(equal(item, right) for item in left)
    raise ConditionFailed(
        f"{kind_of(left)} contains nothing", hint="ask this of a text, a list, or the keys of an object"
    )


def _matches(left: JsonValue, right: JsonValue) -> bool:
    """Compare with a pattern in at most `len(text) * len(pattern)` steps, whatever the pattern."""
    text, pattern = as_text(left), as_text(right)
    if len(text) > _MAX_MATCHED_CHARS or len(pattern) > _MAX_PATTERN_CHARS:
        raise ConditionFailed(
            f"'matches' takes {_MAX_MATCHED_CHARS:,} characters of text and {_MAX_PATTERN_CHARS:,} of pattern at most",
            hint="'contains' has no such limit",
        )
    at = place = 0
    star, resume = -1, 0
    while at < len(text):
        if place < len(pattern) and pattern[place] == "*":
            star, resume = place, at
            place += 1
        elif place < len(pattern) and pattern[place] in ("?", text[at]):
            at, place = at + 1, place + 1
        elif star >= 0:
            resume += 1
            at, place = resume, star + 1
        else:
            return False
    return all(character == "*" for character in pattern[place:])


_OPERATORS: Mapping[str, Callable[[JsonValue, JsonValue], bool]] = {
    "==": equal,
    "!=": lambda left, right: not equal(left, right),
    "<": _ordered(lambda order: order < 0, "<"),
    "<=": _ordered(lambda order: order <= 0, "<="),
    ">": _ordered(lambda order: order > 0, ">"),
    ">=": _ordered(lambda order: order >= 0, ">="),
    "in": lambda left, right: _contains(right, left),
    "contains": _contains,
    "matches": _matches,
}
