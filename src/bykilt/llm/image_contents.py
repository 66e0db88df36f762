"""What goes into the image, and the name that an image of exactly this gets: another bykilt asks another image.

Knows our own files and the model's hash. Does not know Docker, nor how an image is made.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

REPOSITORY = "bykilt/llm-sandbox"
MODEL_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
_TAG_DIGITS = 16


def own_parts() -> dict[str, Traversable]:
    """Return our own files in the image, by their place in the build's folder."""
    image, worker = files("bykilt.llm.image"), files("bykilt.llm.worker")
    parts = {name: image.joinpath(name) for name in ("Dockerfile", "collect.py", "start.py", "wheels.lock")}
    modules = [part for part in worker.iterdir() if part.name.endswith(".py")]
    return parts | {f"bykilt/llm/worker/{part.name}": part for part in modules}


def inputs_key(base: str) -> str:
    """Return a digest of everything that decides what is in the image."""
    return hashlib.sha256(f"{base}\n{_contents()}\n".encode()).hexdigest()


@cache
def image_name() -> str:
    """Return the name of the image that this bykilt makes and asks, whatever it is built on."""
    return f"{REPOSITORY}:{_contents()[:_TAG_DIGITS]}"


@cache
def _contents() -> str:
    digest = hashlib.sha256(f"{MODEL_SHA256}\n".encode())
    for name, part in sorted(own_parts().items()):
        content = part.read_bytes()
        digest.update(f"{name}\n{len(content)}\n".encode() + content)
    return digest.hexdigest()
