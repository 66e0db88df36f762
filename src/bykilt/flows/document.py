"""From a JSON document in our schema to a checked `Flow`.

Knows the top level of a flow and the order of the checks. Does not know files and notations (`loader`) nor the
older kind of flow (`unlock_future`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from bykilt.browser.sandbox.flow_profile import FlowSandboxModel, read_flow_sandbox
from bykilt.browser.sandbox.profile import SandboxProfile
from bykilt.documents.door import ProblemList, read_model
from bykilt.documents.problems import pointer_to
from bykilt.flows.model import BrowserSettings, Flow, Param, Step
from bykilt.flows.names import check_names
from bykilt.flows.params import check_param
from bykilt.flows.schema import SCHEMA_VERSION, BrowserModel, FlowModel
from bykilt.flows.steps import StepReader
from bykilt.flows.templates import Template
from bykilt.json_types import JsonValue


def read_flow(document: JsonValue, folder: Path | None, problems: ProblemList) -> Flow | None:
    """Return the flow that a document describes; every problem goes to `problems`, and with one it cannot run.

    `folder` is where the file is: relative paths of file parameters' defaults start there.
    """
    if not isinstance(document, Mapping):
        problems.add("", "a flow is an object", 'for instance {"bykilt": 1, "name": "…", "steps": [ … ]}')
        return None
    if "bykilt" not in document:
        problems.add("", "'bykilt' is missing", f'add "bykilt": {SCHEMA_VERSION}, the version of the schema')
        document = {"bykilt": SCHEMA_VERSION, **document}
    model = read_model(FlowModel, document, "", problems)
    if model is not None and model.bykilt != SCHEMA_VERSION:
        known = f"this bykilt reads version {SCHEMA_VERSION}"
        problems.add("/bykilt", f"unknown version {model.bykilt} of the schema", known)
    reader = StepReader(problems)
    steps = _read_steps(document.get("steps"), reader)
    if model is None:
        return None
    params = tuple(
        check_param(name, found, pointer_to("/params", name), problems) for name, found in model.params.items()
    )
    outputs = {
        name: reader.template(cast(JsonValue, value), pointer_to("/outputs", name))
        for name, value in model.outputs.items()
    }
    sandbox = _sandbox(model, problems)
    # A step that could not be read would make its own name unknown: say only what was wrong with it.
    if not problems.found:
        check_names(params, steps, outputs, problems)
    return _build(model, params, steps, outputs, sandbox, problems.file, folder)


def _read_steps(given: JsonValue, reader: StepReader) -> tuple[Step, ...]:
    """Return the steps; what is no list has been noted with the document's other keys."""
    return reader.read(given, "/steps") if isinstance(given, Sequence) and not isinstance(given, str) else ()


def _build(
    model: FlowModel,
    params: tuple[Param, ...],
    steps: tuple[Step, ...],
    outputs: Mapping[str, Template],
    sandbox: str | SandboxProfile | None,
    file: str,
    folder: Path | None,
) -> Flow:
    return Flow(
        name=model.name,
        description=model.description,
        source=file,
        folder=folder,
        params=params,
        steps=steps,
        timeout_ms=model.timeout_ms,
        default_timeout_ms=model.defaults.timeout_ms,
        engine=None if model.engine is None else str(model.engine),
        browser=_browser(model.browser),
        sandbox=sandbox,
        outputs=tuple(outputs.items()),
    )


def _sandbox(model: FlowModel, problems: ProblemList) -> str | SandboxProfile | None:
    given = model.sandbox
    return read_flow_sandbox(given, "/sandbox", problems) if isinstance(given, FlowSandboxModel) else given


def _browser(model: BrowserModel) -> BrowserSettings:
    return BrowserSettings(
        viewport_width=model.viewport.width if model.viewport else None,
        viewport_height=model.viewport.height if model.viewport else None,
        user_agent=model.user_agent,
        hide=tuple(model.hide),
        emulation=model.emulation,
    )
