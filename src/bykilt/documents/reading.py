"""Reading files of JSON or YAML that people write: from bytes to a value, or to every problem that was found.

Knows files, YAML and the limits. Does not know what a document means. The files are not trusted: keys that come
twice, YAML aliases and tags, deep nesting and very large files are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from bykilt.documents.json_text import parse_json
from bykilt.documents.problems import DocumentError, Problem
from bykilt.json_types import JsonValue

MAX_BYTES = 1_048_576
MAX_DEPTH = 60
SUFFIXES = (".json", ".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class DocumentKind:
    """What problems call such a file, and what to do with one that is too large."""

    name: str
    too_large: str


def read_file(path: Path, kind: DocumentKind) -> str:
    """Return the text of a file.

    Raises:
        DocumentError: It cannot be read, or is not of this kind by its name or its size.
    """
    file = str(path)
    if path.suffix.lower() not in SUFFIXES:
        _refuse(file, f"{path.name!r} is no {kind.name}", f"{kind.name}s end in {', '.join(SUFFIXES)}")
    try:
        with path.open("rb") as opened:
            content = opened.read(MAX_BYTES + 1)
    except OSError as error:
        _refuse(file, f"cannot be read: {error.strerror or error}", "check the path")
    if len(content) > MAX_BYTES:
        _refuse(file, f"is larger than {MAX_BYTES:,} bytes", kind.too_large)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse(file, f"is not UTF-8: byte {error.start} cannot be read", "save it as UTF-8")


def parse(text: str, file: str, kind: DocumentKind) -> JsonValue:
    """Return the value that a text describes; the ending of `file` tells YAML from JSON.

    Raises:
        DocumentError: It describes none, with every reason.
    """
    if len(text) > MAX_BYTES:
        _refuse(file, f"is larger than {MAX_BYTES:,} characters", kind.too_large)
    is_yaml = file.lower().endswith((".yaml", ".yml"))
    try:
        document = _parse_yaml(text, file) if is_yaml else parse_json(text, file)
    except RecursionError:
        _refuse(file, "is nested too deeply", f"the limit is {MAX_DEPTH} levels")
    _check_values(document, file)
    return document


def _refuse(file: str, reason: str, suggestion: str = "") -> NoReturn:
    raise DocumentError([Problem(file, "", reason, suggestion)]) from None


def _check_values(document: JsonValue, file: str) -> None:
    """Refuse what is nested too deeply, and numbers beyond those that JSON can write back."""
    level: list[JsonValue] = [document]
    for _ in range(MAX_DEPTH):
        if any(isinstance(value, float) and not math.isfinite(value) for value in level):
            _refuse(file, "has a number that is too large", "write it as text")
        level = [child for value in level for child in _children(value)]
        if not level:
            return
    _refuse(file, "is nested too deeply", f"the limit is {MAX_DEPTH} levels")


def _children(value: JsonValue) -> Sequence[JsonValue]:
    if isinstance(value, Mapping):
        return list(value.values())
    return value if isinstance(value, Sequence) and not isinstance(value, str) else ()


# ---- YAML


class _YamlLoader(yaml.SafeLoader):
    """Reads what JSON can say, and nothing else: no dates, tags, aliases or merge keys.

    Only `true` and `false` are booleans, and a number with a leading zero is text, as in YAML 1.2's JSON schema
    (https://yaml.org/spec/1.2.2/#102-json-schema): `no` stays the country and `007` keeps its zeros.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's way
    yaml_constructors = {  # noqa: RUF012
        tag: yaml.SafeLoader.yaml_constructors[tag]
        for tag in (
            None,
            *(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map")),
        )
    }

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=self.get_mark())
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[str] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.MarkedYAMLError(problem=f"a key must be text, not {key!r}", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} is there twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


for _kind, _pattern, _first in (
    ("null", r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]*)", list("-+0123456789")),
    ("float", r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?", list("-+0123456789")),
):
    _YamlLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_kind}", re.compile(f"(?:{_pattern})$"), _first)


def _parse_yaml(text: str, file: str) -> JsonValue:
    try:
        loader = _YamlLoader(text)
        try:
            document: JsonValue = loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark is not None else (None, None)
        reason = ", ".join(part for part in (error.context, error.problem) if part)
        raise DocumentError([Problem(file, "", f"is not usable YAML: {reason}", "", *place)]) from None
    except (yaml.YAMLError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DocumentError([Problem(file, "", f"is not usable YAML: {reason}")]) from None
    return document
