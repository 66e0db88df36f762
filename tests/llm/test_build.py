"""How the image is made: once, from what was locked, and leaving nothing behind."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bykilt.llm import image_build
from bykilt.llm.docker_client import DockerClient
from bykilt.llm.errors import BuildFailed
from bykilt.llm.image_contents import REPOSITORY
from bykilt.llm.image_sbom import CONTENTS, ImageContents, sbom
from tests.support.llm import ROOT, require_image, run_inside

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

    assert whats_in(client, built.id) == whats_in(client, require_image())


def whats_in(client: DockerClient, image: str) -> dict[str, list[object]]:
    """Every path of an image, with what it is, its rights, its time and its content, as the daemon exports it."""
    container = client.create({"Image": image})
    try:
        command = ["docker", "export", container]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as exporting:
            assert exporting.stdout
            with tarfile.open(fileobj=exporting.stdout, mode="r|") as archive:
                return {member.name: told(archive, member) for member in archive}
    finally:
        client.remove(container)


def told(archive: tarfile.TarFile, member: tarfile.TarInfo) -> list[object]:
    content = archive.extractfile(member) if member.isfile() else None
    digest = hashlib.sha256(content.read()).hexdigest() if content else member.linkname
    # Docker makes these in every container.
    made_here = member.name in ("dev", "etc", "proc", "sys", ".dockerenv") or member.name.startswith(("dev/", "etc/"))
    return [member.type, member.mode, member.uid, member.gid, 0 if made_here else member.mtime, digest]


def test_what_is_in_the_image_is_told(client: DockerClient) -> None:
    """The list of its parts is the one that the daemon exports, and each wheel and package of the base is named."""
    contents = ImageContents.of(client, require_image())
    exported = {f"/{name}": facts for name, facts in whats_in(client, require_image()).items()}
    listed = {path: one["sha256"] for path, one in contents.files.items() if "sha256" in one}
    assert {path: facts[-1] for path, facts in exported.items() if path in listed} == listed
    untold = {path for path, facts in exported.items() if facts[0] == tarfile.REGTYPE} - listed.keys()
    assert {path for path in untold if not path.startswith(("/dev", "/etc"))} <= {CONTENTS, "/.dockerenv"}
    document = sbom(contents, require_image(), "sha256:0")
    components = document["components"]
    assert isinstance(components, list)
    named = {one["purl"].split("@")[0] for one in components if isinstance(one, dict) and "purl" in one}
    assert {"pkg:pypi/cyllama", "pkg:pypi/openai", "pkg:deb/debian/libc6", "pkg:generic/python"} <= named
    assert "pkg:deb/debian/dash" not in named


def test_images_of_other_versions_are_removed_unless_a_container_uses_them(client: DockerClient) -> None:
    old, used = (f"{REPOSITORY}-test:{name}" for name in ("old", "used"))
    for tag in (old, used):
        made = subprocess.run(
            ["docker", "build", "--quiet", "--tag", tag, "-"], input=f"FROM {BASE}\nLABEL t={tag}\n".encode(),
            check=True, capture_output=True, timeout=120,
        )  # fmt: skip
        assert made.stdout
    container = client.create({"Image": used})
    try:
        assert client.tags_of(f"{REPOSITORY}-test") == [old, used]
        assert [tag for tag in client.tags_of(f"{REPOSITORY}-test") if client.remove_image(tag)] == [old]
        assert client.tags_of(f"{REPOSITORY}-test") == [used]
    finally:
        client.remove(container)
        client.remove_image(used)
    assert client.tags_of(f"{REPOSITORY}-test") == []


def test_a_base_that_cannot_be_had_is_told(client: DockerClient) -> None:
    with pytest.raises(BuildFailed, match="localhost:9/none:latest' is not on this machine") as told:
        image_build.build(client, TAG, "localhost:9/none:latest", CACHE, lambda line: None)
    assert "--base" in told.value.hint
    assert client.image(TAG) is None


def test_a_wheel_that_is_not_the_locked_one_is_not_taken(tmp_path: Path) -> None:
    for wheel in CACHE.glob("*.whl"):
        (tmp_path / wheel.name).symlink_to(wheel)
    wanted = image_build._locked()
    assert len(image_build._present(tmp_path, wanted)) == len(wanted) > 1
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
