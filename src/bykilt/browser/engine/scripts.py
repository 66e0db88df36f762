"""How a user's JavaScript is wrapped before it runs in a page; the same for both engines. Pure."""

from __future__ import annotations

import orjson

from bykilt.json_types import JsonValue


def evaluation(expression: str, arg: JsonValue) -> str:
    """Return an expression that yields the user's value; a function is called with the argument.

    `eval` takes statements as well as expressions, and the protocol lets it pass the page's content policy.
    """
    source = orjson.dumps(expression).decode()
    argument = orjson.dumps(arg).decode()
    return (
        f"((source, arg) => {{ let value; try {{ value = (0, eval)('(' + source + '\\n)'); }}"
        " catch (error) { if (!(error instanceof SyntaxError)) throw error; value = (0, eval)(source); }"
        f" return typeof value === 'function' ? value(arg) : value; }})({source}, {argument})"
    )


def polling(expression: str, slice_ms: float) -> str:
    """Return an expression that yields true as soon as the user's is truthy, false after `slice_ms`."""
    source = orjson.dumps(expression).decode()
    return (
        f"(async (source, sliceMs) => {{ const compiled = (0, eval)('() => (' + source + '\\n)');"
        " const deadline = performance.now() + sliceMs;"
        " for (;;) { let value = compiled(); if (typeof value === 'function') value = value();"
        " if (await value) return true;"
        " if (performance.now() >= deadline) return false;"
        " await new Promise((next) => { const timer = setTimeout(next, 50);"
        " requestAnimationFrame(() => { clearTimeout(timer); next(); }); }); }"
        f" }})({source}, {slice_ms})"
    )
