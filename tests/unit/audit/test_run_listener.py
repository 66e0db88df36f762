"""What of a run gets into the ledger."""

from __future__ import annotations

from pathlib import Path

from bykilt.audit.opening import open_ledger
from bykilt.audit.run_listener import RunAuditor
from bykilt.events.event_file import read_events
from bykilt.events.model import EgressDecided, Event, Warned
from bykilt.ids import RunId
from tests.support.run_services import request, run_service
from tests.support.scripted_engine import ScriptedEngines


async def test_a_run_is_on_record_from_start_to_end(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, {}, via="test")
    async with run_service(tmp_path, ScriptedEngines(), listeners=[RunAuditor(ledger)]) as service:
        run_id = await service.submit(request("#a"))
        await service.wait(run_id)

    started, finished = ledger.since(None)
    assert (started.action, started.what, started.outcome) == ("run.started", "clicks", "allowed")
    assert (finished.action, finished.what, finished.outcome) == ("run.finished", run_id, "succeeded")
    assert started.part("where") == finished.part("where") == {"run": run_id}


async def test_a_ledger_that_cannot_be_written_is_a_warning_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("no folder")
    ledger = open_ledger(tmp_path, {}, via="test")
    async with run_service(tmp_path, ScriptedEngines(), listeners=[RunAuditor(ledger)]) as service:
        run_id = await service.submit(request("#a"))
        record = await service.wait(run_id)
        folder = service.home.run_folder(run_id)

    assert record.status == "succeeded"
    warnings = [event.fact for event in read_events(folder.events, run_id) if isinstance(event.fact, Warned)]
    assert len(warnings) == 1


def test_where_a_browser_was_let_and_where_not_is_on_record(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path, {}, via="test")
    for allowed in (True, False):
        decided = EgressDecided(
            host="shop.example",
            port=443,
            protocol="connect",
            allowed=allowed,
            rule="shop.example" if allowed else "",
            reason="" if allowed else "no rule names it",
            unreachable="",
            address="",
            bytes_up=0,
            bytes_down=0,
            time_ms=1.0,
            duration_ms=1.0,
        )
        RunAuditor(ledger).on_event(Event(RunId("r1"), 1, 1.0, decided))

    first, second = ledger.since(None)
    assert (first.action, first.what, first.outcome) == ("egress.decided", "shop.example:443", "allowed")
    assert first.part("detail")["rule"] == "shop.example"
    assert (second.outcome, second.part("detail")["reason"]) == ("refused", "no rule names it")
