"""Talks to the Docker daemon: images, containers and the attached stream. Every call here blocks.

The only module that knows the Docker library; its errors become ours. Does not know what a container is for.
"""

from __future__ import annotations

import io
import socket
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import requests
from docker import errors as docker_errors

from bykilt.llm.errors import DockerUnavailable, LLMError

_HINTS = {
    PermissionError: "your user may not use the daemon's socket: `sudo usermod -aG docker $USER` (that is as good as "
    "root on this machine), then log in again",
    FileNotFoundError: "install and start Docker (Debian, Ubuntu: sudo apt-get install docker.io)",
}
_DEFAULT_HINT = "start the Docker daemon (sudo systemctl start docker), or point DOCKER_HOST at one"


class DockerFailed(LLMError):
    """The daemon refused a request."""

    code = "docker_failed"


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image: its id, its labels, its size in bytes."""

    id: str
    size: int
    labels: dict[str, str] = field(default_factory=dict)


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except docker_errors.APIError as error:
        hint = "the disk of Docker's data folder is full" if "no space left" in str(error).lower() else ""
        raise DockerFailed(f"Docker refused: {error.explanation or error}", hint=hint) from error
    except (docker_errors.DockerException, requests.exceptions.RequestException, OSError) as error:
        raise DockerUnavailable(f"no Docker daemon answers: {_cause(error)}", hint=_hint(error)) from error


class DockerClient:
    """One connection to the daemon that the environment names."""

    def __init__(self) -> None:
        """Connect.

        Raises:
            DockerUnavailable: No daemon answers, or it may not be used.
        """
        with _our_errors():
            settings = docker.utils.kwargs_from_env()
            _knock(settings.get("base_url") or "unix:///var/run/docker.sock")
            self._api = docker.APIClient(version="auto", timeout=60, **settings)

    def close(self) -> None:
        """Let go of the connection."""
        self._api.close()

    def has_apparmor(self) -> bool:
        """Whether the daemon can set AppArmor profiles: named on a kernel without it, they are silently ignored."""
        with _our_errors():
            return any("apparmor" in option for option in self._api.info().get("SecurityOptions") or [])

    def runtimes(self) -> set[str]:
        """Return the names of the runtimes that the daemon knows."""
        with _our_errors():
            return set(self._api.info().get("Runtimes") or {})

    def version(self) -> str:
        """Return the daemon's version."""
        with _our_errors():
            return str(self._api.version().get("Version"))

    def image(self, name: str) -> ImageFacts | None:
        """Return what is known of an image, None if it is not here."""
        with _our_errors():
            try:
                found = self._api.inspect_image(name)
            except docker_errors.ImageNotFound:
                return None
        labels = (found.get("Config") or {}).get("Labels") or {}
        return ImageFacts(str(found["Id"]), int(found.get("Size") or 0), dict(labels))

    def build(self, folder: Path, tag: str, arguments: dict[str, str], labels: dict[str, str]) -> Iterator[str]:
        """Build the folder's Dockerfile without any network; yield what the daemon says.

        Raises:
            DockerFailed: A step failed.
        """
        with _our_errors():
            said = self._api.build(
                path=str(folder), tag=tag, buildargs=arguments, labels=labels, network_mode="none", rm=True,
                forcerm=True, decode=True, timeout=900,
            )  # fmt: skip
            failure = ""
            for entry in said:  # to the end, also after a failure: what is not read stays open
                failure = failure or str(entry.get("error") or "").strip()
                if text := str(entry.get("stream") or entry.get("status") or "").strip():
                    yield text
        if failure:
            full = "no space left" in failure.lower()
            raise DockerFailed(
                f"the image could not be built: {failure}",
                hint="free some space in Docker's data folder" if full else "",
            )

    def remove_left_over(self, label: str) -> None:
        """Remove the images without a name that carry a label (`name=value`)."""
        with _our_errors():
            self._api.prune_images(filters={"dangling": True, "label": label})

    def read_file(self, image: str, path: str) -> bytes:
        """Return a file of an image, from a container that is never started.

        Raises:
            DockerFailed: There is none.
        """
        container = self.create({"Image": image})
        try:
            with _our_errors():
                blocks, _ = self._api.get_archive(container, path)
                packed = b"".join(blocks)
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                member = archive.next()
                content = archive.extractfile(member) if member is not None else None
                if content is None:
                    raise DockerFailed(f"{path} is no file in the image")
                return content.read()
        finally:
            self.remove(container)

    def tags_of(self, repository: str) -> list[str]:
        """Return the names of the images of a repository."""
        with _our_errors():
            found = self._api.images(name=repository)
        return sorted(tag for one in found for tag in one.get("RepoTags") or [] if tag.startswith(f"{repository}:"))

    def remove_image(self, tag: str) -> bool:
        """Take a name off an image, and remove it with its last one; False if a container uses it."""
        with _our_errors():
            try:
                self._api.remove_image(tag)
            except docker_errors.APIError as error:
                if error.status_code not in (404, 409):
                    raise
                return int(error.status_code) == 404
        return True

    def create(self, configuration: dict[str, Any]) -> str:
        """Make a container from the API's own document; return its id."""
        with _our_errors():
            # The library's own builder of this document does not know every field that is wanted here.
            return str(self._api.create_container_from_config(configuration)["Id"])

    def attach(self, container: str) -> socket.socket:
        """Return the container's three streams as one socket; attach before the start, or the first lines are lost."""
        with _our_errors():
            parameters = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
            attached = self._api.attach_socket(container, params=parameters)
            # The library gives a file around its socket, with no public way to the socket; taken out of it, the
            # descriptor has one owner.
            own = socket.socket(fileno=attached._sock.detach())
        own.setblocking(False)
        return own

    def start(self, container: str) -> None:
        """Start a container."""
        with _our_errors():
            self._api.start(container)

    def inspect(self, container: str) -> dict[str, Any]:
        """Return what the daemon knows of a container."""
        with _our_errors():
            return dict(self._api.inspect_container(container))

    def wait(self, container: str) -> int:
        """Return the exit code of a container once it has ended."""
        with _our_errors():
            return int(self._api.wait(container, timeout=30)["StatusCode"])

    def remove(self, container: str) -> None:
        """Kill and remove a container; one that is gone, or that somebody else is removing, is fine."""
        with _our_errors():
            try:
                self._api.remove_container(container, force=True, v=True)
            except docker_errors.APIError as error:
                if error.status_code not in (404, 409):
                    raise

    def labelled(self, label: str) -> dict[str, str]:
        """Return id and label's value of each container that carries the label, running or not."""
        with _our_errors():
            found = self._api.containers(all=True, filters={"label": label})
        return {str(one["Id"]): str(one["Labels"][label]) for one in found}


def _knock(address: str) -> None:
    """Connect once to a socket of this machine: the library leaves open what it cannot connect, and hides why."""
    kind, _, path = address.partition("://")
    if kind in ("unix", "http+unix"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect("/" + path.lstrip("/"))


def _cause(error: BaseException) -> str:
    return str(_root(error)) or type(error).__name__


def _hint(error: BaseException) -> str:
    return next((hint for kind, hint in _HINTS.items() if isinstance(_root(error), kind)), _DEFAULT_HINT)


def _root(error: BaseException) -> BaseException:
    """Return the error of the system below those of three libraries."""
    seen = error
    while True:
        inner = seen.__cause__ or seen.__context__
        inner = inner or next((part for part in seen.args if isinstance(part, BaseException)), None)
        inner = inner or getattr(seen, "reason", None)
        if not isinstance(inner, BaseException) or (isinstance(seen, OSError) and seen.errno):
            return seen
        seen = inner
