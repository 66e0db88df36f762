"""`result.json` and `request.json`: what a run folder says about its run without any other file.

Knows the form of both documents; other programs read them. Does not know how a run is carried out.
Everything here waits for the disk: call it from a worker thread in async code.

    {"bykilt_result": 1, "run": {…}, "outputs": {…}, "warnings": [{"code", "message", "hint"}],
     "steps": {"succeeded": 12, "failed": 1}, "files": [{"name", "size_bytes"}], "trace": "trace.zip",
     "llm": {"calls": 2, "failed": 0, "cached": 0, "replayed": 0, "prompt_tokens": 812,
             "completion_tokens": 40, "cost_usd": 0.0, "unpriced": 0}}
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from bykilt.events.model import Event, ModelAnswered, Outcome, StepFinished, Warned
from bykilt.history.documents import run_json
from bykilt.history.model import RunRecord
from bykilt.json_types import JsonObject, JsonValue
from bykilt.storage.atomic_file import write_atomic
from bykilt.storage.errors import StorageError
from bykilt.storage.json_document import decode_object, encode_json
from bykilt.storage.run_folder import RunFolder

RESULT_FORMAT = 1
REQUEST_FORMAT = 1
_MAX_WARNINGS = 200


@dataclass(slots=True)
class ModelTotals:
    """What a run asked of language models; money in US dollars, without the `unpriced` calls."""

    calls: int = 0
    failed: int = 0
    cached: int = 0
    replayed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    unpriced: int = 0

    def count(self, fact: ModelAnswered) -> None:
        """Add one call."""
        self.calls += 1
        self.failed += fact.outcome is not Outcome.SUCCEEDED
        self.cached += fact.cached
        self.replayed += bool(fact.replayed_from)
        self.prompt_tokens += fact.prompt_tokens
        self.completion_tokens += fact.completion_tokens
        self.cost_usd += fact.cost_usd or 0.0
        self.unpriced += fact.cost_usd is None


@dataclass(slots=True)
class RunSummary:
    """A listener that keeps of a run what its result says."""

    warnings: list[Warned] = field(default_factory=list)
    steps: Counter[str] = field(default_factory=Counter)
    llm: ModelTotals = field(default_factory=ModelTotals)

    def on_event(self, event: Event) -> None:
        """Remember warnings (the first 200), count how steps ended, and add up what models were asked."""
        match event.fact:
            case Warned() as warning if len(self.warnings) < _MAX_WARNINGS:
                self.warnings.append(warning)
            case StepFinished(outcome=outcome):
                self.steps[str(outcome)] += 1
            case ModelAnswered() as answered:
                self.llm.count(answered)


def write_result(folder: RunFolder, run: RunRecord, summary: RunSummary, outputs: JsonObject) -> None:
    """Write `result.json`; the files it lists are those that are there now.

    Raises:
        StorageError: It could not be written.
    """
    own = {folder.result.name, folder.request.name, folder.events.name}
    files = [file for file in folder.artifacts() if file.name not in own and not file.name.startswith("trace/")]
    document: dict[str, JsonValue] = {
        "bykilt_result": RESULT_FORMAT,
        "run": run_json(run),
        "outputs": outputs,
        "warnings": [{"code": w.code, "message": w.message, "hint": w.hint} for w in summary.warnings],
        "steps": dict(summary.steps),
        "files": [{"name": file.name, "size_bytes": file.size_bytes} for file in files],
        "trace": folder.trace.name if folder.trace.is_file() else None,
        "llm": asdict(summary.llm),
    }
    write_atomic(folder.result, encode_json(document))


def write_request(folder: RunFolder, run: RunRecord, wanted: Mapping[str, JsonValue]) -> None:
    """Write `request.json`: the run, and what was wanted of it beyond that (`trace`, `headed`, …).

    Raises:
        StorageError: It could not be written.
    """
    document: dict[str, JsonValue] = {"bykilt_request": REQUEST_FORMAT, "run": run_json(run), **wanted}
    write_atomic(folder.request, encode_json(document))


def wants_trace(folder: RunFolder) -> bool:
    """Whether the request asked for a trace; no, if there is no readable request."""
    return _request(folder).get("trace") is True


def owner_of(folder: RunFolder) -> str | None:
    """For whom the run was; None if there is no readable request."""
    owner = _request(folder).get("owner")
    return owner if isinstance(owner, str) else None


def _request(folder: RunFolder) -> JsonObject:
    try:
        return decode_object(folder.request.read_bytes())
    except (OSError, StorageError):
        return {}
