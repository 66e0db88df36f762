"""How a user's JavaScript is wrapped before it runs in a page; the same for both engines. Pure."""

from __future__ import annotations

import orjson

from bykilt.json_types import JsonValue

# The protocol copies values property by property and knows nothing of `toJSON`: without this a date would come back
# as an empty object, and so would a DOMRect or a function. Only where there is such a thing does it cost anything.
_AS_JSON = """((value) => {
  const seen = new Set();
  const needsIt = (part) => {
    if (part === null || (typeof part !== "object" && typeof part !== "function")) return false;
    if (typeof part === "function" || typeof part.toJSON === "function") return true;
    const kind = Object.getPrototypeOf(part);
    if ((!Array.isArray(part) && kind !== Object.prototype && kind !== null) || seen.has(part)) return false;
    seen.add(part);
    for (const key of Object.keys(part)) if (needsIt(part[key])) return true;
    return false;
  };
  return needsIt(value) ? JSON.parse(JSON.stringify(value) ?? "null") : value;
})"""


# Takes a script and an argument. `eval` takes statements as well as expressions, and the protocol lets it pass the
# page's content policy. What is no expression is found out without running it: a script never runs twice.
EVALUATOR = (
    "(source, arg) => { let compiled = null; try { compiled = (0, eval)('() => (' + source + '\\n)'); }"
    " catch (error) { if (!(error instanceof SyntaxError)) throw error; }"
    " let value = compiled ? compiled() : (0, eval)(source);"
    " if (typeof value === 'function') value = value(arg);"
    f" const asJson = {_AS_JSON};"
    " return typeof value?.then === 'function' ? value.then(asJson) : asJson(value); }"
)


def evaluation(expression: str, arg: JsonValue) -> str:
    """Return an expression that yields the user's value; a function is called with the argument."""
    return f"({EVALUATOR})({orjson.dumps(expression).decode()}, {orjson.dumps(arg).decode()})"


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
