"""Which schemas can be used, and where a document does not fit."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bykilt.errors import InvalidInput
from bykilt.llm.schemas import AnswerSchema

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "people": {"type": "integer", "minimum": 0}},
    "required": ["city"],
    "additionalProperties": False,
}


def test_a_document_that_fits_has_no_violations() -> None:
    assert AnswerSchema(CITY).violations({"city": "Paris", "people": 2}) == []


def test_what_does_not_fit_is_told_by_its_place() -> None:
    found = AnswerSchema(CITY).violations({"city": 7, "people": -1, "mayor": "x"})
    assert len(found) == 3
    assert any(line.startswith("/people: ") for line in found)


def test_a_flood_of_violations_is_cut() -> None:
    assert len(AnswerSchema({"items": {"type": "string"}}).violations([1] * 1000)) == 5


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "no such type"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"properties": {"a": {"pattern": "(?=x)"}}},
        {"properties": {"a": {"pattern": "("}}},
        {"description": "x" * (1 << 17)},
        {"enum": [float("nan"), object()]},
        [],
    ],
    ids=lambda schema: str(schema)[:40],
)
def test_a_schema_that_cannot_be_used_is_refused(schema: Any) -> None:
    with pytest.raises(InvalidInput):
        AnswerSchema(schema)


def test_no_pattern_takes_longer_than_its_text_is_long() -> None:
    schema = AnswerSchema({"type": "string", "pattern": "^(a+)+$"})
    begun = time.monotonic()
    assert schema.violations("a" * 100_000 + "!")
    assert time.monotonic() - begun < 5  # a backtracking matcher would need longer than the universe has
