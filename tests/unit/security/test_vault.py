"""What the vault does with secrets, as the specification has it and as people rely on it."""

from __future__ import annotations

import json

import pytest

from bykilt.audit.errors import AuditUnavailable
from bykilt.audit.ledger import segments
from bykilt.security.errors import (
    InvalidSecret,
    SecretExpired,
    SecretNotFound,
    SecretRefused,
    VersionConflict,
)
from bykilt.security.secret import SecretKind, SecretPolicy
from bykilt.security.secrets_vault import SecretUse, get_secrets_vault
from tests.support.vaults import CANARY, VaultHome, everything_in

SHOP = SecretPolicy(origins=("https://shop.example",), password_only=True)


async def test_the_example_of_the_specification(home: VaultHome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spec: as it stands there, in a home of its own."""
    monkeypatch.setenv("BYKILT_HOME", str(home.path))
    monkeypatch.setenv("BYKILT_VAULT_KEYRING", "off")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-from-the-environment")

    vault = await get_secrets_vault()
    await vault.set_secret("openai_api_key", "sk-...")
    value = await vault.get_secret("openai_api_key", fallback_env_var="OPENAI_API_KEY")

    assert value == "sk-..."
    assert await vault.list_keys() == ["openai_api_key"]
    assert (await vault.get_metadata("openai_api_key"))["access_count"] == 1
    assert await get_secrets_vault() is vault


async def test_what_is_not_in_the_vault_comes_from_the_environment_once(home: VaultHome) -> None:
    """Spec: the vault first; else the environment, then stored, so that the next read comes from the vault."""
    home.environ["OPENAI_API_KEY"] = "sk-env"
    assert await home.vault().get_secret("openai_api_key", fallback_env_var="OPENAI_API_KEY") == "sk-env"

    del home.environ["OPENAI_API_KEY"]
    assert await home.vault().get_secret("openai_api_key", fallback_env_var="OPENAI_API_KEY") == "sk-env"


async def test_what_is_nowhere_is_none(home: VaultHome) -> None:
    vault = home.vault()
    assert await vault.get_secret("nothing") is None
    assert await vault.get_secret("nothing", fallback_env_var="NOT_SET") is None
    assert await vault.list_keys() == []
    assert not home.file.exists()


async def test_another_process_sees_what_was_set_and_what_was_changed(home: VaultHome) -> None:
    one, other = home.vault(), home.vault()
    await one.set_secret("a", "1")
    assert await other.get_secret("a") == "1"
    await one.set_secret("a", "2")
    assert await other.get_secret("a") == "2"
    await other.delete_secret("a")
    assert await one.get_secret("a") is None


async def test_reads_are_counted_over_all_processes(home: VaultHome) -> None:
    """Quick reads, first reads and reads before a write by somebody else: each counts once."""
    one, other = home.vault(), home.vault()
    await one.set_secret("a", "1")
    for _ in range(5):
        await one.get_secret("a")
    for _ in range(3):
        await other.get_secret("a")
    assert (await home.vault().get_metadata("a"))["access_count"] == 8

    await other.set_secret("b", "2")
    home.clock.now_s += 60
    await one.get_secret("a")

    facts = await home.vault().get_metadata("a")
    assert facts["access_count"] == 9
    assert facts["last_accessed"] == "2026-11-18T11:07:40+00:00"
    assert facts["updated_at"] == facts["created_at"] == "2026-11-18T11:06:40+00:00"
    assert (await one.get_metadata("b"))["access_count"] == 0
    assert (await one.get_metadata("b"))["last_accessed"] is None


async def test_many_quick_reads_are_all_counted(home: VaultHome) -> None:
    """More than may lie behind the vault before it is written again by itself."""
    vault = home.vault()
    await vault.set_secret("a", "1")
    for _ in range(4100):
        await vault.get_secret("a")
    assert (await home.vault().get_metadata("a"))["access_count"] == 4100


async def test_reading_does_not_rewrite_the_vault(home: VaultHome) -> None:
    vault = home.vault()
    await vault.set_secret("a", "1")
    before = home.file.stat()
    for _ in range(20):
        await vault.get_secret("a")
        await vault.get_metadata("a")
    await vault.close()
    assert home.file.stat() == before


async def test_older_versions_can_be_read(home: VaultHome) -> None:
    vault = home.vault()
    assert [await vault.set_secret("a", value) for value in ("one", "two")] == [1, 2]

    assert (await vault.fetch("a", version=1)).reveal() == "one"
    assert (await vault.fetch("a", version=2)).reveal() == "two"
    with pytest.raises(SecretNotFound):
        await vault.fetch("a", version=3)


async def test_the_oldest_of_many_versions_goes(home: VaultHome) -> None:
    vault = home.vault()
    for number in range(12):
        await vault.set_secret("a", str(number))
    assert (await vault.get_metadata("a"))["versions"] == list(range(3, 13))


async def test_a_deleted_secret_comes_back_and_one_deleted_for_good_does_not(home: VaultHome) -> None:
    vault = home.vault()
    await vault.set_secret("a", "1")

    assert await vault.delete_secret("a")
    assert not await vault.delete_secret("a")
    with pytest.raises(SecretNotFound) as gone:
        await vault.fetch("a")
    assert "undelete" in gone.value.hint
    assert await vault.list_keys() == []
    assert await vault.list_keys(deleted=True) == ["a"]
    assert (await vault.get_metadata("a"))["deleted_at"]

    await vault.undelete_secret("a")
    assert await vault.get_secret("a") == "1"

    assert await vault.delete_secret("a", for_good=True)
    with pytest.raises(SecretNotFound):
        await vault.undelete_secret("a")
    assert await vault.list_keys(deleted=True) == []


async def test_a_secret_is_not_given_after_its_time(home: VaultHome) -> None:
    vault = home.vault()
    await vault.set_secret("a", "1", ttl_s=60)
    assert await vault.get_secret("a") == "1"

    home.clock.now_s += 60
    with pytest.raises(SecretExpired):
        await vault.get_secret("a")
    home.environ["A"] = "fresh"
    assert await vault.get_secret("a", fallback_env_var="A") == "fresh"
    assert (await vault.get_metadata("a"))["expires_at"] is None


async def test_a_change_can_be_made_to_depend_on_the_version(home: VaultHome) -> None:
    vault, other = home.vault(), home.vault()
    await vault.set_secret("a", "1", expected_version=0)
    await other.set_secret("a", "2", expected_version=1)
    for stale in (0, 1, 3):
        with pytest.raises(VersionConflict):
            await vault.set_secret("a", "3", expected_version=stale)
    assert await vault.get_secret("a") == "2"


async def test_a_secret_brings_its_policy(home: VaultHome) -> None:
    vault = home.vault()
    await vault.set_secret("a", "1", policy=SHOP)
    await vault.set_secret("a", "2")

    secret = await home.vault().fetch("a")

    assert secret.policy == SHOP
    assert (secret.version, secret.reveal()) == (2, "2")
    facts = await vault.get_metadata("a")
    assert (facts["origins"], facts["password_only"], facts["kind"]) == (["https://shop.example"], True, "text")


async def test_a_flow_that_is_not_named_does_not_get_the_secret(home: VaultHome) -> None:
    """Least privilege: what flow A may use, flow B may not; first and quick reads alike."""
    vault = home.vault()
    await vault.set_secret("a", CANARY, policy=SecretPolicy(flows=("orders",)))
    for _ in range(2):
        assert (await vault.fetch("a", SecretUse(flow="orders"))).reveal() == CANARY
        with pytest.raises(SecretRefused):
            await vault.fetch("a", SecretUse(flow="other", run_id="r1"))
    refused = [line for line in vault.ledger.since(None) if line.outcome == "refused"]
    assert [(line.what, dict(line.part("where"))) for line in refused] == [("a", {"run": "r1", "flow": "other"})] * 2


async def test_otp_secrets_give_codes_and_stay_otp(home: VaultHome) -> None:
    vault = home.vault()
    home.clock.now_s = 59
    await vault.set_secret("code", "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", policy=SecretPolicy(kind=SecretKind.OTP))
    assert await vault.get_secret("code") == "287082"
    with pytest.raises(InvalidSecret):
        await vault.set_secret("code", "no base32!")
    assert await vault.get_secret("code") == "287082"


async def test_the_redactor_gets_every_value_there_was(home: VaultHome) -> None:
    vault = home.vault()
    for name, value in (("a", "old"), ("a", "current"), ("b", "deleted")):
        await vault.set_secret(name, value)
    await vault.delete_secret("b")
    known = await vault.known_values()
    assert [(each.name, each.text) for each in known] == [("a", "old"), ("a", "current"), ("b", "deleted")]


async def test_what_cannot_be_recorded_is_not_given(home: VaultHome) -> None:
    """Fails closed: neither a first nor a quick read, and nothing is set or deleted."""
    vault = home.vault()
    await vault.set_secret("a", CANARY)
    await vault.get_secret("a")
    ledger = home.path / "audit"
    vault.ledger.close()
    ledger.rename(home.path / "audit-away")
    ledger.write_text("no folder")

    for _ in range(2):
        with pytest.raises(AuditUnavailable):
            await vault.get_secret("a")
    with pytest.raises(AuditUnavailable):
        await vault.set_secret("a", "other")
    with pytest.raises(AuditUnavailable):
        await vault.delete_secret("a")
    with pytest.raises(AuditUnavailable):
        await vault.known_values()

    ledger.unlink()
    (home.path / "audit-away").rename(ledger)
    assert await home.vault().get_secret("a") == CANARY


async def test_no_value_and_no_key_is_in_any_file_but_the_key_file(home: VaultHome) -> None:
    vault = home.vault()
    await vault.set_secret("shop_password", CANARY, policy=SHOP)
    await vault.get_secret("shop_password")
    await vault.known_values()
    await vault.delete_secret("shop_password")
    await vault.close()

    files = everything_in(home.path)
    key = files.pop("vault.key").strip()
    assert {name for name, content in files.items() if CANARY.encode() in content or key in content} == set()
    assert b"shop_password" not in files["secrets.vault"]
    assert CANARY not in " ".join(home.notes)


async def test_every_access_is_one_line_that_says_who_what_when_and_where(home: VaultHome) -> None:
    vault = home.vault()
    await vault.set_secret("a", "1", policy=SHOP)
    await vault.fetch("a", SecretUse("r1", "orders", "https://shop.example", password_field=True))
    await vault.get_secret("missing")

    lines = [json.loads(line) for path in segments(home.path / "audit") for line in path.read_text().splitlines()]

    told = [(line["action"], line["what"], line["outcome"]) for line in lines if not line["action"].startswith("vault")]
    assert told == [
        ("secret.set", "a", "allowed"),
        ("secret.read", "a", "allowed"),
        ("secret.read", "missing", "failed"),
    ]
    read = lines[2]
    assert read["where"] == {"run": "r1", "flow": "orders", "origin": "https://shop.example"}
    assert read["who"]["via"] == "test"
    assert {"user", "uid", "pid", "host"} < set(read["who"])
    assert read["at"] == "2026-11-18T11:06:40.000000+00:00"


async def test_memory_holds_ciphertext_between_two_reads(home: VaultHome) -> None:
    """As far as Python lets us say: no text that the vault object can reach is the value."""
    vault = home.vault()
    await vault.set_secret("a", CANARY)
    await vault.get_secret("a")
    assert CANARY not in _texts_within(vault.backend, set())


def _texts_within(found: object, seen: set[int]) -> list[str]:
    if id(found) in seen:
        return []
    seen.add(id(found))
    if isinstance(found, str):
        return [found]
    if isinstance(found, bytes):
        return [found.decode(errors="replace")]
    inner: list[object] = list(getattr(found, "__dict__", {}).values())
    inner += [getattr(found, name, None) for name in getattr(type(found), "__slots__", ())]
    if isinstance(found, dict):
        inner += [*found, *found.values()]
    if isinstance(found, list | tuple | set | frozenset):
        inner += list(found)
    return [text for each in inner for text in _texts_within(each, seen)]
