"""A socket inside a sandbox's network, from bubblewrap itself, as whoever runs the tests and as an ordinary user."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from bykilt.browser.sandbox.egress import namespace_socket
from bykilt.browser.sandbox.egress.decisions import EgressDecision
from bykilt.browser.sandbox.egress.host_rules import EgressMode, EgressRules
from bykilt.browser.sandbox.egress.netns_listener import PROXY_PORT, NetworkNamespaceFailed, open_listener
from bykilt.browser.sandbox.egress.proxy import open_proxy

_SOMEBODY = 61_000
# What the sandboxed program does: one request to the proxy, in the words of the shell that every system has.
_ASK = (
    "exec 3<>/dev/tcp/127.0.0.1/3128; printf 'GET http://a.test/ HTTP/1.1\\r\\nHost: a.test\\r\\n\\r\\n' >&3; cat <&3"
)
_WAIT = "read -r line"


@contextmanager
def sandbox(script: str, *, as_somebody: bool = False) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run a shell with an empty network, after a line on its input; yield its pid as we see it."""
    read_fd, write_fd = os.pipe()
    as_root = as_somebody and os.geteuid() == 0
    command = [
        *(["setpriv", f"--reuid={_SOMEBODY}", f"--regid={_SOMEBODY}", "--clear-groups"] if as_root else []),
        *("bwrap", "--unshare-user", "--unshare-net", "--unshare-pid", "--die-with-parent", "--ro-bind", "/", "/"),
        *("--dev", "/dev", "--info-fd", str(write_fd), "--", "bash", "-c", f"{_WAIT}; {script}"),
    ]
    with subprocess.Popen(
        command, cwd="/", pass_fds=[write_fd], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        os.close(write_fd)
        try:
            with open(read_fd, encoding="ascii") as information:
                yield json.load(information)["child-pid"], process
        finally:
            process.kill()


def _pid_that_is_gone() -> int:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


async def test_what_the_sandbox_sends_arrives_at_a_socket_outside() -> None:
    decisions: list[EgressDecision] = []
    with sandbox(_ASK) as (pid, process):
        listener = await open_listener(pid)
        rules = EgressRules(EgressMode.NONE)
        with anyio.fail_after(20):
            async with open_proxy([listener], rules, on_decision=decisions.append):
                said, _ = await anyio.to_thread.run_sync(process.communicate, b"go\n")

    assert said.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert [decision.host for decision in decisions] == ["a.test"]
    assert listener.fileno() == -1


async def test_the_socket_is_not_reachable_from_our_own_network() -> None:
    with sandbox("true") as (pid, _), await open_listener(pid) as listener:
        assert listener.getsockname() == ("127.0.0.1", PROXY_PORT)
        assert not os.get_inheritable(listener.fileno())
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", PROXY_PORT), timeout=5)


async def test_two_sandboxes_have_the_same_port_each_for_itself() -> None:
    with (
        sandbox("true") as (first, _),
        sandbox("true") as (second, _),
        await open_listener(first) as one,
        await open_listener(second) as other,
    ):
        assert one.getsockname() == other.getsockname()


async def test_a_sandbox_of_another_user_is_entered_too() -> None:
    """Started by root, each session has a user of its own. Started by a user, it is that user's."""
    with sandbox("true", as_somebody=True) as (pid, _), await open_listener(pid) as listener:
        assert listener.getsockname() == ("127.0.0.1", PROXY_PORT)


def test_no_privilege_is_needed() -> None:
    """The helper runs as the user whose sandbox it is, as it does where nobody is root."""
    # Root's own interpreter may be where that user cannot read it.
    as_root = os.geteuid() == 0
    python = shutil.which("python3", path="/usr/bin:/bin") if as_root else sys.executable
    assert python is not None
    ours, theirs = socket.socketpair()
    program = Path(namespace_socket.__file__).read_text(encoding="utf-8")
    with ours, theirs, sandbox("true", as_somebody=True) as (pid, _):
        ours.settimeout(10)
        helper = subprocess.run(
            [python, "-I", "-S", "-c", program, str(pid), "3128", str(theirs.fileno())],
            cwd="/",
            pass_fds=[theirs.fileno()],
            capture_output=True,
            timeout=20,
            check=False,
            user=_SOMEBODY if as_root else None,
            group=_SOMEBODY if as_root else None,
            extra_groups=[] if as_root else None,
        )
        assert helper.stderr == b""
        _, fds, _, _ = socket.recv_fds(ours, 1, 1)
        with socket.socket(fileno=fds[0]) as listener:
            assert listener.getsockname() == ("127.0.0.1", 3128)


async def test_our_own_network_is_never_listened_in() -> None:
    with pytest.raises(NetworkNamespaceFailed) as caught:
        await open_listener(os.getpid())

    assert "our own network namespace" in caught.value.message
    assert caught.value.hint


async def test_a_process_that_is_gone_is_told_of() -> None:
    with pytest.raises(NetworkNamespaceFailed):
        await open_listener(_pid_that_is_gone())


async def test_a_port_that_is_taken_in_the_sandbox_is_told_of() -> None:
    with sandbox("true") as (pid, _), await open_listener(pid), pytest.raises(NetworkNamespaceFailed) as caught:
        await open_listener(pid)

    assert "in use" in caught.value.message
