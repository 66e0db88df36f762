"""What a step is called for people: its own title, or a short line about what it does.

Knows only how steps read. A value that is not there yet is shown as it was written, never an error.
"""

from __future__ import annotations

from bykilt.errors import BykiltError
from bykilt.flows.model import (
    ActionStep,
    AppendStep,
    AskStep,
    ChooseStep,
    ExtractAIStep,
    FailStep,
    ForEachStep,
    GroupStep,
    IfStep,
    SaveDataStep,
    Step,
    VariableStep,
    WhileStep,
)
from bykilt.flows.templates import Resolve, Template, as_text

_TELLING_FIELDS = ("url", "selector", "key", "name", "files", "text", "expression", "ms", "page", "path")
_MAX_CHARS = 120


def title_of_step(step: Step, resolve: Resolve) -> str:
    """Return one line for people, 120 characters at most."""
    if step.head.title is not None:
        return _short(_filled(step.head.title, resolve))
    match step:
        case ActionStep(action=action, fields=fields):
            given = dict(fields)
            telling = next((given[name] for name in _TELLING_FIELDS if name in given), None)
            text = action if telling is None else f"{action} {_filled(telling, resolve)}"
        case IfStep(condition=condition) | WhileStep(condition=condition):
            text = f"{step.action} {condition.source}"
        case ForEachStep(items=items, item_name=name):
            text = f"for each {name} in {items.source if isinstance(items.source, str) else 'a list'}"
        case GroupStep(steps=steps):
            text = f"group of {len(steps)} steps"
        case VariableStep(name=name):
            text = f"set {name}"
        case AppendStep(name=name):
            text = f"append to {name}"
        case SaveDataStep(file=file):
            text = f"save {_filled(file, resolve)}"
        case FailStep(message=message):
            text = f"fail: {_filled(message, resolve)}"
        case AskStep(question=question):
            text = f"ask: {_filled(question, resolve)}"
        case ChooseStep(question=question):
            text = f"choose: {_filled(question, resolve)}"
        case ExtractAIStep(fields=wanted):
            text = f"have a model find {', '.join(field.name for field in wanted)}"
    return _short(text)


def _filled(template: Template, resolve: Resolve) -> str:
    source = template.source
    try:
        value = template.render(resolve)
        if isinstance(value, list) and value:
            value = value[0]
        return as_text(value)
    except BykiltError:
        return source if isinstance(source, str) else ""


def _short(text: str) -> str:
    line = " ".join(text[: _MAX_CHARS * 4].split())
    return line if len(line) <= _MAX_CHARS else line[: _MAX_CHARS - 1] + "…"
