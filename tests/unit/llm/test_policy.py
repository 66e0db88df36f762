"""The walls: what is asked of Docker, and that a worker that sees one wall less is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bykilt.errors import InvalidInput
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.policy import SandboxPolicy, memory_bytes

SEEN: dict[str, Any] = {
    "uid": 65532,
    "gid": 65532,
    "Groups": "65532",
    **dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0000000000000000"),
    "NoNewPrivs": "1",
    "kernel": "linux",
    "Seccomp": "2",
    "Seccomp_filters": "1",
    "interfaces": ["lo"],
    "mounts": {"/": "ro,relatime", "/tmp": "rw,nosuid,nodev,noexec", "/proc": "rw", "/etc/hosts": "ro"},
    "nofile": 64,
    "core": 0,
    "memory_bytes": str(512 << 20),
    "pids": "32",
    "cpu": "100000",
}
# What one wall less looks like from inside.
BREACHES: dict[str, Any] = {
    "kernel": "gvisor",
    "uid": 0,
    "gid": 0,
    "Groups": "65532 999",
    "CapEff": "00000000a80425fb",
    "CapBnd": None,
    "NoNewPrivs": "0",
    "Seccomp": "0",
    "Seccomp_filters": None,
    "interfaces": ["eth0", "lo"],
    "nofile": 1048576,
    "core": -1,
    "memory_bytes": "max",
    "pids": None,
    "cpu": "-1",
}


def test_a_worker_behind_every_wall_is_accepted() -> None:
    assert SandboxPolicy().differences_seen(SEEN, second_filter=True) == []
    version_2 = SEEN | {"cpu": "100000 100000"}
    assert SandboxPolicy().differences_seen(version_2, second_filter=True) == []


@pytest.mark.parametrize("name", BREACHES)
def test_a_worker_that_sees_one_wall_less_is_refused(name: str) -> None:
    (difference,) = SandboxPolicy().differences_seen(SEEN | {name: BREACHES[name]}, second_filter=True)
    assert difference.startswith(f"{name} is ")


@pytest.mark.parametrize("name", SEEN)
def test_a_worker_that_does_not_tell_of_a_wall_is_refused(name: str) -> None:
    told = {key: value for key, value in SEEN.items() if key != name}
    assert SandboxPolicy().differences_seen(told, second_filter=True)


@pytest.mark.parametrize(
    "mounts",
    [
        None,
        {},
        SEEN["mounts"] | {"/": "rw"},
        SEEN["mounts"] | {"/tmp": "rw,nosuid,nodev"},
        SEEN["mounts"] | {"/home": "ro"},
        SEEN["mounts"] | {"/var/run/docker.sock": "ro"},
    ],
)
def test_a_folder_or_a_root_that_can_be_written_is_refused(mounts: object) -> None:
    assert SandboxPolicy().differences_seen(SEEN | {"mounts": mounts}, second_filter=True)


GVISOR = SandboxPolicy(runtime="runsc")
SEEN_IN_GVISOR = {
    name: value for name, value in SEEN.items() if name not in ("CapAmb", "Seccomp_filters", "pids", "cpu")
} | {"kernel": "gvisor", "Seccomp": "0", "mounts": {"/": "ro", "/tmp": "rw,noexec", "/dev": "rw"}}


def test_gvisor_shows_less_and_is_accepted_where_its_kernel_is_seen() -> None:
    assert GVISOR.differences_seen(SEEN_IN_GVISOR, second_filter=True) == []
    assert GVISOR.host_config(has_apparmor=False)["PidsLimit"] == 64
    (difference,) = GVISOR.differences_seen(SEEN_IN_GVISOR | {"kernel": "linux"}, second_filter=True)
    assert difference == "kernel is 'linux'"
    assert GVISOR.differences_seen(SEEN_IN_GVISOR, second_filter=False)
    assert SandboxPolicy().differences_seen(SEEN_IN_GVISOR, second_filter=True)


@pytest.mark.parametrize("name", SEEN_IN_GVISOR.keys() - {"Seccomp"})
def test_what_gvisor_does_not_tell_of_its_walls_is_refused(name: str) -> None:
    told = {key: value for key, value in SEEN_IN_GVISOR.items() if key != name}
    assert GVISOR.differences_seen(told, second_filter=True)


@pytest.mark.parametrize("name", BREACHES.keys() & SEEN_IN_GVISOR.keys() - {"Seccomp", "kernel"})
def test_one_wall_less_in_gvisor_is_refused(name: str) -> None:
    assert GVISOR.differences_seen(SEEN_IN_GVISOR | {name: BREACHES[name]}, second_filter=True)


@pytest.mark.parametrize("mounts", [{"/": "rw", "/tmp": "rw,noexec"}, {"/": "ro", "/tmp": "rw"}, {"/home": "ro"}])
def test_a_root_that_can_be_written_in_gvisor_is_refused(mounts: object) -> None:
    assert GVISOR.differences_seen(SEEN_IN_GVISOR | {"mounts": mounts}, second_filter=True)


def test_a_worker_without_its_own_filter_is_refused() -> None:
    assert SandboxPolicy().differences_seen(SEEN, second_filter=False)


def inspected(policy: SandboxPolicy) -> dict[str, Any]:
    return {"HostConfig": policy.host_config(has_apparmor=False), "Config": {"User": "65532:65532"}, "Mounts": []}


def test_a_container_as_it_was_asked_for_is_accepted() -> None:
    policy = SandboxPolicy()
    assert policy.differences_set(inspected(policy), has_apparmor=False) == []


@pytest.mark.parametrize(
    "change",
    [
        {"NetworkMode": "bridge"},
        {"Privileged": True},
        {"ReadonlyRootfs": False},
        {"Memory": 0},
        {"PidsLimit": None},
        {"CapDrop": None},
        {"CapAdd": ["SYS_ADMIN"]},
        {"Binds": ["/:/host"]},
        {"Devices": [{"PathOnHost": "/dev/kvm"}]},
        {"SecurityOpt": ["no-new-privileges"]},
        {"LogConfig": {"Type": "json-file", "Config": {}}},
    ],
    ids=str,
)
def test_a_container_that_the_daemon_made_otherwise_is_refused(change: dict[str, Any]) -> None:
    policy = SandboxPolicy()
    document = inspected(policy)
    document["HostConfig"] |= change
    assert policy.differences_set(document, has_apparmor=False)


def test_the_profile_refuses_what_it_does_not_name() -> None:
    (option,) = (o for o in SandboxPolicy().host_config(has_apparmor=False)["SecurityOpt"] if o.startswith("seccomp="))
    profile = json.loads(option.removeprefix("seccomp="))
    named = {name for rule in profile["syscalls"] for name in rule["names"]}
    assert profile["defaultAction"] == "SCMP_ACT_ERRNO"
    assert profile["archMap"] == [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []}]
    assert named.isdisjoint({"socket", "socketpair", "connect", "bind", "fork", "vfork", "ptrace", "mount", "unshare"})
    assert all("args" in rule for rule in profile["syscalls"] if {"clone", "prctl", "ioctl"} & set(rule["names"]))


def test_apparmor_is_asked_for_only_where_it_would_be_in_force() -> None:
    assert "apparmor=docker-default" in SandboxPolicy().host_config(has_apparmor=True)["SecurityOpt"]
    assert SandboxPolicy().host_config(has_apparmor=False)["SecurityOpt"][0] == "no-new-privileges"
    assert len(SandboxPolicy().host_config(has_apparmor=False)["SecurityOpt"]) == 2


@pytest.mark.parametrize("text", ["", "lots", "512x", "63m", "-1", "0"])
def test_a_memory_limit_that_cannot_be_meant_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        memory_bytes(text)


def test_memory_limits_are_read() -> None:
    assert memory_bytes("512m") == memory_bytes("524288k") == 512 << 20
    assert memory_bytes("2G") == 2 << 30


@pytest.mark.parametrize("mode", ["host", "bridge", "container:x", ""])
def test_a_sandbox_with_a_network_cannot_be_made(mode: str) -> None:
    with pytest.raises(InvalidInput, match="never has a network"):
        DockerLLMSandbox(network_mode=mode)
