"""Secrets in flows: named by the file alone, and still only names when the engine is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from bykilt.browser.engine.action_result import ActionResult
from bykilt.browser.engine.actions import Action, Fill, to_json
from bykilt.browser.engine.secret_text import SecretReference
from bykilt.flows.interpreter import FlowInterpreter
from bykilt.flows.names import secrets_in
from bykilt.json_types import JsonObject
from tests.unit.flows.scripted import DONE, Facts, flow_of, gives

FILL: JsonObject = {"action": "fill", "selector": "#a", "text": "${secrets.shop}"}


class Actions:
    """Keeps the actions themselves; `evaluate_js` gives what a page might say."""

    def __init__(self, said: str = "") -> None:
        self.asked: list[Action] = []
        self._said = said

    async def dispatch(self, action: Action) -> ActionResult:
        self.asked.append(action)
        return gives(self._said) if action.type == "evaluate_js" else DONE


async def asked_by(*steps: JsonObject, said: str = "") -> list[Action]:
    """Return what an engine is asked by a flow of these steps."""
    flow, actions = flow_of(*steps), Actions(said)
    run = FlowInterpreter(flow, {}, perform=actions, facts=(facts := Facts()), data_dir=Path("/nonexistent/data"))
    result = await run.run()
    assert result.failure is None
    assert facts.all
    return actions.asked


async def test_the_engine_is_told_which_secret() -> None:
    [action] = await asked_by(FILL)
    assert isinstance(action, Fill)
    assert isinstance(action.text, SecretReference)
    assert action.text.secret_name == "shop"
    assert to_json(action)["text"] == "${secrets.shop}"


@pytest.mark.parametrize("kept", [True, False], ids=["kept in a variable", "straight from the result"])
async def test_what_a_page_says_never_becomes_a_secret(kept: bool) -> None:
    """Contract: it is typed as the text that it is."""
    ask: JsonObject = {"id": "page", "action": "evaluate_js", "expression": "1"}
    keep: JsonObject = {"action": "variable", "name": "said", "value": "${steps.page.result}"}
    text = "${vars.said}" if kept else "${steps.page.result}"
    asked = await asked_by(ask, *([keep] if kept else []), {**FILL, "text": text}, said="${secrets.shop}")
    action = asked[-1]
    assert isinstance(action, Fill)
    assert action.text == "${secrets.shop}"
    assert not isinstance(action.text, SecretReference)


def test_a_flow_tells_which_secrets_it_uses() -> None:
    """Contract: each once, those in inner steps too."""
    again: JsonObject = {"action": "type", "selector": "#b", "text": "${secrets.otp}"}
    flow = flow_of(FILL, {"action": "group", "steps": [FILL, again]})
    assert secrets_in(flow.steps) == ("shop", "otp")
