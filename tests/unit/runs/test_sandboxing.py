"""Which sandbox a run has: who may choose what, and what is kept of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after

from bykilt.browser.engine.browser_engine import LaunchContext
from bykilt.browser.sandbox.profile import MIB, NetworkMode, SandboxLimits, SandboxProfile
from bykilt.browser.sandbox.profile_file import ProfileError
from bykilt.errors import InvalidInput
from bykilt.events.event_file import read_events
from bykilt.events.model import Warned
from bykilt.runs.executor import launch_settings
from bykilt.runs.model import RunRequest
from bykilt.runs.sandboxing import UnknownProfile, profile_of, with_profile
from bykilt.storage.home import Home
from bykilt.storage.run_folder import RunFolder
from tests.support.run_services import clicks, request, run_service
from tests.support.scripted_engine import Script, ScriptedEngines

PROFILES = """
schema_version: 1
profiles:
  shop: {allowed_hosts: [shop.example], limits: {memory_mib: 3072}, upload_folders: [/srv/forms]}
  everything: {network: host}
  bare: {enabled: false}
"""


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The user's profiles, in a home."""
    path = Home(tmp_path).sandbox_profiles
    path.write_text(PROFILES)
    return path


# ---- which policy a run begins with


def test_a_run_that_says_nothing_has_no_profile(tmp_path: Path) -> None:
    """Contract: without a wish there is nothing to read; the launch's own default holds."""
    assert profile_of(clicks("#a"), None, tmp_path / "none.yaml") is None


def test_the_flow_names_a_profile_or_holds_a_policy(file: Path) -> None:
    """Contract: both become a policy."""
    shop = SandboxProfile.of(
        allowed_hosts=["shop.example"], limits=SandboxLimits(memory_bytes=3072 * MIB), upload_folders=["/srv/forms"]
    )

    assert profile_of(clicks("#a", sandbox="shop"), None, file) == shop
    assert profile_of(clicks("#a", sandbox={"network": "none"}), None, file) == SandboxProfile.of("none")


def test_the_profile_that_a_person_names_goes_before_the_flows(file: Path) -> None:
    """Contract: a person may choose any, also one without walls."""
    found = profile_of(clicks("#a", sandbox="shop"), "everything", file)

    assert found is not None
    assert found.network is NetworkMode.HOST


@pytest.mark.parametrize("name", ["everything", "bare"])
def test_a_flow_cannot_choose_a_profile_without_walls(file: Path, name: str) -> None:
    """Contract: a flow file may come from anywhere; the error says how the user can want it."""
    with pytest.raises(InvalidInput, match="takes walls away") as refused:
        profile_of(clicks("#a", sandbox=name), None, file)

    assert f"--sandbox {name}" in refused.value.hint


def test_an_unknown_profile_is_an_error_with_the_one_that_was_meant(file: Path) -> None:
    """Contract: a run never goes on without the policy that it was to have."""
    with pytest.raises(UnknownProfile) as refused:
        profile_of(clicks("#a"), "shops", file)

    assert str(file) in refused.value.message
    assert refused.value.hint == "did you mean 'shop'?"


def test_a_file_that_is_not_there_has_no_profile(tmp_path: Path) -> None:
    """Contract: the hint says where to learn how to write one."""
    with pytest.raises(UnknownProfile, match="no sandbox profile 'shop'") as refused:
        profile_of(clicks("#a", sandbox="shop"), None, tmp_path / "sandbox.yaml")

    assert "bykilt sandbox profiles" in refused.value.hint


def test_a_file_with_a_mistake_ends_the_run_before_it_begins(tmp_path: Path) -> None:
    """Contract: also where the mistake is in another profile of the file."""
    path = tmp_path / "sandbox.yaml"
    path.write_text(PROFILES + "  wrong: {network: sometimes}\n")

    with pytest.raises(ProfileError, match="/profiles/wrong/network"):
        profile_of(clicks("#a"), "shop", path)


# ---- the launch's own settings on top


SHOP = SandboxProfile.of(allowed_hosts=["shop.example"], webgl=True, limits=SandboxLimits(processes=500))


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (LaunchContext(), SHOP),
        (
            LaunchContext(allowed_hosts=["localhost:8000"]),
            SandboxProfile.of(
                allowed_hosts=["shop.example", "localhost:8000"], webgl=True, limits=SandboxLimits(processes=500)
            ),
        ),
        (
            LaunchContext(sandbox_network_mode="open"),
            SandboxProfile.of("open", allowed_hosts=["shop.example"], webgl=True, limits=SandboxLimits(processes=500)),
        ),
        (
            LaunchContext(sandbox_network_mode="none", sandbox_limits=SandboxLimits(processes=600)),
            SandboxProfile.of("none", webgl=True, limits=SandboxLimits(processes=600)),
        ),
        (
            LaunchContext(sandbox_network_mode="host", enable_seccomp=False),
            SandboxProfile.of("host", webgl=True, seccomp=False, limits=SandboxLimits(processes=500)),
        ),
        (LaunchContext(sandbox_mode=False), SandboxProfile.of(enabled=False)),
    ],
)
def test_what_the_launch_says_itself_goes_before_the_profile(context: LaunchContext, expected: SandboxProfile) -> None:
    """Contract: hosts are added, a mode takes the place of the profile's, and no sandbox means none."""
    assert with_profile(context, SHOP).sandbox_profile == expected


def test_a_profile_without_a_sandbox_leaves_none() -> None:
    """Contract: and nothing that it could no longer do may be asked for beside it."""
    bare = SandboxProfile.of(enabled=False)

    assert with_profile(LaunchContext(), bare).sandbox_profile == bare
    with pytest.raises(InvalidInput, match="without the sandbox"):
        launch_settings(
            RunRequest(flow=clicks("#a"), launch=LaunchContext(allowed_hosts=["a.example"])), bare, Path("/r")
        )


def test_the_upload_folders_of_a_profile_replace_the_flows_own(tmp_path: Path) -> None:
    """Contract: the run's own folder and what a person handed in stay."""
    profile = SandboxProfile.of("none", upload_folders=["/srv/forms"])
    wanted = RunRequest(flow=clicks("#a"), upload_folders=(Path("/handed/in"),))

    settings = launch_settings(wanted, profile, tmp_path)

    assert settings.upload_folders == (Path("/srv/forms"), tmp_path, Path("/handed/in"))


# ---- in the run service


async def carry_out(home: Path, wanted: RunRequest) -> tuple[RunFolder, list[Warned]]:
    """Return the run's folder, and its warnings."""
    engines = ScriptedEngines(Script())
    with fail_after(10):
        async with run_service(home, engines) as service:
            run_id = await service.submit(wanted)
            await service.wait(run_id)
    folder = Home(home).run_folder(run_id)
    warnings = [event.fact for event in read_events(folder.events, run_id) if isinstance(event.fact, Warned)]
    return folder, warnings


async def test_the_record_of_a_run_tells_its_policy(tmp_path: Path, file: Path) -> None:
    """Contract: the file in the home is found, and the request says what the browser was to be kept to."""
    folder, warnings = await carry_out(tmp_path, request("#a", sandbox="shop"))

    kept: dict[str, Any] = json.loads(folder.request.read_bytes())["sandbox"]
    assert kept["network"] == "restricted"
    assert kept["allowed_hosts"] == ["shop.example"]
    assert kept["upload_folders"][0] == "/srv/forms"
    assert warnings == []


@pytest.mark.parametrize("wanted", [{"sandbox": "bare"}, {"launch": LaunchContext(sandbox_mode=False)}])
async def test_a_run_without_walls_says_so_in_its_events(tmp_path: Path, file: Path, wanted: dict[str, Any]) -> None:
    """Contract: whoever looks at the run later sees that there was no sandbox."""
    folder, warnings = await carry_out(tmp_path, request("#a", **wanted))

    assert [warning.code for warning in warnings] == ["sandbox_weakened"]
    assert "no sandbox" in warnings[0].message
    assert json.loads(folder.result.read_bytes())["warnings"][0]["code"] == "sandbox_weakened"


async def test_a_run_whose_settings_contradict_its_profile_is_not_taken(tmp_path: Path, file: Path) -> None:
    """Contract: nothing of such a run is left."""
    wanted = request("#a", sandbox="bare", launch=LaunchContext(sandbox_network_mode="none"))

    with fail_after(10):
        async with run_service(tmp_path, ScriptedEngines(Script())) as service:
            with pytest.raises(InvalidInput, match="without the sandbox"):
                await service.submit(wanted)

    assert list(Home(tmp_path).runs.iterdir()) == []
