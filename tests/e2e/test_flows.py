"""Whole flows in a real Chromium, on both engines: control flow against pages, and a file of the older kind."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest

from bykilt.browser.engine.browser_engine import EngineType
from bykilt.browser.engine.loader import EngineLoader
from bykilt.events.model import Outcome, StepFinished
from bykilt.flows.interpreter import FlowInterpreter, FlowResult
from bykilt.flows.loader import load_flow
from bykilt.flows.params import bind_params
from bykilt.json_types import JsonObject, JsonValue
from tests.support.engines import Facts, site_launch
from tests.support.site import Site

SHOP = """<!doctype html><title>Shop</title>
<label>Find <input id="query"></label> <button id="search">Search</button>
<table><tbody></tbody></table> <button id="next" hidden>Next</button>
<button id="arm">Arm</button> <button id="late" hidden>Late</button>
<script>
  const goods = ["=tea", "rice", "salt", "oil", "miso"];
  let page = 0;
  const show = () => {
    document.querySelector("tbody").innerHTML = goods.slice(page * 2, page * 2 + 2).map((name, index) =>
      `<tr><td class="name">${name}</td><td class="price">${(page * 2 + index + 1) * 100}</td></tr>`).join("");
    document.querySelector("#next").hidden = (page + 1) * 2 >= goods.length;
  };
  document.querySelector("#search").onclick = () => { page = 0; show(); };
  document.querySelector("#next").onclick = () => { page += 1; show(); };
  let armed = 0;
  document.querySelector("#arm").onclick = () => { armed += 1; document.querySelector("#late").hidden = armed < 2; };
</script>"""

PAGING = """
bykilt: 1
name: paging
params:
  url: {required: true}
  wanted: {type: array, default: [rice, oil]}
defaults: {timeout_ms: 10000}
steps:
  - {action: navigate, url: "${params.url}"}
  - {action: click, selector: "#search"}
  - {action: variable, name: more, value: 1}
  - action: while
    condition: ${vars.more} > 0
    index_as: page
    steps:
      - id: rows
        action: extract
        title: Read page ${page}
        selector: tbody tr
        fields: {name: .name, price: .price}
      - {action: append, name: rows, items: "${steps.rows.result}"}
      - {id: next, action: evaluate_js, expression: "document.querySelectorAll('#next:not([hidden])').length"}
      - {action: variable, name: more, value: "${steps.next.result}"}
      - {action: click, selector: "#next", when: "${vars.more} > 0"}
  - {action: variable, name: dear, value: []}
  - action: for_each
    items: ${vars.rows}
    as: row
    steps:
      - action: if
        condition: ${row.name} in ${params.wanted} and ${row.price} >= 300
        then: [{action: append, name: dear, value: "${row.name}"}]
  - id: late
    action: group
    retry: {attempts: 3, delay_ms: 0}
    steps:
      - {action: click, selector: "#arm"}
      - {action: click, selector: "#late", timeout_ms: 500}
  - action: click
    selector: "#gone"
    timeout_ms: 1000
    on_error:
      - {action: variable, name: seen, value: "${error.code}"}
  - {action: save_data, file: shop.csv, data: "${vars.rows}"}
outputs:
  dear: ${vars.dear}
  seen: ${vars.seen}
"""

OLDER: JsonObject = {
    "script_name": "older",
    "params": {"limit": 2},
    "commands": [
        {"action": "command", "args": ["${params.url}"]},
        {"action": "wait_for_selector", "args": ["#query"]},
        {"action": "fill_form", "args": ["#query", "tea"]},
        {"action": "keyboard_press", "args": ["Enter"]},
        {"action": "click", "args": ["#search"]},
        {"action": "wait_for_navigation"},
        {
            "action": "extract",
            "target": "goods",
            "selector": "tbody tr",
            "limit": "${params.limit}",
            "attributes": {"name": ".name"},
        },
        {"action": "extract_content", "args": ["label"]},
        {"action": "execute_javascript", "args": ["document.querySelector('#query').value"], "target": "typed"},
        {"action": "delay", "args": [10]},
        {"action": "screenshot", "args": ["shop.png"]},
        {"action": "save_data", "args": ["${goods}", "goods.json"]},
    ],
}


@pytest.fixture(params=list(EngineType), ids=str)
def engine_type(request: pytest.FixtureRequest) -> EngineType:
    chosen: EngineType = request.param
    return chosen


async def run(file: Path, given: dict[str, JsonValue], engine_type: EngineType, facts: Facts) -> FlowResult:
    flow = load_flow(file)
    folder = file.parent / "run"
    engine = EngineLoader.load_engine(engine_type, facts=facts, artifact_dir=folder)
    with anyio.fail_after(60):
        async with engine:
            await engine.launch(site_launch())
            interpreter = FlowInterpreter(
                flow, bind_params(flow, given), perform=engine, facts=facts, data_dir=folder / "data"
            )
            return await interpreter.run()


async def test_a_flow_turns_pages_tries_again_and_recovers(engine_type: EngineType, tmp_path: Path, site: Site) -> None:
    file = tmp_path / "paging.yaml"
    file.write_text(PAGING, encoding="utf-8")
    facts = Facts()

    result = await run(file, {"url": site.set_page("/shop", SHOP)}, engine_type, facts)

    assert (result.outcome, result.failure) == (Outcome.SUCCEEDED, None)
    assert result.outputs == {"dear": ["oil"], "seen": "element_not_found"}
    saved = (tmp_path / "run" / "data" / "shop.csv").read_text(encoding="utf-8")
    assert saved.splitlines() == ["name,price", "'=tea,100", "rice,200", "salt,300", "oil,400", "miso,500"]
    tries = [(fact.attempt, fact.outcome) for fact in facts.of(StepFinished) if fact.step_id == "late"]
    assert tries == [(1, Outcome.FAILED), (2, Outcome.SUCCEEDED)]


async def test_a_file_of_the_older_kind_runs_as_it_is(engine_type: EngineType, tmp_path: Path, site: Site) -> None:
    file = tmp_path / "older.json"
    file.write_text(json.dumps(OLDER), encoding="utf-8")

    result = await run(file, {"url": site.set_page("/shop", SHOP)}, engine_type, Facts())

    assert (result.outcome, result.failure) == (Outcome.SUCCEEDED, None)
    goods = [{"name": "=tea"}, {"name": "rice"}]
    assert result.outputs == {"goods": goods, "content": {"label": ["Find"]}, "typed": "tea"}
    assert json.loads((tmp_path / "run" / "data" / "goods.json").read_text()) == goods
    assert (tmp_path / "run" / "shop.png").stat().st_size > 0


TERMS = """
bykilt: 1
name: terms
params:
  url: {required: true}
steps:
  - {action: navigate, url: "${params.url}"}
  - id: terms
    action: wait_for_popup
    title: Open the terms
    do: {action: click, selector: "text=Terms"}
  - {id: read, action: extract, selector: h1, page: "${steps.terms.result.page}"}
  - {id: shop, action: evaluate_js, expression: document.title}
  - action: for_each
    items: [one, two]
    as: name
    steps:
      - {id: opened, action: wait_for_popup, do: {action: click, selector: "#${name}"}}
      - {action: extract, id: heading, selector: h1, page: "${steps.opened.result.page}"}
      - {action: append, name: headings, items: ["${steps.heading.result}"]}
      - {action: close_tab, page: "${steps.opened.result.page}"}
  - id: none
    action: wait_for_popup
    do: {action: click, selector: h1}
    timeout_ms: 500
    on_error:
      - {action: variable, name: seen, value: "${error.code}"}
outputs:
  url: ${steps.terms.result.url}
  heading: ${steps.read.result}
  still: ${steps.shop.result}
  headings: ${vars.headings}
  seen: ${vars.seen}
"""


async def test_a_flow_works_in_the_popups_that_its_clicks_open(
    engine_type: EngineType, tmp_path: Path, site: Site
) -> None:
    file = tmp_path / "terms.yaml"
    file.write_text(TERMS, encoding="utf-8")
    terms = site.set_page("/terms", "<title>Terms</title><h1>Our terms</h1>")
    for name in ("one", "two"):
        site.set_page(f"/{name}", f"<h1>Page {name}</h1>")
    shop = site.set_page(
        "/shop",
        """<title>Shop</title><h1>Shop</h1><a href="/terms" target="_blank">Terms</a>
        <button id="one" onclick="window.open('/one')">One</button>
        <button id="two" onclick="setTimeout(() => window.open('/two'), 100)">Two</button>""",
    )

    result = await run(file, {"url": shop}, engine_type, Facts())

    assert (result.outcome, result.failure) == (Outcome.SUCCEEDED, None)
    assert result.outputs == {
        "url": terms,
        "heading": "Our terms",
        "still": "Shop",
        "headings": ["Page one", "Page two"],
        "seen": "timeout",
    }
    assert [site.hits(path) for path in ("/terms", "/one", "/two")] == [1, 1, 1]
