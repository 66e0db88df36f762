"""The older `unlock-future` files: their commands become steps of our schema.

Knows the shape of such a file and where each of its steps came from, so that problems name the command.
What one command means is in `unlock_commands`. The converted document is read like any other flow, so every
check is the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bykilt.documents.door import ProblemList
from bykilt.documents.problems import describe, nearest, pointer_to
from bykilt.flows.references import NotationError, Reference
from bykilt.flows.schema import SCHEMA_VERSION
from bykilt.flows.templates import scan_text
from bykilt.flows.unlock_commands import COMMANDS, Command, CommandError, advice_for
from bykilt.json_types import JsonObject, JsonValue

_KNOWN_KEYS = ("script_name", "name", "description", "params", "commands")
# They steered the older runner: pauses between commands, which tab to use, what to leave open.
_IGNORED_KEYS = ("action_type", "keep_tab_open", "maintain_session", "slowmo", "tab_selection_strategy", "type")
_OWN_ROOTS = ("params", "steps", "vars", "run", "error")
MAX_NESTING = 20
KNOWN = (*COMMANDS, "if", "for_each")


def is_unlock_future(document: JsonValue) -> bool:
    """Return whether a document is of the older kind: an object with `commands`, or a bare list of commands."""
    if isinstance(document, Mapping):
        return not {"bykilt", "steps"} & set(document) and bool({"commands", "script_name"} & set(document))
    if not isinstance(document, Sequence) or isinstance(document, str) or not document:
        return False
    return all(isinstance(item, Mapping) and "action" in item for item in document)


def convert(document: JsonValue, name: str, problems: ProblemList) -> tuple[JsonObject, Mapping[str, str]]:
    """Return the flow in our schema, and for each of its steps' pointers the pointer of its command.

    `name` is the flow's name when the file has none. What cannot be converted is noted in `problems`.
    """
    if not isinstance(document, Mapping):
        document = {"commands": document}
        converter = _Converter(problems, "")
    else:
        converter = _Converter(problems, "/commands")
    return converter.convert(document, name), converter.pointers


class _Converter:
    """Converts one file; it remembers names on the way, as old files use them without saying what they are."""

    def __init__(self, problems: ProblemList, root: str) -> None:
        self.pointers: dict[str, str] = {"/params": "/params"}
        self._problems = problems
        self._root = root
        self._params: dict[str, dict[str, JsonValue]] = {}
        self._variables: set[str] = set()
        self._always_set: list[str] = []
        self._ids = 0

    def convert(self, document: JsonObject, name: str) -> JsonObject:
        known = [*_KNOWN_KEYS, *_IGNORED_KEYS]
        for key in document:
            if key not in known:
                self._problems.add(pointer_to("", key), f"unknown key {key!r}", nearest(key, known, "the keys"))
        self._read_params(document.get("params"))
        commands = document.get("commands")
        if not isinstance(commands, Sequence) or isinstance(commands, str) or not commands:
            self._problems.add(self._root, "'commands' must be a list with a command in it", "add the commands to run")
            return {}
        self._variables.update(_names_set(commands))
        steps = self._convert_list(commands, self._root, "/steps", ())
        title = document.get("script_name", document.get("name", name))
        return {
            "bykilt": SCHEMA_VERSION,
            "name": title if isinstance(title, str) and title else name,
            **({"description": document["description"]} if document.get("description") else {}),
            "params": dict(self._params),
            "steps": steps,
            "outputs": {variable: f"${{vars.{variable}}}" for variable in dict.fromkeys(self._always_set)},
        }

    def _read_params(self, given: JsonValue) -> None:
        if given is None:
            return
        if not isinstance(given, Mapping):
            self._problems.add("/params", f"'params' must be an object, got {describe(given)}", '{"name": default}')
            return
        for name, default in given.items():
            self._params[name] = _param(default)

    # ---- commands

    def _convert_list(
        self, commands: Sequence[JsonValue], source: str, target: str, loops: tuple[str, ...]
    ) -> list[JsonValue]:
        if len(loops) > MAX_NESTING or source.count("/commands") > MAX_NESTING:
            self._problems.add(source, f"commands may be nested {MAX_NESTING} levels deep at most")
            return []
        steps: list[JsonValue] = []
        for index, value in enumerate(commands):
            place = pointer_to(source, index)
            for step in self._convert_one(value, place, f"{target}/{len(steps)}", loops):
                self.pointers[f"{target}/{len(steps)}"] = place
                steps.append(step)
        return steps

    def _convert_one(self, value: JsonValue, source: str, target: str, loops: tuple[str, ...]) -> Sequence[JsonObject]:
        if not isinstance(value, Mapping) or not isinstance(value.get("action"), str):
            self._problems.add(
                source, "a command is an object with an 'action'", '{"action": "click", "args": ["#buy"]}'
            )
            return ()
        name = str(value["action"])
        if name in ("if", "for_each"):
            return self._block(name, value, source, target, loops)
        read = COMMANDS.get(name)
        if read is None:
            known = list(KNOWN)
            suggestion = advice_for(name) or nearest(name, known, "the commands")
            self._problems.add(f"{source}/action", f"unknown command {name!r}", suggestion)
            return ()
        command = Command(value, self._new_id)
        try:
            steps = read(command)
        except CommandError as error:
            self._problems.add(source, error.reason, error.suggestion)
            return ()
        if not loops and target.count("/") == 2:
            self._always_set += command.variables
        return [_as_object(self._rename(step, loops)) for step in steps]

    def _block(
        self, name: str, value: JsonObject, source: str, target: str, loops: tuple[str, ...]
    ) -> Sequence[JsonObject]:
        inside = value.get("commands", value.get("then"))
        if not isinstance(inside, Sequence) or isinstance(inside, str):
            self._problems.add(source, f"{name} needs 'commands': a list of commands", "")
            return ()
        key = "commands" if "commands" in value else "then"
        if name == "if":
            return self._if(value, inside, f"{source}/{key}", source, target, loops)
        item = value.get("var_name", value.get("as", "item"))
        if not isinstance(item, str) or "items" not in value:
            self._problems.add(
                source, "for_each needs 'items' and 'var_name'", '{"items": "${rows}", "var_name": "row"}'
            )
            return ()
        steps = self._convert_list(inside, f"{source}/{key}", f"{target}/steps", (*loops, item))
        items = self._rename(value["items"], loops)
        return [{"action": "for_each", "items": items, "as": item, "steps": steps}]

    def _if(
        self,
        value: JsonObject,
        inside: Sequence[JsonValue],
        source_then: str,
        source: str,
        target: str,
        loops: tuple[str, ...],
    ) -> Sequence[JsonObject]:
        condition = value.get("condition")
        if not isinstance(condition, str | bool):
            self._problems.add(source, "if needs a 'condition'", 'for instance "condition": "${params.remember_me}"')
            return ()
        step: dict[str, JsonValue] = {"action": "if", "condition": self._rename(condition, loops)}
        step["then"] = self._convert_list(inside, source_then, f"{target}/then", loops)
        for key in ("else", "else_commands"):
            otherwise = value.get(key)
            if isinstance(otherwise, Sequence) and not isinstance(otherwise, str):
                step["else"] = self._convert_list(otherwise, f"{source}/{key}", f"{target}/else", loops)
        return [step]

    def _new_id(self, stem: str) -> str:
        self._ids += 1
        return f"{stem}_{self._ids}"

    # ---- names

    def _rename(self, value: JsonValue, loops: tuple[str, ...]) -> JsonValue:
        """Write every `${name}` the way our schema does."""
        if isinstance(value, Mapping):
            return {key: self._rename(item, loops) for key, item in value.items()}
        if isinstance(value, Sequence) and not isinstance(value, str):
            return [self._rename(item, loops) for item in value]
        if not isinstance(value, str) or "${" not in value:
            return value
        try:
            parts = scan_text(value)
        except NotationError:
            return value  # the reader of our schema says what is wrong with it, and where
        return "".join(
            self._renamed(part, loops) if isinstance(part, Reference) else part.replace("${", "$${") for part in parts
        )

    def _renamed(self, reference: Reference, loops: tuple[str, ...]) -> str:
        root = reference.root
        if root in loops:
            return str(reference)
        if root == "params" and reference.parts and isinstance(reference.parts[0], str):
            # Old files leave out of `params` what must be given on every run, such as a password.
            self._params.setdefault(reference.parts[0], {"type": "string", "required": True})
            return str(reference)
        if root not in _OWN_ROOTS:
            for prefix, names in (("vars", self._variables), ("params", self._params)):
                if root in names:
                    return f"${{{prefix}.{reference.source}}}"
        return str(reference)


def _as_object(value: JsonValue) -> JsonObject:
    assert isinstance(value, Mapping)
    return value


def _param(default: JsonValue) -> dict[str, JsonValue]:
    if default is None:
        return {"type": "string"}
    kind = "string"
    if isinstance(default, bool):
        kind = "boolean"
    elif isinstance(default, int | float):
        kind = "number" if isinstance(default, float) else "integer"
    elif isinstance(default, Mapping):
        kind = "object"
    elif not isinstance(default, str):
        kind = "array"
    return {"type": kind, "default": default}


def _names_set(commands: Sequence[JsonValue]) -> set[str]:
    """Return the names that commands at any depth give a value to, wherever in the file that is."""
    found: set[str] = set()
    pending: list[JsonValue] = list(commands)
    while pending:
        value = pending.pop()
        if not isinstance(value, Mapping):
            continue
        for key in ("commands", "then", "else", "else_commands"):
            inside = value.get(key)
            if isinstance(inside, Sequence) and not isinstance(inside, str):
                pending += inside
        found.update(Command(value, str).names())
    return found
