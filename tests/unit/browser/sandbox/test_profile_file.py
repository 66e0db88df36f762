"""Sandbox profiles in a file: what is read, how profiles build on each other, and how every mistake is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bykilt.browser.sandbox.profile import MIB, NetworkMode, SandboxLimits, SandboxProfile
from bykilt.browser.sandbox.profile_file import ProfileError, load_profiles, profiles_schema

GOOD = """
schema_version: 1
profiles:
  shop:
    description: the shop and its pictures
    allowed_hosts: [shop.example, "*.shop.example", "localhost:8000"]
    upload_folders: [invoices, /srv/forms]
    limits: {memory_mib: 3072, cpus: 1.5}
  shop_with_maps:
    extends: shop
    webgl: true
    allowed_hosts: [maps.example]
    upload_folders: [maps]
    limits: {processes: 2000}
  shop_offline: {extends: shop_with_maps, network: none}
"""


def write(folder: Path, text: str) -> Path:
    """Return the path of a file of profiles."""
    path = folder / "sandbox.yaml"
    path.write_text(text)
    return path


def problems_of(folder: Path, text: str) -> list[str]:
    """Return what is wrong with a file, each as `pointer: reason`."""
    with pytest.raises(ProfileError) as refused:
        load_profiles(write(folder, text))
    assert refused.value.code == "invalid_sandbox_profile"
    return [f"{problem.pointer}: {problem.reason}" for problem in refused.value.problems]


def test_a_profile_becomes_a_policy(tmp_path: Path) -> None:
    """Contract: each setting of the file is in the policy; a relative folder starts at the file."""
    named = load_profiles(write(tmp_path, GOOD))["shop"]

    assert named.description == "the shop and its pictures"
    assert named.profile == SandboxProfile(
        network=NetworkMode.RESTRICTED,
        allowed_hosts=("shop.example", "*.shop.example", "localhost:8000"),
        upload_folders=(tmp_path / "invoices", Path("/srv/forms")),
        limits=SandboxLimits(memory_bytes=3072 * MIB, cpus=1.5),
    )


def test_a_profile_adds_to_the_one_that_it_extends(tmp_path: Path) -> None:
    """Contract: hosts, folders and limits are added to; every other setting takes the place of the inherited one."""
    found = load_profiles(write(tmp_path, GOOD))["shop_with_maps"]

    assert found.description == ""
    assert found.profile.webgl
    assert found.profile.allowed_hosts == ("shop.example", "*.shop.example", "localhost:8000", "maps.example")
    assert found.profile.upload_folders == (tmp_path / "invoices", Path("/srv/forms"), tmp_path / "maps")
    assert found.profile.limits == SandboxLimits(memory_bytes=3072 * MIB, cpus=1.5, processes=2000)


def test_a_profile_without_network_inherits_no_hosts(tmp_path: Path) -> None:
    """Contract: `none` over a profile with hosts is no contradiction; nothing is reached."""
    found = load_profiles(write(tmp_path, GOOD))["shop_offline"].profile

    assert found.network is NetworkMode.NONE
    assert found.allowed_hosts == ()
    assert found.webgl


def test_profiles_may_be_json(tmp_path: Path) -> None:
    """Contract: both notations say the same."""
    path = tmp_path / "profiles.json"
    path.write_text(json.dumps({"schema_version": 1, "profiles": {"a": {"allowed_hosts": ["a.example"]}}}))

    assert load_profiles(path)["a"].profile == SandboxProfile.of(allowed_hosts=["a.example"])


@pytest.mark.parametrize(
    ("profile", "problem"),
    [
        ("{alowed_hosts: [a.example]}", "/profiles/p/alowed_hosts: unknown key 'alowed_hosts'"),
        ("{network: sometimes}", "/profiles/p/network: must be 'none', 'restricted', 'open' or 'host'"),
        ("{network: none, allowed_hosts: [a.example]}", "/profiles/p: the network mode 'none' reaches no host"),
        ("{network: restricted}", "/profiles/p: the network mode 'restricted' has no allowed hosts"),
        ('{allowed_hosts: ["*"]}', "/profiles/p: host rule '*' would allow every host"),
        ("{allowed_hosts: a.example}", "/profiles/p/allowed_hosts: expected a list"),
        ("{allowed_hosts: [1]}", "/profiles/p/allowed_hosts/0: expected text, got 1"),
        ("{limits: {memory_mib: 100}}", "/profiles/p/limits/memory_mib: must be 512 or more"),
        ("{limits: {memory_mib: 600}}", "/profiles/p: chromium needs 1 GiB"),
        ("{limits: {processes: 20}}", "/profiles/p/limits/processes: must be 300 or more"),
        ("{limits: {memory: 1}}", "/profiles/p/limits/memory: unknown key 'memory'"),
        ('{webgl: "yes"}', "/profiles/p/webgl: expected true or false"),
        ('{upload_folders: [""]}', "/profiles/p/upload_folders/0: must not be empty"),
        ("{extends: q}", "/profiles/p/extends: there is no profile 'q'"),
        ("{extends: p}", "/profiles/p/extends: profiles extend each other in a circle: p → p"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, profile: str, problem: str) -> None:
    """Contract: the pointer leads to the mistake, and the reason is in plain words."""
    [found] = problems_of(tmp_path, f"schema_version: 1\nprofiles:\n  p: {profile}\n")

    assert found.startswith(problem)


def test_an_unknown_key_comes_with_the_one_that_was_meant(tmp_path: Path) -> None:
    """Contract: a slip of the pen must not become a policy without hosts."""
    with pytest.raises(ProfileError, match="did you mean 'allowed_hosts'"):
        load_profiles(write(tmp_path, "schema_version: 1\nprofiles: {p: {alowed_hosts: [a.example]}}\n"))


def test_a_circle_is_told_once_for_each_profile_in_it(tmp_path: Path) -> None:
    """Contract: a profile that merely builds on the circle adds nothing to the list."""
    text = "schema_version: 1\nprofiles: {a: {extends: b}, b: {extends: a}, c: {extends: a}, d: {}}\n"

    assert problems_of(tmp_path, text) == [
        "/profiles/b/extends: profiles extend each other in a circle: a → b → a",
        "/profiles/a/extends: profiles extend each other in a circle: b → a → b",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[]", ": a file of profiles is an object"),
        ("profiles: {}", ": 'schema_version' is missing"),
        ("{schema_version: 2, profiles: {}}", "/schema_version: unknown version 2 of the schema"),
        ("{schema_version: 1, profiles: {}, more: 1}", "/more: unknown key 'more'"),
        ("schema_version: 1\nschema_version: 1\nprofiles: {}", ": is not usable YAML"),
    ],
)
def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """Contract: nothing is guessed from a document of another kind."""
    assert problems_of(tmp_path, text)[0].startswith(problem)


def test_a_file_that_is_not_there_is_an_error_of_profiles(tmp_path: Path) -> None:
    """Contract: the error names the file and where the schema is."""
    with pytest.raises(ProfileError) as refused:
        load_profiles(tmp_path / "none.yaml")

    assert "none.yaml" in refused.value.message
    assert "bykilt sandbox schema" in refused.value.hint


def test_the_schema_names_every_key_and_takes_no_other() -> None:
    """Contract: what an editor checks is what the reader checks."""
    schema = json.loads(json.dumps(profiles_schema()))

    profile = schema["$defs"]["ProfileModel"]
    assert schema["properties"]["schema_version"]["const"] == 1
    assert schema["additionalProperties"] is False
    assert profile["additionalProperties"] is False
    assert {"network", "allowed_hosts", "limits", "extends", "upload_folders"} <= set(profile["properties"])
    assert schema["$defs"]["LimitsModel"]["properties"]["processes"]["minimum"] == 300
