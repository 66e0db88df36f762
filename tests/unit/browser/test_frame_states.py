"""Whether a frame is on its way to another document, by what the browser tells in turn."""

from __future__ import annotations

import pytest

from bykilt.browser.cdp.frames import Navigation


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ("asked", Navigation.ASKED),
        ("asked asked begun given_up", Navigation.BEGUN),
        ("asked given_up", Navigation.NONE),
        ("asked begun stopped", Navigation.NONE),
        # The second click of a double click, as Chromium 156 tells of it.
        ("asked begun given_up asked asked given_up stopped", Navigation.BEGUN),
        ("asked begun asked given_up stopped stopped", Navigation.NONE),
        ("asked begun asked begun stopped", Navigation.NONE),
    ],
)
def test_what_is_told_in_turn_says_whether_a_document_comes(told: str, state: Navigation) -> None:
    navigation = Navigation.NONE
    for event in told.split():
        navigation = Navigation.BEGUN if event == "begun" else getattr(navigation, event)
    assert navigation is state
