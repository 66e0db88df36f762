"""Actions as JSON: what comes in nested, and what goes out into events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pytest

from bykilt.browser.engine import action_model
from bykilt.browser.engine.action_model import Action, NestedAction, parse_action, register, to_json
from bykilt.browser.engine.actions import Click
from bykilt.browser.engine.errors import InvalidAction
from bykilt.browser.engine.field_kinds import NonEmpty, SecretText


@pytest.fixture(autouse=True)
def _made_up_actions() -> Iterator[None]:
    """Actions that exist for the length of a test."""
    register(_Wrap)
    register(_Whisper)
    yield
    del action_model._ACTIONS["wrap"], action_model._ACTIONS["whisper"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wrap(Action):
    type: ClassVar[str] = "wrap"
    action: NestedAction


@dataclass(frozen=True, slots=True, kw_only=True)
class _Whisper(Action):
    type: ClassVar[str] = "whisper"
    to: NonEmpty
    words: SecretText


@pytest.mark.parametrize(
    "source",
    [
        {"type": "wrap", "action": {"type": "click", "selector": "#a"}},
        {"type": "wrap", "do": {"action": "click", "selector": "#a"}},
        {"type": "wrap", "do": {"type": "click", "selector": "#a"}},
    ],
)
def test_an_action_may_hold_another(source: dict[str, object]) -> None:
    """Contract: under `action` with `type`, and as a flow writes it."""
    parsed = parse_action(source)  # type: ignore[arg-type]

    assert parsed == _Wrap(action=Click(selector=("#a",)))
    assert to_json(parsed) == {"action": {"type": "click", "selector": "#a"}}


def test_actions_may_be_nested_deeper() -> None:
    """Contract: each level in either spelling."""
    parsed = parse_action({"type": "wrap", "do": {"action": "wrap", "do": {"action": "click", "selector": "#a"}}})

    assert parsed == _Wrap(action=_Wrap(action=Click(selector=("#a",))))


@pytest.mark.parametrize("nested", ["click", {"type": "klick"}, {"type": "click"}, {}, 3])
def test_what_is_no_action_is_refused_with_its_field(nested: object) -> None:
    """Contract: the error names the field that holds it."""
    with pytest.raises(InvalidAction) as refused:
        parse_action({"type": "wrap", "action": nested})  # type: ignore[dict-item]

    assert refused.value.field == "action"


def test_a_secret_is_never_written_out() -> None:
    """Contract: not at the top, and not inside another action."""
    whisper = parse_action({"type": "whisper", "to": "aiko", "words": "open sesame"})

    assert to_json(whisper) == {"to": "aiko", "words": "***"}
    assert "sesame" not in str(to_json(_Wrap(action=whisper)))
