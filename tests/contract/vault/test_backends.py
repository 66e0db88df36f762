"""What every backend of the vault does, seen through the vault; contract, unless a test says otherwise."""

from __future__ import annotations

import anyio
import pytest

from bykilt.security.errors import InvalidSecret, SecretExpired, SecretNotFound, SecretRefused, VersionConflict
from bykilt.security.secret import SecretKind, SecretPolicy
from bykilt.security.secrets_vault import SecretUse
from tests.support.vaults import CANARY, VaultHome, everything_in

SHOP = SecretPolicy(
    origins=("https://shop.example", "https://xn--3bs.example"), flows=("orders", "注文"), password_only=True
)


async def test_what_was_kept_comes_back_in_another_process(home: VaultHome) -> None:
    value = '多言語 と 改行\n"quotes" \\ and \u2028 more'
    assert await home.vault().set_secret("shop_password", value, policy=SHOP) == 1

    secret = await home.vault().fetch("shop_password")

    assert secret.reveal() == value
    assert secret.policy == SHOP
    assert secret.version == 1


async def test_a_large_value_and_a_long_policy_are_kept_whole(home: VaultHome) -> None:
    policy = SecretPolicy(origins=tuple(f"https://shop{number}.example" for number in range(40)))
    await home.vault().set_secret("a", "x" * 40_000, policy=policy)
    secret = await home.vault().fetch("a")
    assert len(secret.reveal()) == 40_000
    assert secret.policy == policy
    assert (await home.vault().get_metadata("a"))["origins"] == list(policy.origins)


async def test_what_is_not_there_is_not_found(home: VaultHome) -> None:
    vault = home.vault()
    assert await vault.get_secret("nothing") is None
    assert await vault.list_keys() == []
    assert not await vault.delete_secret("nothing")
    for attempt in (vault.fetch("nothing"), vault.get_metadata("nothing"), vault.undelete_secret("nothing")):
        with pytest.raises(SecretNotFound):
            await attempt


async def test_versions_are_numbered_and_kept(home: VaultHome) -> None:
    vault = home.vault()
    assert [await vault.set_secret("a", value) for value in ("one", "two", "three")] == [1, 2, 3]

    assert [(await vault.fetch("a", version=number)).reveal() for number in (1, 2, 3)] == ["one", "two", "three"]
    assert await vault.get_secret("a") == "three"
    with pytest.raises(SecretNotFound):
        await vault.fetch("a", version=4)
    assert (await vault.get_metadata("a"))["versions"] == [1, 2, 3]
    assert (await vault.get_metadata("a"))["version"] == 3


async def test_ten_versions_are_kept(home: VaultHome) -> None:
    vault = home.vault()
    for number in range(1, 13):
        await vault.set_secret("a", str(number))
    assert (await vault.get_metadata("a"))["versions"] == list(range(3, 13))
    assert (await vault.fetch("a", version=3)).reveal() == "3"
    with pytest.raises(SecretNotFound):
        await vault.fetch("a", version=2)


async def test_a_policy_stays_until_another_is_given(home: VaultHome) -> None:
    vault = home.vault()
    await vault.set_secret("a", "1", policy=SHOP)
    await vault.set_secret("a", "2")
    assert (await vault.fetch("a")).policy == SHOP
    await vault.delete_secret("a")
    await vault.set_secret("a", "3")
    assert (await vault.fetch("a")).policy == SHOP
    await vault.set_secret("a", "4", policy=SecretPolicy())
    assert (await vault.fetch("a")).policy == SecretPolicy()


async def test_deleting_can_be_undone_unless_it_was_for_good(home: VaultHome) -> None:
    vault = home.vault()
    await vault.set_secret("a", "1")
    await vault.set_secret("a", "2")
    await vault.set_secret("b", "3")

    assert await vault.delete_secret("a")
    assert not await vault.delete_secret("a")
    for attempt in (vault.fetch("a"), vault.fetch("a", version=1)):
        with pytest.raises(SecretNotFound):
            await attempt
    assert await vault.list_keys() == ["b"]
    assert await vault.list_keys(deleted=True) == ["a", "b"]
    assert (await vault.get_metadata("a"))["deleted_at"]

    await vault.undelete_secret("a")
    assert await vault.get_secret("a") == "2"
    assert (await vault.fetch("a", version=1)).reveal() == "1"

    assert await vault.delete_secret("a", for_good=True)
    assert await vault.list_keys(deleted=True) == ["b"]
    with pytest.raises(SecretNotFound):
        await vault.undelete_secret("a")
    assert await vault.set_secret("a", "anew", expected_version=0) == 1


async def test_a_change_depends_on_the_version_that_is_known(home: VaultHome) -> None:
    vault, other = home.vault(), home.vault()
    assert await vault.set_secret("a", "1", expected_version=0) == 1
    assert await other.set_secret("a", "2", expected_version=1) == 2
    for stale in (0, 1, 3):
        with pytest.raises(VersionConflict):
            await vault.set_secret("a", "x", expected_version=stale)
    assert await vault.get_secret("a") == "2"


async def test_writers_at_the_same_time_lose_no_version(home: VaultHome) -> None:
    """Each gets a number of its own, and its value is under that number."""
    kept: dict[int, str] = {}

    async def write(writer: str) -> None:
        vault = home.vault()
        for number in range(4):
            value = f"{writer}{number}"
            kept[await vault.set_secret("a", value)] = value

    async with anyio.create_task_group() as tasks:
        for writer in ("x", "y"):
            tasks.start_soon(write, writer)

    assert sorted(kept) == list(range(1, 9))
    vault = home.vault()
    assert {number: (await vault.fetch("a", version=number)).reveal() for number in kept} == kept


async def test_reads_are_counted_for_everybody_to_see(home: VaultHome) -> None:
    vault = home.vault()
    await vault.set_secret("a", "1", policy=SHOP)
    for _ in range(3):
        await vault.get_secret("a")
    await vault.close()
    other = home.vault()
    await other.get_secret("a")
    assert (await other.get_metadata("a"))["access_count"] == 4
    await other.set_secret("a", "2")

    facts = await home.vault().get_metadata("a")
    assert facts["access_count"] == 4
    assert facts["last_accessed"] == "2026-11-18T11:06:40+00:00"
    assert facts["origins"] == list(SHOP.origins)


async def test_a_secret_has_an_end(home: VaultHome) -> None:
    vault = home.vault()
    await vault.set_secret("a", "1", ttl_s=60)
    assert await vault.get_secret("a") == "1"
    assert (await vault.get_metadata("a"))["expires_at"] == "2026-11-18T11:07:40+00:00"
    home.clock.now_s += 61
    with pytest.raises(SecretExpired):
        await vault.get_secret("a")


async def test_policies_hold_wherever_the_secret_is(home: VaultHome) -> None:
    vault = home.vault()
    await vault.set_secret("a", "1", policy=SHOP)
    assert (await vault.fetch("a", SecretUse(flow="orders"))).reveal() == "1"
    with pytest.raises(SecretRefused):
        await vault.fetch("a", SecretUse(flow="other"))


async def test_keys_of_codes_stay_keys_of_codes(home: VaultHome) -> None:
    vault = home.vault()
    await vault.set_secret("code", "GEZDGNBVGY3TQOJQ", policy=SecretPolicy(kind=SecretKind.OTP))
    with pytest.raises(InvalidSecret):
        await vault.set_secret("code", "no base32!")
    assert (await home.vault().fetch("code")).policy.kind is SecretKind.OTP


async def test_the_redactor_gets_the_values(home: VaultHome) -> None:
    vault = home.vault()
    for name, value in (("a", "old"), ("a", "current"), ("b", "other")):
        await vault.set_secret(name, value)
    known = await vault.known_values()
    assert {(each.name, each.text) for each in known} == {("a", "old"), ("a", "current"), ("b", "other")}


async def test_nothing_of_a_value_is_left_in_the_home(home: VaultHome) -> None:
    vault = home.vault()
    await vault.set_secret("a", CANARY)
    await vault.get_secret("a")
    await vault.close()
    assert [name for name, content in everything_in(home.path).items() if CANARY.encode() in content] == []


async def test_what_is_in_the_environment_is_taken_once(home: VaultHome) -> None:
    home.environ["API_KEY"] = "sk-env"
    assert await home.vault().get_secret("api", fallback_env_var="API_KEY") == "sk-env"
    del home.environ["API_KEY"]
    assert await home.vault().get_secret("api", fallback_env_var="API_KEY") == "sk-env"
