"""How the image is made: once, from what was locked, and leaving nothing behind."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bykilt.llm import image_build
from bykilt.llm.docker_client import DockerClient
from bykilt.llm.errors import BuildFailed
from tests.support.llm import ROOT, run_inside

BASE = "bykilt/llm-base:trixie"
CACHE = ROOT / ".venv" / "llm" / "cache" / "llm"
TAG = "bykilt/llm-test:built"


@pytest.fixture
def client() -> Iterator[DockerClient]:
    with closing(DockerClient()) as connected:
        yield connected
        subprocess.run(["docker", "rmi", "--force", TAG], check=True, capture_output=True, timeout=60)


def unnamed() -> set[str]:
    """The images that a stage of a build of ours has left behind."""
    listed = ["docker", "images", "--quiet", "--filter", f"label={image_build.STAGE_LABEL}"]
    return set(subprocess.run(listed, check=True, capture_output=True, text=True, timeout=60).stdout.split())


def test_it_is_built_once_and_leaves_nothing_behind(client: DockerClient) -> None:
    before = unnamed()
    said: list[str] = []
    built = image_build.build(client, TAG, BASE, CACHE, said.append)
    assert not built.was_there
    assert any("without a network" in line for line in said)
    assert unnamed() <= before
    again = image_build.build(client, TAG, BASE, CACHE, said.append)
    assert (again.was_there, again.id) == (True, built.id)


def test_a_base_that_cannot_be_had_is_told(client: DockerClient) -> None:
    with pytest.raises(BuildFailed, match="localhost:9/none:latest' is not on this machine") as told:
        image_build.build(client, TAG, "localhost:9/none:latest", CACHE, lambda line: None)
    assert "--base" in told.value.hint
    assert client.image(TAG) is None


def test_a_wheel_that_is_not_the_locked_one_is_not_taken(tmp_path: Path) -> None:
    for wheel in CACHE.glob("*.whl"):
        (tmp_path / wheel.name).symlink_to(wheel)
    wanted = image_build._locked()
    assert len(image_build._present(tmp_path, wanted)) == len(wanted) == 3
    changed = next(tmp_path.glob("pip-*.whl"))
    content = changed.read_bytes()
    changed.unlink()
    changed.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert changed not in image_build._present(tmp_path, wanted)


def test_there_is_no_shell_in_the_image() -> None:
    program = (
        "import json, os\n"
        "print(json.dumps(sorted(name for folder in ('/usr/bin', '/bin', '/usr/sbin', '/sbin', '/usr/local/bin') "
        "if os.path.isdir(folder) for name in os.listdir(folder))))"
    )
    (programs,) = run_inside(program, policy=None).lines
    assert programs
    assert all(name.startswith("python3") for name in programs), json.dumps(programs)
