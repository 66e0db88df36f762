"""Reading flow files: to a checked `Flow`, or to every problem that was found.

Knows which of the two kinds of flow a document is. Does not know files and notations (`documents.reading`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bykilt.documents.door import ProblemList
from bykilt.documents.problems import DocumentError, Problem
from bykilt.documents.reading import DocumentKind, parse, read_file
from bykilt.flows.document import read_flow
from bykilt.flows.model import Flow
from bykilt.flows.problems import FlowError
from bykilt.flows.unlock_future import KNOWN, convert, is_unlock_future
from bykilt.json_types import JsonValue

_FLOW_FILE = DocumentKind("flow file", "give data as a parameter of type array or file")


def load_flow(path: Path | str) -> Flow:
    """Return the flow in a file.

    Raises:
        FlowError: The file cannot be read or is no flow; `problems` lists every reason.
    """
    path = Path(path)
    with _as_flow_error():
        text = read_file(path, _FLOW_FILE)
    return _load(text, str(path), path.absolute().parent)


def load_flow_text(text: str, name: str) -> Flow:
    """Return the flow in a text; `name` is what problems call it, and its ending tells YAML from JSON.

    Raises:
        FlowError: It is no flow; `problems` lists every reason.
    """
    return _load(text, name, None)


def validate(path: Path | str) -> list[Problem]:
    """Return every problem of a flow file; none when it can run."""
    try:
        load_flow(path)
    except FlowError as error:
        return list(error.problems)
    return []


def read_document(path: Path | str) -> JsonValue:
    """Return the value in a JSON or YAML file, read with the care of a flow; for files of parameters.

    Raises:
        FlowError: The file cannot be read.
    """
    path = Path(path)
    with _as_flow_error():
        return parse(read_file(path, _FLOW_FILE), str(path), _FLOW_FILE)


def _load(text: str, file: str, folder: Path | None) -> Flow:
    with _as_flow_error():
        document = parse(text, file, _FLOW_FILE)
    problems = ProblemList(file)
    pointers: Mapping[str, str] = {}
    if is_unlock_future(document):
        document, pointers = convert(document, Path(file).stem, problems)
        if problems.found:
            raise FlowError(problems.found, hint=f"a file of this kind has the commands {', '.join(KNOWN)}")
    flow = read_flow(document, folder, problems)
    if flow is None or problems.found:
        raise FlowError([_in_original(problem, pointers) for problem in problems.found])
    return flow


@contextmanager
def _as_flow_error() -> Iterator[None]:
    try:
        yield
    except DocumentError as error:
        raise FlowError(error.problems) from None


def _in_original(problem: Problem, pointers: Mapping[str, str]) -> Problem:
    """Move a problem of a converted flow to the command that it came from."""
    place = problem.pointer
    while place and place not in pointers:
        place = place.rpartition("/")[0]
    if place not in pointers:
        return problem
    return Problem(problem.file, pointers[place], problem.reason, problem.suggestion)
