"""What an action is: the base of all, the registry, and the door through which actions come in as JSON.

Knows how fields are read, checked and written back. Does not know any particular action (`actions`), so that
a new action is one class there and nothing here.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, TypeVar, cast, get_type_hints

from bykilt.browser.engine.errors import InvalidAction
from bykilt.browser.engine.field_kinds import Kind, Milliseconds, NonEmpty, Records, Selector
from bykilt.documents.problems import describe
from bykilt.json_types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What every action may carry: its own deadline, its frame, its page."""

    type: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    only_looks: ClassVar[bool] = False
    """Whether it leaves the page as it is."""
    secret_keys: ClassVar[frozenset[str]] = frozenset()
    """The keys of its result whose values are never written into an event."""

    timeout_ms: Milliseconds | None = None
    frame: Selector | None = None
    page: NonEmpty | None = None

    @classmethod
    def unfold(cls, given: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Return the given fields in their full form, where an action has a short one."""
        if NESTED_KEY not in given or "action" not in fields_of(cls):
            return given
        return {"action" if key == NESTED_KEY else key: value for key, value in given.items()}

    def check(self) -> None:
        """Raise `InvalidAction` where fields that are right alone do not go together."""


NESTED_KEY = "do"
"""What stands for the field `action`, an action inside another, where that word has another meaning."""

HIDDEN = "***"
"""What is shown in place of a secret."""

_ACTIONS: dict[str, type[Action]] = {}
_ALIASES: dict[str, str] = {"upload_file": "file_upload"}
_A = TypeVar("_A", bound=type[Action])


def register(cls: _A) -> _A:
    """Make an action known by its `type`."""
    _ACTIONS[cls.type] = cls
    return cls


def exactly_one(action: Action, *names: str) -> None:
    """Raise `InvalidAction` unless one and only one of the fields is set."""
    given = [name for name in names if getattr(action, name) is not None]
    if len(given) != 1:
        seen = " and ".join(given) if given else "none"
        raise InvalidAction(
            f"{action.type} needs exactly one of {', '.join(names)}; got {seen}",
            field=given[1] if given else names[0],
            hint="leave only the one that you mean",
        )


@dataclass(frozen=True)
class FieldSpec:
    """One field of an action: its kind, its default, and whether it must be there."""

    name: str
    kind: Kind[Any]
    required: bool
    default: object = None

    @property
    def step_key(self) -> str:
        """The field's key in a flow's step, where `action` already names the step's own action."""
        return NESTED_KEY if self.name == "action" else self.name


_FIELDS: dict[str, Mapping[str, FieldSpec]] = {}


def fields_of(cls: type[Action]) -> Mapping[str, FieldSpec]:
    """Return the fields of an action by name, in the order of the reference."""
    known = _FIELDS.get(cls.type)
    if known is None:
        hints = get_type_hints(cls, include_extras=True)
        known = _FIELDS[cls.type] = {
            field.name: FieldSpec(
                field.name, _kind_in(hints[field.name]), field.default is dataclasses.MISSING, field.default
            )
            for field in dataclasses.fields(cls)
        }
    return known


def _kind_in(hint: Any) -> Kind[Any]:
    for part in (hint, *getattr(hint, "__args__", ())):
        for extra in getattr(part, "__metadata__", ()):
            if isinstance(extra, Kind):
                return extra
    raise TypeError(f"{hint!r} names no field kind")


def action_types() -> Mapping[str, type[Action]]:
    """Return every action by its public name, aliases included."""
    return {**_ACTIONS, **{alias: _ACTIONS[name] for alias, name in _ALIASES.items()}}


def find_action(name: str) -> type[Action]:
    """Return the class of an action.

    Raises:
        InvalidAction: No action has that name; the hint offers the nearest.
    """
    cls = _ACTIONS.get(_ALIASES.get(name, name))
    if cls is None:
        near = difflib.get_close_matches(name, [*_ACTIONS, *_ALIASES], n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"the actions are: {', '.join(sorted(_ACTIONS))}"
        raise InvalidAction(f"unknown action {name!r}", field="type", hint=hint)
    return cls


def read_field(cls: type[Action], name: str, value: JsonValue) -> object:
    """Return the value of one field as the action holds it.

    Raises:
        InvalidAction: The action has no such field, or the value does not fit.
    """
    spec = fields_of(cls).get(name)
    if spec is None:
        names = list(fields_of(cls))
        near = difflib.get_close_matches(name, names, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"its fields are: {', '.join(names)}"
        raise InvalidAction(f"{cls.type} has no field {name!r}", field=name, hint=hint)
    try:
        return spec.kind.read(value)
    except ValueError as error:
        raise InvalidAction(
            f"{cls.type}: {name} {error}", field=name, hint=f"see the reference of {cls.type}"
        ) from None


def parse_action(source: Mapping[str, JsonValue]) -> Action:
    """Return the action that a JSON object describes.

    A field that holds null counts as left out.

    Raises:
        InvalidAction: With the field at fault and what may stand there.
    """
    name = source.get("type")
    if not isinstance(name, str):
        raise InvalidAction(
            f"an action needs a type, got {describe(name)}", field="type", hint='for instance {"type": "click", …}'
        )
    cls = find_action(name)
    given = cls.unfold({key: value for key, value in source.items() if key != "type" and value is not None})
    values = {key: read_field(cls, key, value) for key, value in given.items()}
    missing = [spec.name for spec in fields_of(cls).values() if spec.required and spec.name not in values]
    if missing:
        raise InvalidAction(
            f"{cls.type} needs {missing[0]!r}", field=missing[0], hint=f"add {missing[0]!r} to the action"
        )
    action = cls(**cast(dict[str, Any], values))
    action.check()
    return action


def to_json(action: Action) -> JsonObject:
    """Return the action's fields as JSON, without those at their default; for events and traces.

    Secrets are hidden.
    """
    result: dict[str, JsonValue] = {}
    for spec in fields_of(type(action)).values():
        value = getattr(action, spec.name)
        if value is spec.default or value == spec.default:
            continue
        result[spec.name] = HIDDEN if spec.kind.secret else _value_json(value)
    return result


def hide(value: JsonValue, keys: frozenset[str]) -> JsonValue:
    """Return a value with a mark in place of whatever stands under one of the keys, at any depth."""
    if not keys:
        return value
    if isinstance(value, Mapping):
        return {key: HIDDEN if key in keys else hide(item, keys) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hide(item, keys) for item in value]
    return value


def _value_json(value: Any) -> JsonValue:
    if isinstance(value, tuple):
        items = [_value_json(item) for item in value]
        return items if len(items) != 1 else items[0]
    if isinstance(value, Action):
        return {"type": value.type, **to_json(value)}
    if isinstance(value, Records):
        return _records_json(value)
    if hasattr(value, "to_json"):
        shown: JsonValue = value.to_json()
        return shown
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return cast(JsonValue, value)


def _read_nested(value: JsonValue) -> Action:
    if not isinstance(value, Mapping):
        raise ValueError(f"expected an action such as {{'type': 'click', …}}, got {describe(value)}")
    named = dict(value)
    if "type" not in named and isinstance(named.get("action"), str):
        named["type"] = named.pop("action")
    try:
        return parse_action(named)
    except InvalidAction as error:
        raise ValueError(f"is no action: {error.message} ({error.hint})") from None


NestedAction = Annotated[
    Action,
    Kind(
        _read_nested,
        {
            "type": "object",
            "description": "an action",
            "anyOf": [{"required": ["action"]}, {"required": ["type"]}],
        },
    ),
]


def _records_json(records: Records) -> JsonObject:
    fields: dict[str, JsonValue] = {
        name: {"selector": list(spec.selector), "kind": str(spec.kind), "attribute": spec.attribute}
        for name, spec in records.fields
    }
    return {"fields": fields, "limit": records.limit}
