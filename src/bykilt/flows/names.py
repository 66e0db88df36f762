"""Checking names: does every `${…}` of a flow refer to something that there will be?

Knows the roots of references and what is in scope at each step. Does not know any value; what only a run can
tell (a key of a result, an index) is left to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from bykilt.browser.engine.actions import fields_of, find_action
from bykilt.documents.door import ProblemList
from bykilt.documents.problems import nearest, pointer_to
from bykilt.flows.conditions import KEYWORDS, Condition
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
    Param,
    SaveDataStep,
    Step,
    VariableStep,
    WhileStep,
    walk,
)
from bykilt.flows.references import SECRETS, Reference
from bykilt.flows.templates import Template

ROOTS = ("params", "steps", "vars", "run")
RUN_NAMES = ("id", "date", "time", "flow")
STEP_NAMES = ("result", "artifacts", "outcome", "error")
ERROR_NAMES = ("code", "message", "step")
RESERVED = frozenset({*ROOTS, "error", "env", SECRETS, *KEYWORDS})


@dataclass(frozen=True, slots=True)
class _Scope:
    params: tuple[str, ...]
    steps: tuple[str, ...]
    variables: tuple[str, ...]
    loops: tuple[str, ...] = ()
    recovering: bool = False


def check_names(
    params: Sequence[Param],
    steps: Sequence[Step],
    outputs: Mapping[str, Template],
    problems: ProblemList,
) -> None:
    """Note every reference that cannot be resolved in any run."""
    every = list(walk(steps))
    variables = dict.fromkeys(step.name for step in every if isinstance(step, VariableStep | AppendStep))
    scope = _Scope(
        params=tuple(param.name for param in params),
        steps=tuple(step.head.id for step in every if step.head.named),
        variables=tuple(variables),
    )
    _check_steps(steps, scope, problems)
    for name, template in outputs.items():
        _check_template(template, pointer_to("/outputs", name), scope, problems)


def _check_steps(steps: Sequence[Step], scope: _Scope, problems: ProblemList) -> None:
    for step in steps:
        inner = scope
        if isinstance(step, ForEachStep):
            inner = _enter_loop(inner, step.item_name, f"{step.head.path}/as", problems)
        if isinstance(step, ForEachStep | WhileStep) and step.index_name is not None:
            inner = _enter_loop(inner, step.index_name, f"{step.head.path}/index_as", problems)
        for key, value in _references_in(step):
            if isinstance(value, Template) and _takes_secret(step, key, value):
                continue
            # The condition of a loop is asked in every round; its list is made before the first.
            is_asked_inside = isinstance(step, WhileStep) and key == "condition"
            _check_template(value, f"{step.head.path}/{key}", inner if is_asked_inside else scope, problems)
        match step:
            case IfStep(then=then, otherwise=otherwise):
                _check_steps(then, inner, problems)
                _check_steps(otherwise, inner, problems)
            case ForEachStep(steps=inside) | WhileStep(steps=inside) | GroupStep(steps=inside):
                _check_steps(inside, inner, problems)
            case ChooseStep(cases=cases, otherwise=otherwise):
                for _, case in cases:
                    _check_steps(case, inner, problems)
                _check_steps(otherwise, inner, problems)
        _check_steps(step.head.recovery, replace(scope, recovering=True), problems)


def _enter_loop(scope: _Scope, name: str, pointer: str, problems: ProblemList) -> _Scope:
    if name in RESERVED:
        problems.add(pointer, f"{name!r} has a meaning of its own", "choose another name")
    elif name in scope.loops:
        problems.add(pointer, f"{name!r} is the name of a loop around this one", "give one of them another name")
    return replace(scope, loops=(*scope.loops, name))


def _takes_secret(step: Step, key: str, value: Template) -> bool:
    """Whether a secret is named where one may stand. There is none in names that a page or a parameter gives."""
    if not isinstance(step, ActionStep) or not value.is_one_reference:
        return False
    _, reference = value.references[0]
    spec = fields_of(find_action(step.action)).get(key)
    return reference.root == SECRETS and len(reference.parts) == 1 and spec is not None and spec.kind.may_be_secret


def secrets_in(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return the names of the secrets that steps use, each once."""
    found = (
        str(reference.parts[0])
        for step in walk(steps)
        for _, value in _references_in(step)
        if isinstance(value, Template)
        for _, reference in value.references
        if reference.root == SECRETS and reference.parts
    )
    return tuple(dict.fromkeys(found))


def _references_in(step: Step) -> Iterator[tuple[str, Template | Condition]]:
    """Yield what a step itself refers with, each with its key; not what the steps inside it do."""
    if step.head.title is not None:
        yield "title", step.head.title
    if step.head.when is not None:
        yield "when", step.head.when
    match step:
        case ActionStep(fields=fields):
            yield from ((pointer_to("", name)[1:], field) for name, field in fields)
        case IfStep(condition=condition) | WhileStep(condition=condition):
            yield "condition", condition
        case ForEachStep(items=items):
            yield "items", items
        case VariableStep(value=value):
            yield "value", value
        case AppendStep(value=value, each=each):
            yield "items" if each else "value", value
        case SaveDataStep(file=file, data=data):
            yield "file", file
            yield "data", data
        case FailStep(message=message):
            yield "message", message
        case AskStep(question=question, data=given) | ChooseStep(question=question, data=given):
            yield "question", question
            if given is not None:
                yield "data", given
        case ExtractAIStep(look=ActionStep(fields=fields)):
            yield from fields


def _check_template(value: Template | Condition, pointer: str, scope: _Scope, problems: ProblemList) -> None:
    placed = value.references if isinstance(value, Template) else [("", found) for found in value.references]
    for below, reference in placed:
        if (wrong := _check(reference, scope)) is not None:
            problems.add(pointer + below, *wrong)


def _check(reference: Reference, scope: _Scope) -> tuple[str, str] | None:
    """Return reason and suggestion when a reference cannot be resolved."""
    root = reference.root
    if root in scope.loops:
        return None
    if root == SECRETS:
        reason = f"{reference}: a secret can only be the whole text of a fill or type step"
        return reason, "keep in the vault exactly what is to be typed"
    if root == "env":
        return f"{reference}: flows cannot read environment variables", "declare a parameter and give it on the run"
    if root == "error" and not scope.recovering:
        return f"{reference}: there is an error only inside the steps of 'on_error'", ""
    known = {
        "params": scope.params,
        "steps": scope.steps,
        "vars": scope.variables,
        "run": RUN_NAMES,
        "error": ERROR_NAMES,
    }.get(root)
    if known is None:
        return f"{reference}: unknown name {root!r}", _meant(root, scope)
    return _check_member(reference, root, known)


def _check_member(reference: Reference, root: str, known: Sequence[str]) -> tuple[str, str] | None:
    what = {"params": "parameter", "steps": "step with the id", "vars": "variable"}.get(root, "value")
    if not reference.parts:
        return f"{reference}: {root!r} alone is no value", f"name one: ${{{root}.…}}"
    name = reference.parts[0]
    if name not in known:
        return f"{reference}: there is no {what} {name!r}", nearest(str(name), known, f"{root} has")
    if root == "steps":
        return _check_step_member(reference)
    return None


def _check_step_member(reference: Reference) -> tuple[str, str] | None:
    if len(reference.parts) < 2:
        return f"{reference}: a step alone is no value", f"for instance ${{{reference.source}.result}}"
    member = reference.parts[1]
    if member in STEP_NAMES:
        return None
    return f"{reference}: a step has no {member!r}", nearest(str(member), STEP_NAMES, "a step has")


def _meant(root: str, scope: _Scope) -> str:
    """Return the suggestion for a name that is no root and no loop's."""
    for prefix, names in (("vars", scope.variables), ("params", scope.params)):
        if root in names:
            return f"did you mean ${{{prefix}.{root}}}?"
    if root in scope.steps:
        return f"did you mean ${{steps.{root}.result}}?"
    suggestion = nearest(root, [*ROOTS, *scope.loops], "the names")
    return f"{suggestion}; write '$${{' for the characters '${{'"
