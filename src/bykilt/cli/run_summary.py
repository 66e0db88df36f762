"""What is said when a run has ended: how it went, and where everything is.

Knows `result.json` and the run folder. Does not know how the run was started.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import click

from bykilt.cli.amounts import duration
from bykilt.cli.model_record import totals_in_words
from bykilt.cli.output import coloured, program
from bykilt.cli.text_table import one_line, shortened
from bykilt.errors import BykiltError, ExitCode
from bykilt.history.documents import artifact_json, failure_json, run_json
from bykilt.history.model import ArtifactKind, ArtifactRecord, RunRecord, RunStatus
from bykilt.json_types import JsonValue
from bykilt.storage.json_document import decode_object
from bykilt.storage.run_folder import RunFolder

# Failures that say something of this machine rather than of the flow or the page.
_MISSING_HERE = frozenset(
    {
        "browser_not_found",
        "launch_failed",
        "missing_capability",
        "disk_full",
        "not_writable",
        "llm_disabled",
        "llm_image_missing",
        "docker_unavailable",
    }
)


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run that has ended, with what it left."""

    record: RunRecord
    folder: RunFolder
    artifacts: tuple[ArtifactRecord, ...]

    @property
    def exit_code(self) -> ExitCode:
        """What the command returns for it."""
        if self.record.status is RunStatus.SUCCEEDED:
            return ExitCode.OK
        if self.record.status in (RunStatus.CANCELLED, RunStatus.INTERRUPTED):
            return ExitCode.INTERRUPTED
        failure = self.record.failure
        missing = failure is not None and failure.code in _MISSING_HERE
        return ExitCode.MISSING_CAPABILITY if missing else ExitCode.RUN_FAILED

    @property
    def outputs(self) -> Mapping[str, JsonValue]:
        """The flow's outputs, as they stand in `result.json`; empty if that could not be written."""
        return self._in_result("outputs")

    @property
    def llm(self) -> Mapping[str, JsonValue]:
        """What was asked of language models in all, as it stands in `result.json`; empty if nothing was."""
        totals = self._in_result("llm")
        return totals if totals.get("calls") else {}

    def _in_result(self, name: str) -> Mapping[str, JsonValue]:
        try:
            value = decode_object(self.folder.result.read_bytes()).get(name)
        except (OSError, BykiltError):
            return {}
        return value if isinstance(value, Mapping) else {}

    def files(self, kind: ArtifactKind) -> list[ArtifactRecord]:
        """Return the files of a kind that are still there."""
        return [item for item in self.artifacts if item.kind is kind and (self.folder.path / item.file).is_file()]


def summary_json(run: FinishedRun) -> dict[str, JsonValue]:
    """Return the ended run as one document, with absolute paths."""
    document = run_json(run.record)
    folder = run.folder
    return document | {
        "ok": run.record.status is RunStatus.SUCCEEDED,
        "failure": failure_json(run.record.failure),
        "outputs": dict(run.outputs),
        "llm": dict(run.llm) or None,
        "folder": str(folder.path),
        "result": str(folder.result),
        "trace": str(folder.trace) if folder.trace.is_file() else None,
        "har": str(folder.har) if folder.har.is_file() else None,
        "video": str(folder.video) if folder.video.is_file() else None,
        "preview": str(folder.preview) if folder.preview.is_file() else None,
        "files": [artifact_json(item) | {"path": str(folder.path / item.file)} for item in run.artifacts],
    }


def summary_lines(run: FinishedRun) -> Iterator[str]:
    """Yield the lines that tell a person how it went and where everything is."""
    record, folder = run.record, run.folder
    verdict = click.style(coloured(record.status), bold=True)
    yield f"{one_line(record.flow)}: {verdict} in {duration(record.duration_ms)} on {record.engine}"
    if record.failure is not None:
        step = f"step {record.failed_step!r}: " if record.failed_step else ""
        yield from _labelled("Why", step + record.failure.message)
        if record.failure.hint:
            yield from _labelled("Hint", record.failure.hint)
    for name, value in run.outputs.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield from _labelled("Output", f"{name} = {shortened(text, 100)}")
    if run.llm:
        yield from _labelled("Model", totals_in_words(run.llm))
    for item in run.files(ArtifactKind.DATA):
        records = "" if item.records is None else f" ({item.records} records)"
        yield from _labelled("Data", f"{folder.path / item.file}{records}")
    for item in run.files(ArtifactKind.SCREENSHOT):
        yield from _labelled("Screenshot", str(folder.path / item.file))
    yield from _labelled("Result", str(folder.result))
    if folder.har.is_file():
        yield from _labelled("Requests", str(folder.har))
    if folder.video.is_file():
        yield from _labelled("Video", str(folder.video))
    if folder.preview.is_file():
        yield from _labelled("Preview", str(folder.preview))
    if folder.trace.is_file():
        yield from _labelled("Trace", f"{program()} trace open {record.id}")


def say_failure(run: FinishedRun) -> None:
    """Say on standard error why a run failed, where nothing else tells: the least that `--quiet` leaves."""
    failure = run.record.failure
    if failure is not None:
        click.echo("\n".join(one_line(line) for line in failure.message.splitlines()), err=True)


def _labelled(label: str, text: str) -> Iterator[str]:
    first, *rest = text.splitlines() or [""]
    yield f"  {label:<11} {one_line(first)}"
    for line in rest:
        yield f"  {'':<11} {one_line(line)}"
