"""What a worker that was taken over can do in gVisor: behind its own filter nothing; before it, nothing that gets out.

gVisor answers system calls itself, so some work that the filter of a plain container refuses. They are listed here, and
what they could reach is looked at from outside.
"""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest

from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.errors import SandboxRefused
from bykilt.llm.policy import SandboxPolicy
from bykilt.llm.service_gateway import get_llm_gateway
from bykilt.llm.worker import second_filter
from tests.support.llm import Ended, require_gvisor, run_inside
from tests.support.llm_provider import fake_provider

PROBE = (Path(__file__).resolve().parents[1] / "support" / "llm_probe.py").read_text()
EVERY_CALL = {*range(335), *range(424, 463)}
# What gVisor's own kernel answers, to this process or to nobody: its sockets lead nowhere, its devices are its own.
ANSWERED_INSIDE = (
    "socket(UNIX, ", "socket(INET, ", "socket(INET6, ", "socket(NETLINK, ", "socketpair", "fork", "nice",
    "kill -0 1 by the call", "read /dev/fuse", "read /dev/net/tun", "clone(", "ioctl(", "prctl(",
    "prlimit64 of process 1", "seccomp(",
)  # fmt: skip


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def policy() -> SandboxPolicy:
    return SandboxPolicy(runtime=require_gvisor())


def probe(walls: str, numbers: list[int], policy: SandboxPolicy) -> dict[str, tuple[bool, str]]:
    ended = run_inside(PROBE, policy=policy, arguments=(walls, json.dumps(numbers)))
    assert ended.code == 0, ended.stderr
    return {what: (refused, came_back) for what, refused, came_back in ended.lines}


def test_no_way_out_works_behind_the_second_filter(policy: SandboxPolicy) -> None:
    """The model is asked behind this filter, in gVisor as elsewhere."""
    allowed = {*second_filter._ALLOWED.values(), *second_filter._MEMORY.values()}
    found = probe("two", sorted(EVERY_CALL - allowed), policy)
    assert {what: back for what, (refused, back) in found.items() if not refused} == {}
    assert len(found) >= 300


def test_before_that_filter_only_what_stays_inside_is_answered(policy: SandboxPolicy) -> None:
    found = probe("gvisor", [], policy)
    worked = {what: back for what, (refused, back) in found.items() if not refused}
    assert {what: back for what, back in worked.items() if not what.startswith(ANSWERED_INSIDE)} == {}
    assert len(found) >= 100
    # No family of sockets that a namespace does not hold, and none below the network.
    assert not [what for what in worked if any(family in what for family in ("VSOCK", "ALG", "PACKET", "XDP"))]


def test_no_packet_and_no_connection_reaches_this_machine(policy: SandboxPolicy) -> None:
    """Seen from this side: who listens here hears nothing, on loopback and on every address of the machine."""
    with socket.create_server(("0.0.0.0", 0)) as listener, socket.socket(socket.AF_UNIX) as abstract:
        listener.setblocking(False)
        abstract.bind(f"\0bykilt-{listener.getsockname()[1]}")
        abstract.listen()
        abstract.setblocking(False)
        ended = run_inside(REACHING, policy=policy, arguments=(json.dumps([addresses(), *listener.getsockname()[1:]]),))
        assert ended.lines == [[]], ended.stderr
        for heard in (listener, abstract):
            with pytest.raises(BlockingIOError):
                heard.accept()


REACHING = """
import json, socket, sys
hosts, port = json.loads(sys.argv[1])
reached = []
for family, address in [(socket.AF_INET, (host, port)) for host in hosts] + [(socket.AF_UNIX, f"\\0bykilt-{port}")]:
    try:
        with socket.socket(family) as probe:
            probe.settimeout(2)
            probe.connect(address)
        reached.append(str(address))
    except OSError:
        pass
print(json.dumps(reached))
"""


def addresses() -> list[str]:
    """The addresses of this machine."""
    shown = subprocess.run(["hostname", "--all-ip-addresses"], capture_output=True, check=True, text=True).stdout
    return ["127.0.0.1", *(one for one in shown.split() if ":" not in one)]


def test_memory_ends_at_its_limit(policy: SandboxPolicy) -> None:
    ended = run_inside(TAKING_MEMORY, policy=SandboxPolicy(runtime=policy.runtime, memory=128 << 20))
    assert ended.code != 0
    assert len(ended.lines) < 16


TAKING_MEMORY = """
import json
kept = []
for step in range(64):
    kept.append(bytearray(b"x" * (8 << 20)))
    print(json.dumps(step), flush=True)
"""


def test_a_worker_of_another_kernel_is_told_apart(policy: SandboxPolicy) -> None:
    """What recognises gVisor must not take Linux for it."""

    def kernel(held: SandboxPolicy) -> Ended:
        program = (
            "import json, sys; sys.path.insert(0, '/opt/llm'); from bykilt.llm.worker.attest import attest\n"
            "print(json.dumps(attest()['kernel']))"
        )
        return run_inside(program, policy=held)

    assert kernel(policy).lines == ["gvisor"]
    assert kernel(SandboxPolicy()).lines == ["linux"]


async def test_the_model_answers_in_gvisor(policy: SandboxPolicy) -> None:
    sandbox = DockerLLMSandbox(runtime=policy.runtime)
    try:
        await sandbox.start()
        answer = await sandbox.invoke_llm("What is the capital of France?", {"max_tokens": 30})
        metrics = sandbox.get_metrics()
    finally:
        await sandbox.stop()
    assert answer.text == "The capital of France is Paris."
    assert metrics["attested"]["kernel"] == "gvisor"
    assert metrics["security"]["second_filter"] is True


async def test_the_settings_can_demand_gvisor(
    policy: SandboxPolicy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For the local model and, in the same way, for a provider that is asked from a container."""
    monkeypatch.setenv("ENABLE_LLM", "true")
    monkeypatch.setenv("BYKILT_HOME", str(tmp_path))
    with fake_provider() as server:
        (tmp_path / "llm.yaml").write_text(
            f"schema_version: 1\ncontainer: {{runtime: {policy.runtime}}}\n"
            f"providers: {{own: {{url: '{server.url}', allow_private: true, models: {{small: null}}}}}}\n"
        )
        gateway = get_llm_gateway()
        try:
            local = await gateway.invoke_llm("What is the capital of France?", {"max_tokens": 30})
            remote = await gateway.invoke_llm("Hi", {"max_tokens": 30, "provider": "own"})
        finally:
            await gateway.shutdown()
    assert [one["sandbox"]["security"]["runtime"] for one in (local, remote)] == [policy.runtime] * 2
    assert local["text"] == "The capital of France is Paris."
    assert len(server.seen) == 1


async def test_a_daemon_that_runs_something_else_under_that_name_is_found_out(
    policy: SandboxPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs on plain runc what claims to be gVisor."""
    sandbox = DockerLLMSandbox(runtime=policy.runtime)
    asked = SandboxPolicy.host_config

    def on_runc(self: SandboxPolicy, *, has_apparmor: bool) -> dict[str, object]:
        return asked(self, has_apparmor=has_apparmor) | {"Runtime": "runc"}

    monkeypatch.setattr(SandboxPolicy, "host_config", on_runc)
    with pytest.raises(SandboxRefused, match="kernel is 'linux'"):
        await sandbox.start()
