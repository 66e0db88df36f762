"""A run that has ended, and what it left. Knows the files of a run; does not know what was run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from bykilt.events.event_file import read_events
from bykilt.events.model import Event, Warned
from bykilt.history.model import RunRecord
from bykilt.storage.run_folder import RunFolder
from tests.support.scripted_engine import ScriptedEngines


@dataclass
class EndedRun:
    """Its record, its folder, and the engines that it had."""

    run: RunRecord
    folder: RunFolder
    engines: ScriptedEngines

    @property
    def events(self) -> list[Event]:
        return list(read_events(self.folder.events, self.run.id))

    @property
    def warnings(self) -> list[Warned]:
        return [event.fact for event in self.events if isinstance(event.fact, Warned)]

    @property
    def result(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.folder.result.read_bytes())
        return document
