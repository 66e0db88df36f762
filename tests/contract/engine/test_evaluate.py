"""JavaScript in the page: which values come back, and how errors are told."""

from __future__ import annotations

from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.json_types import JsonValue
from tests.support.engines import do, fails, go, js
from tests.support.site import Site


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("1 + 1", 2),
        ("0.1", 0.1),
        ("-0.5", -0.5),
        ("9007199254740991", 9007199254740991),
        ("'text ☕ 日本'", "text ☕ 日本"),
        ("true", True),
        ("null", None),
        ("undefined", None),
        ("[1, 'two', [3], null]", [1, "two", [3], None]),
        ("({a: {b: [1]}, c: null})", {"a": {"b": [1]}, "c": None}),
        ("{a: 1}", {"a": 1}),
        ("({kept: 1, left: undefined})", {"kept": 1}),
        ("[undefined]", [None]),
        ("[]", []),
        ("''", ""),
        ("NaN", None),
        ("Infinity", None),
        ("[NaN, -Infinity]", [None, None]),
        ("new Date(0)", "1970-01-01T00:00:00.000Z"),
        ("({at: [new Date(0)]})", {"at": ["1970-01-01T00:00:00.000Z"]}),
        ("new URL('http://tea.example/')", "http://tea.example/"),
        ("new DOMRect(1, 2, 3, 4).toJSON().width", 3),
        ("Promise.resolve(new Date(0))", "1970-01-01T00:00:00.000Z"),
        ("({kept: 1, call: () => 2})", {"kept": 1}),
    ],
)
async def test_values_come_back_as_json(engine: BrowserEngine, expression: str, value: Any) -> None:
    """Contract, both engines: what JSON cannot say becomes null, as `JSON.stringify` has it."""
    assert await js(engine, expression) == value


async def test_booleans_are_no_numbers(engine: BrowserEngine) -> None:
    """Contract, both engines: True would pass for 1."""
    assert await js(engine, "[true, 1, false, 0]") == [True, 1, False, 0]
    assert [type(value) for value in await js(engine, "[true, 1]")] == [bool, int]


async def test_a_promise_is_awaited(engine: BrowserEngine) -> None:
    """Contract, both engines."""
    assert await js(engine, "new Promise((resolve) => setTimeout(() => resolve({late: true}), 50))") == {"late": True}


@pytest.mark.parametrize(
    "expression",
    [
        "(arg) => arg",
        "async (arg) => arg",
        "function (arg) { return arg; }",
        "async function named(arg) { return await arg; }",
    ],
)
async def test_a_function_is_called_with_the_argument(engine: BrowserEngine, expression: str) -> None:
    """Contract, both engines: the argument is any JSON value."""
    value: JsonValue = {"list": [1, None, True], "text": 'quotes " and \\ and \u2028', "nested": {"日本": "語"}}

    assert await js(engine, expression, value) == value


async def test_statements_yield_the_last_value(engine: BrowserEngine) -> None:
    """Contract, both engines: as in the browser's own console."""
    assert await js(engine, "const one = 1; const two = one + 1; two * 10") == 20


async def test_a_script_runs_once(engine: BrowserEngine) -> None:
    """Contract, both engines: also one that throws a syntax error of its own."""
    expression = "window.runs = (window.runs ?? 0) + 1, JSON.parse('{')"

    await fails(engine, "evaluate_js", "script_error", expression=expression)

    assert await js(engine, "window.runs") == 1


async def test_a_comment_at_the_end_does_no_harm(engine: BrowserEngine) -> None:
    """Contract, both engines."""
    assert await js(engine, "7 // seven") == 7


async def test_the_script_sees_the_page_and_the_page_sees_the_script(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: it runs in the page's own world."""
    await go(engine, site.url("forms.html"))

    await js(engine, "window.events.push('from outside'); null")

    assert await js(engine, "window.events") == ["from outside"]


async def test_a_strict_content_policy_is_no_obstacle(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the user's script is not the page's."""
    policy = {"Content-Security-Policy": "default-src 'none'; script-src 'none'"}
    site.set_page("/strict.html", "<h1>Strict</h1>", headers=policy)
    await go(engine, site.url("strict.html"))

    assert await js(engine, "(tag) => document.querySelector(tag).textContent", "h1") == "Strict"
    await do(engine, "wait_for", expression="document.readyState === 'complete'", timeout_ms=2000)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("(() => { throw new Error('boom'); })()", "boom"),
        ("no_such_variable", "no_such_variable is not defined"),
        ("null.field", "null"),
        ("Promise.reject(new TypeError('late boom'))", "late boom"),
        ("(() => { throw 'just text'; })()", "just text"),
        ("(async () => { await null; throw new RangeError('far'); })()", "far"),
    ],
)
async def test_an_error_carries_the_pages_own_message(engine: BrowserEngine, expression: str, message: str) -> None:
    """Contract, both engines: a failed result, not an exception."""
    result = await fails(engine, "evaluate_js", "script_error", expression=expression)

    assert message in str(result.error)


@pytest.mark.parametrize("expression", ["1 +", "(", "let 5 = x", "}"])
async def test_a_syntax_error_is_named(engine: BrowserEngine, expression: str) -> None:
    """Contract, both engines."""
    result = await fails(engine, "evaluate_js", "script_error", expression=expression)

    assert "SyntaxError" in str(result.error)


@pytest.mark.parametrize("expression", ["(() => { const a = {}; a.a = a; return a; })()", "10n"])
async def test_a_value_that_json_cannot_hold_is_an_error(engine: BrowserEngine, expression: str) -> None:
    """Contract, both engines: circles and big integers are no JSON; nothing is made up instead."""
    await fails(engine, "evaluate_js", "not_json", expression=expression)


async def test_a_script_during_a_navigation_fails_clearly(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the document that should have answered is gone."""
    await go(engine, site.url("a.html"))

    result = await fails(
        engine,
        "evaluate_js",
        "script_error",
        expression="new Promise(() => { location.href = '/b.html'; })",
        timeout_ms=5000,
    )

    assert "navigated away" in str(result.error)


async def test_a_script_that_never_ends_is_cut_off_at_the_deadline(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a promise that nobody keeps; the page goes on."""
    await go(engine, site.url("a.html"))

    result = await fails(engine, "evaluate_js", "timeout", expression="new Promise(() => {})", timeout_ms=300)

    assert result.duration_ms < 1500
    assert await js(engine, "document.title") == "Page A"


async def test_a_large_value_comes_back_whole(engine: BrowserEngine) -> None:
    """Contract, both engines: five megabytes."""
    value = await js(engine, "'ab'.repeat(2500000)")

    assert (len(value), value[:4]) == (5_000_000, "abab")


async def test_a_page_that_bends_its_own_objects_does_not_bend_ours(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: a page that replaces JSON and Promise still answers truly to other actions."""
    site.set_page(
        "/bent.html",
        "<h1>Bent</h1><script>JSON.stringify = () => 'bent'; Array.prototype.map = () => ['bent'];"
        "Document.prototype.querySelector = () => null; window.Promise = undefined;</script>",
    )
    await go(engine, site.url("bent.html"))

    assert (await do(engine, "extract", selector="h1"))["result"] == "Bent"


async def test_a_page_with_a_json_of_its_own_breaks_nothing(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the value comes all the same, or an error that says why not."""
    site.set_page("/json", "<script>JSON.stringify = () => 'nonsense'</script>")
    await go(engine, site.url("json"))

    for expression in ("({a: 1})", "JSON.stringify = () => 7; [1]"):
        result = await engine.dispatch({"type": "evaluate_js", "expression": expression})
        assert result.success or result.metadata["error_code"] == "not_json"
