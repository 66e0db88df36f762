"""The values of a flow while it runs: parameters, variables, results of steps, loops.

Knows what each name stands for right now and how much a flow may hold. Does not know steps or their order.
Values that were handed out never change afterwards: a list variable is copied before it is given away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import ClassVar

from bykilt.browser.engine.secret_text import SecretReference
from bykilt.documents.problems import nearest
from bykilt.errors import BykiltError
from bykilt.flows.references import SECRETS, Reference, UnresolvedReference, follow, kind_of
from bykilt.flows.templates import ValueTooLarge, measure
from bykilt.json_types import JsonObject, JsonValue

MAX_HELD = 5_000_000
"""How much all variables and kept results may hold together, as `measure` counts."""


class NotAList(BykiltError):
    """A list is needed where something else is."""

    code: ClassVar[str] = "not_a_list"


class Scope:
    """What `${…}` refers to, at one moment of a run."""

    def __init__(self, params: JsonObject, run: JsonObject) -> None:
        self._params = params
        self._run = run
        self._steps: dict[str, JsonObject] = {}
        self._variables: dict[str, JsonValue] = {}
        self._loops: list[JsonObject] = []
        self._errors: list[JsonObject] = []
        self._held: dict[str, int] = {}

    def resolve(self, reference: Reference) -> JsonValue:
        """Return what a reference stands for now.

        Raises:
            UnresolvedReference: Nothing of that name is there yet, or not in the value.
        """
        for loop in reversed(self._loops):
            if reference.root in loop:
                return follow(loop[reference.root], reference, reference.parts, reference.root)
        roots: Mapping[str, JsonObject] = {
            "params": self._params,
            "vars": self._variables,
            "steps": self._steps,
            "run": self._run,
            "error": self._errors[-1] if self._errors else {},
        }
        if reference.root == SECRETS and len(reference.parts) == 1:
            return SecretReference(str(reference.parts[0]))
        if reference.root not in roots or not reference.parts:
            raise UnresolvedReference(f"{reference}: unknown name {reference.root!r}", hint=nearest("", roots, "names"))
        root, name = roots[reference.root], str(reference.parts[0])
        if name not in root:
            raise UnresolvedReference(f"{reference}: {_not_there(reference.root, name)}", hint=_NOT_YET)
        found = follow(root[name], reference, reference.parts[1:], f"{reference.root}.{name}")
        is_variable = reference.root == "vars" and len(reference.parts) == 1
        return list(found) if is_variable and isinstance(found, list) else found

    def set(self, name: str, value: JsonValue) -> None:
        """Give a variable a value.

        Raises:
            ValueTooLarge: The flow would hold too much.
        """
        self._hold(f"vars.{name}", measure(value))
        self._variables[name] = items_of(value) if is_list(value) else value

    def append(self, name: str, values: Sequence[JsonValue]) -> int:
        """Add values to a list variable, which is made when there is none; return its length.

        Raises:
            NotAList: The variable is something else.
            ValueTooLarge: The flow would hold too much.
        """
        held = self._variables.get(name, [])
        if not isinstance(held, list):
            raise NotAList(
                f"vars.{name} is {kind_of(held)}, so nothing can be added to it",
                hint="set it to [] with a variable step",
            )
        self._hold(f"vars.{name}", self._held.get(f"vars.{name}", 0) + measure(list(values)))
        held.extend(values)
        self._variables[name] = held
        return len(held)

    def keep(self, step_id: str, record: JsonObject) -> None:
        """Keep what `${steps.<id>.…}` shows of a step; `result` is the part of it that may be large.

        Raises:
            ValueTooLarge: The flow would hold too much.
        """
        self._hold(f"steps.{step_id}", measure(record["result"]))
        self._steps[step_id] = record

    @contextmanager
    def loop(self, names: JsonObject) -> Iterator[None]:
        """Let these names stand for these values inside the block."""
        self._loops.append(names)
        try:
            yield
        finally:
            self._loops.pop()

    @contextmanager
    def recovering(self, error: JsonObject) -> Iterator[None]:
        """Let `${error.…}` stand for this error inside the block."""
        self._errors.append(error)
        try:
            yield
        finally:
            self._errors.pop()

    def _hold(self, key: str, size: int) -> None:
        before = self._held.get(key, 0)
        if size > before and sum(self._held.values()) - before + size > MAX_HELD:
            raise ValueTooLarge(
                f"{key} would make the flow hold more than it may", hint="save data with save_data as it comes"
            )
        self._held[key] = size


_NOT_YET = "look at the steps before it: does one of them run in every case? `exists ${…}` asks for it in a condition"


def _not_there(root: str, name: str) -> str:
    if root == "steps":
        return f"the step {name!r} has not run yet"
    if root == "vars":
        return f"the variable {name!r} has no value yet"
    return f"there is no {name!r}"


def is_list(value: JsonValue) -> bool:
    """Return whether a value is a list."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def items_of(value: JsonValue) -> list[JsonValue]:
    """Return the items of a list, as a list of their own.

    Raises:
        NotAList: The value is something else.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        return list(value)
    raise NotAList(f"expected a list, got {kind_of(value)}", hint="an extract with `all` or `records` gives a list")
