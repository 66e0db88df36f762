"""What a provider is asked for a call: the one document that may leave for it. Pure.

It is written here and given to the container, whose request must say the same; so a container that was taken over can
ask for nothing dearer, longer or other than its call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bykilt.llm.calls import Call
from bykilt.llm.errors import BrokerRefused
from bykilt.llm.providers import Provider

# Of what bounds a text, a schema that OpenAI is to hold answers to may have patterns and formats alone.
_NEVER_STRICT = frozenset({"minLength", "maxLength"})
_SHAPE = "Answer with one JSON document and nothing else. It must fit this JSON Schema: "


def chat_document(call: Call, provider: Provider, model: str, *, stream: bool) -> dict[str, Any]:
    """Return the document for a call, without what the provider does not know."""
    options = call.options
    messages = [{"role": str(one.role), "content": _text(one.content)} for one in call.messages]
    document: dict[str, Any] = {"model": model, "messages": messages}
    document[provider.max_tokens_parameter] = options.max_tokens
    document |= {"temperature": options.temperature, "seed": options.seed}
    if stream:
        document |= {"stream": True, "stream_options": {"include_usage": True}}
    if call.schema is not None:
        schema = dict(call.schema)
        document["response_format"] = {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": _is_strict(schema)},
        }
        if "response_format" in provider.unsupported:
            messages.insert(0, {"role": "system", "content": _SHAPE + json.dumps(schema)})
    return {name: value for name, value in document.items() if name not in provider.unsupported}


def encode_document(document: Mapping[str, Any]) -> bytes:
    """Return the bytes that leave for the provider."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def require_same(body: bytes, document: Mapping[str, Any]) -> None:
    """Make sure that a request's body says what the document says.

    Raises:
        BrokerRefused: It is no JSON, could be read in two ways, or asks for something else.
    """
    try:
        said = json.loads(body, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise BrokerRefused("the container's request is no plain JSON") from None
    if not isinstance(said, dict):
        raise BrokerRefused("the container's request is no JSON object")
    wrong = [name for name in sorted({*said, *document}) if _written(said, name) != _written(document, name)]
    if wrong:
        raise BrokerRefused(f"the container's request is not its call's: {', '.join(wrong)[:200]}")


def _written(document: Mapping[str, Any], name: str) -> str | None:
    """As text, in which 1, 1.0 and true are three things."""
    return json.dumps(document[name], sort_keys=True) if name in document else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name that comes twice")
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def _text(content: str) -> str:
    # Half a surrogate pair cannot be sent.
    return content.encode("utf-8", "replace").decode()


def _is_strict(schema: object) -> bool:
    """Whether every object in it names all its fields, and no text is bounded: OpenAI holds answers to these alone.

    Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
    """
    if isinstance(schema, list):
        return all(map(_is_strict, schema))
    if not isinstance(schema, dict):
        return True
    if schema.keys() & _NEVER_STRICT:
        return False
    if schema.get("type") == "object":
        properties = schema.get("properties")
        if not isinstance(properties, dict) or schema.get("additionalProperties") is not False:
            return False
        if set(schema.get("required", ())) != set(properties):
            return False
    return all(map(_is_strict, schema.values()))
