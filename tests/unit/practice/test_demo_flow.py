"""The demo flow is a valid flow that fits the practice site. That it runs is for the end-to-end tests to show."""

from __future__ import annotations

import json

from bykilt.flows.loader import load_flow, validate
from bykilt.flows.params import bind_params
from bykilt.practice import DEMO_DOCUMENT, DEMO_FLOW, PracticeSite
from bykilt.practice.orders import Status


def test_the_demo_flow_has_no_problems() -> None:
    assert validate(DEMO_FLOW) == []


def test_only_the_address_has_to_be_given() -> None:
    flow = load_flow(DEMO_FLOW)
    bound = bind_params(flow, {"base_url": "http://127.0.0.1:1"})

    assert (bound["user"], bound["password"]) == (PracticeSite.user, PracticeSite.password)
    assert bound["document"] == str(DEMO_DOCUMENT)
    assert bound["status"] == Status.SHIPPED.value


def test_every_status_may_be_chosen() -> None:
    [status] = [param for param in load_flow(DEMO_FLOW).params if param.name == "status"]

    assert list(status.choices) == [status.value for status in Status]


def test_it_shows_what_people_come_for() -> None:
    source = json.dumps(json.loads(DEMO_FLOW.read_text(encoding="utf-8")))

    for action in ("for_each", "append", "save_data", "upload_file", "check", "screenshot", "select_option"):
        assert f'"action": "{action}"' in source
    assert '"frame"' in source
