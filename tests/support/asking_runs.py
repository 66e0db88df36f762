"""Runs that ask a model which plays a script, on a page that plays one, too. Knows no test."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyio import fail_after

from bykilt.events.model import ModelAnswered
from bykilt.flows.loader import load_flow_text
from bykilt.json_types import JsonObject
from bykilt.runs.model import RunRequest, Secrecy
from bykilt.runs.secrecy import OpenSecrecy
from bykilt.security.redaction import SecretRedactor
from bykilt.storage.home import Home
from tests.support.ended_run import EndedRun
from tests.support.run_services import run_service
from tests.support.scripted_engine import Script, ScriptedEngines, gives
from tests.support.scripted_gateway import ScriptedGateway

SCHEMA: JsonObject = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
ASK: JsonObject = {"id": "it", "action": "ask", "question": "How many?", "schema": SCHEMA}
READ: JsonObject = {"id": "read", "action": "extract", "selector": "#text"}
SECRET = "hunter2-of-the-shop"
ABOUT_THE_PAGE = (READ, {**ASK, "data": "${steps.read.result}"})


class AskingRun(EndedRun):
    """One that asked a model."""

    @property
    def answered(self) -> list[ModelAnswered]:
        return [event.fact for event in self.events if isinstance(event.fact, ModelAnswered)]

    @property
    def recorded(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.folder.llm_answers.read_text().splitlines()]

    @property
    def code(self) -> str:
        assert self.run.failure is not None
        return self.run.failure.code


@dataclass
class House:
    """Where runs are carried out, one after the other; a page that says `page` to whoever reads it."""

    home: Path
    page: str = "3 apples"
    secrets: tuple[str, ...] = ()
    secrecy: Secrecy | None = None
    gateway: ScriptedGateway | None = field(default_factory=ScriptedGateway)

    async def run(self, *steps: JsonObject, answers: list[Any] | None = None, **wanted: Any) -> AskingRun:
        """Carry out a flow; `answers` are what the model says."""
        if self.gateway is not None and answers is not None:
            self.gateway.answers = list(answers)
        flow = {"bykilt": 1, "name": "asks", "steps": steps, "outputs": {"it": "${steps.it.result}"}}
        request = RunRequest(flow=load_flow_text(json.dumps(flow), "asks.json"), trace=False, **wanted)
        engines = ScriptedEngines(Script({"#text": gives(self.page)}))
        secrecy = self.secrecy or OpenSecrecy(SecretRedactor(self.secrets))
        with fail_after(10):
            async with run_service(self.home, engines, models=self.gateway, secrecy=secrecy) as service:
                run = await service.wait(await service.submit(request))
        return AskingRun(run, Home(self.home).run_folder(run.id), engines)
