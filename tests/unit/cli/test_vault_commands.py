"""`bykilt vault` on the command line: values by standard input alone, and exits that tell causes apart."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bykilt.cli.main import main
from tests.support.vaults import CANARY, new_key


class Vault:
    """The command in a home of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {"BYKILT_HOME": str(home), "BYKILT_VAULT_KEYRING": "off"}

    def __call__(self, *arguments: str | Path, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, ["vault", *map(str, arguments)], input=stdin, env=self.env)


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "home")


def test_a_value_goes_in_by_standard_input_and_comes_out_whole(vault: Vault) -> None:
    assert vault("set", "a", stdin="with two\nlines\n").exit_code == 0
    assert vault("get", "a").stdout == "with two\nlines\n"
    assert json.loads(vault("get", "a", "--json").stdout) == {"name": "a", "value": "with two\nlines"}


def test_no_command_takes_a_value_as_an_argument(vault: Vault) -> None:
    assert vault("set", "a", CANARY).exit_code == 2
    assert vault("set", "a", stdin="").exit_code == 2


def test_the_first_use_says_where_the_key_is_and_only_there(vault: Vault) -> None:
    first = vault("set", "a", stdin="1")
    assert str(vault.home / "vault.key") in first.stderr
    assert "note" not in vault("set", "a", stdin="2").stderr


def test_secrets_are_listed_without_values(vault: Vault) -> None:
    vault("set", "shop", "--origin", "https://Shop.example", "--password-only", "--flow", "orders", stdin=CANARY)
    vault("set", "code", "--otp", stdin="GEZDGNBVGY3TQOJQ")
    vault("get", "shop")

    lines = vault("list").stdout.splitlines()
    assert lines[0].split() == ["NAME", "KIND", "VERSION", "UPDATED", "READS", "EXPIRES", "ONLY", "FOR"]
    assert lines[1].startswith("code  otp")
    assert lines[2].endswith("https://shop.example, flow orders, password fields")
    listed = json.loads(vault("list", "--json").stdout)["secrets"]
    assert [(each["name"], each["access_count"]) for each in listed] == [("code", 0), ("shop", 1)]
    assert CANARY not in vault("info", "shop").stdout + vault("info", "shop", "--json").stdout


def test_one_time_codes_come_out_as_codes(vault: Vault) -> None:
    vault("set", "code", stdin="otp:GEZDGNBVGY3TQOJQ")
    code = vault("get", "code").stdout.strip()
    assert len(code) == 6
    assert code.isdigit()


def test_versions_deletion_and_return(vault: Vault) -> None:
    vault("set", "a", stdin="1")
    vault("set", "a", stdin="2")
    assert vault("get", "a", "--version", "1").stdout == "1\n"

    assert vault("rm", "a", stdin="n\n").exit_code == 130
    assert vault("rm", "a", "--yes").exit_code == 0
    gone = vault("get", "a")
    assert gone.exit_code == 2
    assert "undelete" in gone.stderr
    assert vault("undelete", "a").exit_code == 0
    assert vault("get", "a").stdout == "2\n"
    assert vault("rm", "nothing", "--yes").exit_code == 2


def test_variables_and_env_files_are_imported(vault: Vault, tmp_path: Path) -> None:
    vault.env |= {"SHOP_PASSWORD": "s3cret", "OTHER": "x"}
    assert json.loads(vault("import-env", "SHOP_PASSWORD", "OTHER=b.other", "--json").stdout) == {
        "imported": ["shop_password", "b.other"]
    }
    file = tmp_path / ".env"
    file.write_text("# keys\nexport API_KEY='sk 1'\nTOKEN=\"t=2\"\n\n")
    assert vault("import-env", "--file", file).exit_code == 0
    assert [vault("get", name).stdout for name in ("shop_password", "b.other", "api_key", "token")] == [
        "s3cret\n",
        "x\n",
        "sk 1\n",
        "t=2\n",
    ]
    file.write_text(f"API_KEY=ok\n{CANARY}\n")
    bad = vault("import-env", "--file", file)
    assert bad.exit_code == 2
    assert ":2" in bad.stderr
    assert CANARY not in bad.stderr
    assert vault("import-env", "NOT_SET_ANYWHERE").exit_code == 2


def test_a_fallback_is_kept(vault: Vault) -> None:
    vault.env["API_KEY"] = "sk-env"
    assert vault("get", "api", "--fallback-env", "API_KEY").stdout == "sk-env\n"
    vault.env["API_KEY"] = ""
    assert vault("get", "api").stdout == "sk-env\n"


def test_a_backup_moves_to_another_machine(vault: Vault, tmp_path: Path) -> None:
    vault("set", "a", stdin="1")
    assert vault("backup", tmp_path / "b", "--with-key", tmp_path / "k").exit_code == 0
    assert vault("backup", tmp_path / "b").exit_code == 2

    other = Vault(tmp_path / "other")
    assert other("restore", tmp_path / "b", "--key-file", tmp_path / "k", "--yes").exit_code == 0
    assert other("get", "a").stdout == "1\n"
    assert other("verify").exit_code == 0


def test_rotation_and_another_place_for_the_key(vault: Vault, tmp_path: Path) -> None:
    vault("set", "a", stdin="1")
    rotated = json.loads(vault("rotate", "--json").stdout)
    assert rotated["old_key"] != rotated["new_key"]
    (tmp_path / "phrase").write_text("correct horse")
    os.chmod(tmp_path / "phrase", 0o600)
    vault.env["BYKILT_VAULT_PASSPHRASE_FILE"] = str(tmp_path / "phrase")
    assert vault("rekey", "--to", "passphrase").exit_code == 0
    assert not (vault.home / "vault.key").exists()
    assert vault("get", "a").stdout == "1\n"
    assert vault("rekey", "--to", "file").exit_code == 0
    assert vault("get", "a").stdout == "1\n"


def test_wrong_key_damage_and_absence_have_exits_of_their_own(vault: Vault) -> None:
    assert vault("verify").exit_code == 3
    vault("set", "a", stdin="1")
    assert vault("verify").exit_code == 0
    vault.env["VAULT_MASTER_KEY"] = new_key()
    assert vault("verify").exit_code == 2
    del vault.env["VAULT_MASTER_KEY"]
    (vault.home / "secrets.vault").write_bytes(b"damaged")
    damaged = vault("verify", "--json")
    assert damaged.exit_code == 1
    assert json.loads(damaged.stdout)["error"]["code"] == "vault_damaged"


def test_the_status_shows_where_everything_is(vault: Vault) -> None:
    shown = vault("status").stdout
    assert str(vault.home / "secrets.vault") in shown
    assert "not there yet" in shown
    places = json.loads(vault("status", "--json").stdout)["key_places"]
    assert places[:2] == ["VAULT_MASTER_KEY", str(vault.home / "vault.key")]
