"""What an action is: the base of all, the registry, and the door through which actions come in as JSON.

Knows how fields are read, checked and written back. Does not know any particular action (`actions`), so that
a new action is one class there and nothing here.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast, get_type_hints

from bykilt.browser.engine.errors import InvalidAction
from bykilt.browser.engine.field_kinds import Kind, Milliseconds, NonEmpty, Records, Selector, describe
from bykilt.json_types import JsonObject, JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What every action may carry: its own deadline, its frame, its page."""

    type: ClassVar[str] = ""
    summary: ClassVar[str] = ""

    timeout_ms: Milliseconds | None = None
    frame: Selector | None = None
    page: NonEmpty | None = None

    @classmethod
    def unfold(cls, given: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Return the given fields in their full form, where an action has a short one."""
        return given

    def check(self) -> None:
        """Raise `InvalidAction` where fields that are right alone do not go together."""


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
    """One field of an action: its kind, and whether it must be there."""

    name: str
    kind: Kind[Any]
    required: bool


_FIELDS: dict[str, Mapping[str, FieldSpec]] = {}


def fields_of(cls: type[Action]) -> Mapping[str, FieldSpec]:
    """Return the fields of an action by name, in the order of the reference."""
    known = _FIELDS.get(cls.type)
    if known is None:
        hints = get_type_hints(cls, include_extras=True)
        known = _FIELDS[cls.type] = {
            field.name: FieldSpec(field.name, _kind_in(hints[field.name]), field.default is dataclasses.MISSING)
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
    """Return the action's fields as JSON, without those at their default; for events and traces."""
    result: dict[str, JsonValue] = {}
    for field in dataclasses.fields(action):
        value = getattr(action, field.name)
        if value == field.default:
            continue
        if isinstance(value, tuple):
            value = list(value) if len(value) != 1 else value[0]
        elif dataclasses.is_dataclass(value) and not isinstance(value, type):
            value = _records_json(value) if isinstance(value, Records) else dataclasses.asdict(value)
        result[field.name] = value
    return result


def _records_json(records: Records) -> JsonObject:
    fields: dict[str, JsonValue] = {
        name: {"selector": list(spec.selector), "kind": str(spec.kind), "attribute": spec.attribute}
        for name, spec in records.fields
    }
    return {"fields": fields, "limit": records.limit}
