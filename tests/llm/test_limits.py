"""The limits of the container, each tried until it bites: memory, processes, processor, disk, descriptors."""

from __future__ import annotations

from bykilt.llm.policy import SandboxPolicy
from tests.support.llm import run_inside

SMALL = SandboxPolicy(memory=128 << 20)


def test_memory_ends_at_its_limit() -> None:
    program = (
        "import json\nkept = []\n"
        "for step in range(64):\n"
        "    kept.append(bytearray(b'x' * (8 << 20)))\n"
        "    print(json.dumps(step), flush=True)\n"
    )
    ended = run_inside(program, policy=SMALL)
    assert (ended.code, ended.out_of_memory) == (137, True)
    assert 8 <= len(ended.lines) < 16
    assert run_inside(program, policy=None).code == 0


def test_threads_end_at_their_limit() -> None:
    program = (
        "import json, threading\nstop, count = threading.Event(), 0\n"
        "try:\n"
        "    while count < 200:\n"
        "        threading.Thread(target=stop.wait, daemon=True).start()\n"
        "        count += 1\n"
        "except RuntimeError: pass\n"
        "print(json.dumps(count), flush=True)\nimport os; os._exit(0)\n"
    )
    (inside,) = run_inside(program, policy=SMALL).lines
    assert 20 <= inside < SMALL.pids
    assert run_inside(program, policy=None).lines == [200]


def test_the_processor_is_shared_out() -> None:
    """A quarter of a processor: a busy second costs about a quarter of a second."""
    program = (
        "import json, time\nwall, used = time.monotonic(), time.process_time()\n"
        "while time.monotonic() - wall < 2: pass\n"
        "print(json.dumps((time.process_time() - used) / (time.monotonic() - wall)))\n"
    )
    (share,) = run_inside(program, policy=SandboxPolicy(memory=128 << 20, cpu_quota=25_000)).lines
    assert share < 0.4


def test_the_only_place_to_write_is_small_and_in_memory() -> None:
    program = (
        "import errno, json, os\nfile = os.open('/tmp/x', os.O_WRONLY | os.O_CREAT)\ntotal = 0\n"
        "try:\n"
        "    while total < 64 << 20: total += os.write(file, b'x' * (1 << 20))\n"
        "except OSError as error: print(json.dumps([errno.errorcode[error.errno], total]))\n"
        "else: print(json.dumps(['no end', total]))\n"
    )
    assert run_inside(program, policy=SMALL).lines == [["ENOSPC", 16 << 20]]
    assert run_inside(program, policy=None).lines == [["no end", 64 << 20]]


def test_what_is_written_there_cannot_be_run() -> None:
    program = (
        "import errno, json, os\n"
        "file = os.open('/tmp/p', os.O_WRONLY | os.O_CREAT, 0o755)\n"
        "os.write(file, open('/usr/bin/python3', 'rb').read())\nos.close(file)\n"
        "assert os.access('/tmp/p', os.R_OK) and os.stat('/tmp/p').st_mode & 0o100\n"
        "try: os.execv('/tmp/p', ['/tmp/p', '-c', 'print(1)'])\n"
        "except OSError as error: print(json.dumps(errno.errorcode[error.errno]))\n"
    )
    assert run_inside(program, policy=SMALL).lines == ["EACCES"]
    assert run_inside(program, policy=None).lines == [1]


def test_descriptors_and_core_files_are_limited() -> None:
    program = (
        "import json, os, resource\ncount = 0\n"
        "try:\n"
        "    while count < 1000: os.dup(0); count += 1\n"
        "except OSError: pass\n"
        "print(json.dumps([count, resource.getrlimit(resource.RLIMIT_CORE)[1]]))\n"
    )
    ((count, core),) = run_inside(program, policy=SMALL).lines
    assert count < 64
    assert core == 0
    assert run_inside(program, policy=None).lines[0][0] == 1000
