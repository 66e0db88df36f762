"""`bykilt audit` on the command line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bykilt.audit.opening import open_ledger
from bykilt.audit.record import Action, AuditOutcome, AuditRecord
from bykilt.cli.audit_commands import OUTCOMES
from bykilt.cli.main import main


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "home"
    run(home, "vault", "set", "shop", stdin="canary-value")
    run(home, "vault", "get", "shop")
    run(home, "vault", "get", "missing")
    return home


def run(home: Path, *arguments: str | Path, stdin: str | None = None) -> Result:
    env = {"BYKILT_HOME": str(home), "BYKILT_VAULT_KEYRING": "off"}
    return CliRunner().invoke(main, list(map(str, arguments)), input=stdin, env=env)


def ledger_of(home: Path) -> Path:
    return home / "audit" / "ledger-000001.jsonl"


def test_lines_are_listed_by_what_is_asked(home: Path) -> None:
    lines = run(home, "audit", "tail").stdout.splitlines()
    assert lines[0].split() == ["LINE", "WHEN", "ACTION", "WHAT", "OUTCOME", "WHO", "WHERE"]
    assert len(lines) == 5
    failed = json.loads(run(home, "audit", "list", "--outcome", "failed", "--json").stdout)["lines"]
    assert [line["what"] for line in failed] == ["missing"]
    reads = json.loads(run(home, "audit", "list", "--action", "secret.*", "--what", "shop", "--json").stdout)
    assert [line["action"] for line in reads["lines"]] == ["secret.set", "secret.read"]
    assert reads["lines"][1]["who"]["via"].endswith("vault get")
    assert "canary-value" not in run(home, "audit", "list", "--json").stdout
    assert [line.split()[2] for line in run(home, "vault", "audit", "shop").stdout.splitlines()[1:]]
    assert run(home, "audit", "list", "--since", "1h", "--limit", "1").stdout.count("\n") == 2


def test_a_whole_ledger_verifies_and_says_up_to_where_it_is_anchored(home: Path) -> None:
    verified = run(home, "audit", "verify")
    assert verified.exit_code == 0
    assert "the vault knows line 1" in verified.stdout
    head = run(home, "audit", "head").stdout.strip()
    assert run(home, "audit", "verify", "--head", head).exit_code == 0
    assert run(home, "audit", "verify", "--head", "7").exit_code == 2


@pytest.mark.parametrize("kind", ["edited", "dropped", "reordered", "cut"])
def test_a_changed_ledger_is_found_out(home: Path, kind: str) -> None:
    run(home, "vault", "set", "other", stdin="1")
    lines = ledger_of(home).read_bytes().splitlines(keepends=True)
    changed = {
        "edited": [lines[0], lines[1], lines[2].replace(b"shop", b"shoq"), *lines[3:]],
        "dropped": [*lines[:2], *lines[3:]],
        "reordered": [lines[0], lines[2], lines[1], *lines[3:]],
        "cut": lines[:3],
    }[kind]
    ledger_of(home).write_bytes(b"".join(changed))

    verified = run(home, "audit", "verify", "--json")

    assert verified.exit_code == 1
    findings = json.loads(verified.stdout)["findings"]
    assert kind in {finding["kind"] for finding in findings}


def test_an_end_behind_the_vaults_anchor_is_found_with_the_head_that_was_noted(home: Path) -> None:
    head = run(home, "audit", "head").stdout.strip()
    lines = ledger_of(home).read_bytes().splitlines(keepends=True)
    ledger_of(home).write_bytes(b"".join(lines[:-1]))
    assert run(home, "audit", "verify").exit_code == 0
    assert run(home, "audit", "verify", "--head", head).exit_code == 1


def test_an_export_is_the_very_bytes_and_can_be_verified(home: Path, tmp_path: Path) -> None:
    target = tmp_path / "audit.jsonl"
    assert run(home, "audit", "export", "-o", target).exit_code == 0
    assert target.read_bytes() == ledger_of(home).read_bytes()
    assert run(home, "audit", "verify", "--file", target).exit_code == 0
    assert run(home, "audit", "export", "-o", target).exit_code == 2


def test_older_lines_can_be_moved_elsewhere(home: Path) -> None:
    head = run(home, "audit", "head").stdout.strip()
    run(home, "vault", "set", "later", stdin="1")
    lines = ledger_of(home).read_bytes().splitlines(keepends=True)
    ledger_of(home).write_bytes(b"".join(lines[int(head.partition(":")[0]) :]))

    assert run(home, "audit", "verify", "--no-vault").exit_code == 1
    assert run(home, "audit", "verify", "--no-vault", "--begins-after", head).exit_code == 0


def test_a_spreadsheet_gets_no_formulas(home: Path) -> None:
    ledger = open_ledger(home, {}, via="test")
    ledger.append(AuditRecord(Action.FLAG_CHANGED, "=HYPERLINK(1)", AuditOutcome.ALLOWED))
    rows = list(csv.reader(run(home, "audit", "export", "--format", "csv").stdout.splitlines()))
    assert rows[0][:5] == ["line", "at", "action", "what", "outcome"]
    assert rows[-1][3] == "'=HYPERLINK(1)"


def test_without_a_ledger_nothing_is_on_record(tmp_path: Path) -> None:
    assert run(tmp_path, "audit", "tail").stdout == "Nothing is on record.\n"
    assert run(tmp_path, "audit", "verify").exit_code == 0


def test_the_outcomes_offered_are_those_there_are() -> None:
    assert set(OUTCOMES) == set(AuditOutcome)
