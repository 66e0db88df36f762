"""Lines reach a file elsewhere and a log service, as real receivers see them."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import pytest

from bykilt.audit.opening import open_ledger
from bykilt.audit.record import Action, AuditOutcome, AuditRecord
from bykilt.settings import InvalidSetting

RECORD = AuditRecord(Action.LOGIN, "aiko", AuditOutcome.REFUSED)


def test_a_file_elsewhere_gets_the_very_lines(tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere.jsonl"
    ledger = open_ledger(tmp_path / "home", {"BYKILT_AUDIT_FILE": str(copy)}, via="test")
    ledger.append(RECORD)
    ledger.append(RECORD)
    assert copy.read_bytes() == (tmp_path / "home" / "audit" / "ledger-000001.jsonl").read_bytes()
    assert copy.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["unix", "udp"])
def test_a_log_service_gets_messages_of_the_standard_form(tmp_path: Path, kind: str) -> None:
    """RFC 5424: facility 13 (log audit), severity 6."""
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as service:
        service.settimeout(5)
        service.bind(str(tmp_path / "log") if kind == "unix" else ("127.0.0.1", 0))
        name = service.getsockname()
        address = name if kind == "unix" else f"127.0.0.1:{name[1]}"
        ledger = open_ledger(tmp_path / "home", {"BYKILT_AUDIT_SYSLOG": address}, via="test")
        ledger.append(RECORD)
        ledger.close()
        message = service.recv(65_536).decode()

    form = r"<110>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z \S+ bykilt \d+ audit - (\{.*\})"
    found = re.fullmatch(form, message)
    assert found
    assert json.loads(found[1])["action"] == "login"


def test_a_service_that_is_not_there_is_on_record_and_stops_nothing(tmp_path: Path) -> None:
    ledger = open_ledger(tmp_path / "home", {"BYKILT_AUDIT_SYSLOG": str(tmp_path / "nobody")}, via="test")
    ledger.append(RECORD)
    assert [line.action for line in ledger.since(None)] == ["login", "ledger.not_shipped"]


@pytest.mark.parametrize("address", ["logs.example", "logs.example:x", ":514"])
def test_an_address_that_is_none_is_a_setting_to_correct(tmp_path: Path, address: str) -> None:
    with pytest.raises(InvalidSetting):
        open_ledger(tmp_path, {"BYKILT_AUDIT_SYSLOG": address}, via="test")
