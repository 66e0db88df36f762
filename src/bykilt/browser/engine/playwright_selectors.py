"""Our selectors, and our other scripts, as one selector engine of Playwright's.

Knows how a selector is written for Playwright, and how an operation in the page is asked for through one: the
engine answers with an element that is in no document and holds the answer as JSON. That way our scripts run in
Playwright's own world, which the page cannot see, and cost one round trip. Does not know any action.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache

from bykilt.browser import injected
from bykilt.json_types import JsonValue

NAME = "bykilt"

# Installed at the first question and not before, since Playwright evaluates engines in the page's world too.
_ENGINE = """(() => {
  const install = () => {
    if (globalThis.bykiltOperations) return;
    %s
  };
  const answer = (value) => {
    if (value === null || value === undefined) return [];
    const holder = document.createElement("data");
    holder.textContent = JSON.stringify(value);
    return [holder];
  };
  const one = (element) => (element ? [element] : []);
  const queryAll = (root, selector) => {
    install();
    const given = JSON.parse(selector);
    if (Array.isArray(given)) return one(globalThis.bykiltSelectors.pick(root, given));
    if (given.all) return globalThis.bykiltSelectors.queryAll(root, given.all);
    if (given.fileInput) return one(globalThis.bykiltOperations.fileInput(root, given.fileInput));
    if (given.clickable) return one(globalThis.bykiltOperations.clickable(root, given.clickable, given.at));
    return answer(globalThis.bykiltOperations[given.ask](root, ...given.with));
  };
  return { query: (root, selector) => queryAll(root, selector)[0] ?? null, queryAll };
})()"""


@cache
def engine_script() -> str:
    """Return the script to register under `NAME`, as a content script."""
    return _ENGINE % injected.source(*injected.PASSIVE, "operations")


def picked(alternatives: Sequence[str]) -> str:
    """Return the selector of the one element that an action is for."""
    return f"{NAME}={json.dumps(list(alternatives))}"


def every(alternatives: Sequence[str]) -> str:
    """Return the selector of all matches of the first alternative that matches anything."""
    return f"{NAME}={json.dumps({'all': list(alternatives)})}"


def file_input(alternatives: Sequence[str]) -> str:
    """Return the selector of the file input that the element is, labels or holds."""
    return f"{NAME}={json.dumps({'fileInput': list(alternatives)})}"


def clickable(alternatives: Sequence[str], at: JsonValue) -> str:
    """Return the selector of what takes a click for the element at a place in it: the element, or its label."""
    return f"{NAME}={json.dumps({'clickable': list(alternatives), 'at': at})}"


def question(operation: str, *args: JsonValue) -> str:
    """Return the selector whose element holds the answer of an operation (`injected/operations.js`)."""
    return f"{NAME}={json.dumps({'ask': operation, 'with': args})}"
