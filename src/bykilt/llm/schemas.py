"""JSON Schemas that answers must fit: whether one can be used, and where a document does not fit.

The only module that knows the validator's library. A schema comes from a flow file and a document from a model, so both
are hostile: nothing is fetched for a reference, and no pattern takes longer than its text is long.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from bykilt.errors import InvalidInput
from bykilt.json_types import JsonValue

MAX_SCHEMA_BYTES = 64 << 10
_MAX_VIOLATIONS = 5


class AnswerSchema:
    """A schema that can be used."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        """Take a JSON Schema; without `$schema` it is read as draft 2020-12.

        Raises:
            InvalidInput: It is none, or too large, or refers to something outside itself.
        """
        if not isinstance(schema, Mapping):
            raise InvalidInput("a JSON Schema is an object", hint='for instance {"type": "object"}')
        self.document = dict(schema)
        try:
            size = len(json.dumps(self.document))
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidInput(f"this JSON Schema is no JSON: {error}") from error
        if size > MAX_SCHEMA_BYTES:
            raise InvalidInput(f"the JSON Schema has {size:,} bytes, and may have {MAX_SCHEMA_BYTES:,}")
        try:
            self._validator = jsonschema_rs.validator_for(
                self.document, offline=True, pattern_options=jsonschema_rs.RegexOptions()
            )
        except (jsonschema_rs.ValidationError, ValueError) as error:
            raise InvalidInput(
                f"this JSON Schema cannot be used: {_first_line(error)}",
                hint="it refers to nothing outside itself, and its patterns have no look-around",
            ) from error

    def violations(self, document: JsonValue) -> list[str]:
        """Return where the document does not fit and why, five places at most; nothing if it fits."""
        found = []
        for error in self._validator.iter_errors(document):
            place = "/".join(str(part) for part in error.instance_path)
            found.append(f"/{place}: {_first_line(error)}"[:300])
            if len(found) == _MAX_VIOLATIONS:
                break
        return found


def _first_line(error: Exception) -> str:
    return (str(getattr(error, "message", "") or error).splitlines() or [type(error).__name__])[0]
