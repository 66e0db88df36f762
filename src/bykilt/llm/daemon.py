"""Connects to Docker where its library is installed, which bykilt does not demand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bykilt.llm.errors import DockerUnavailable

if TYPE_CHECKING:
    from bykilt.llm.docker_client import DockerClient


def connect() -> DockerClient:
    """Return a connection to the Docker daemon that the environment names. Blocks.

    Raises:
        DockerUnavailable: The library is not installed, or no daemon answers, or it may not be used.
    """
    try:
        from bykilt.llm.docker_client import DockerClient
    except ModuleNotFoundError as error:
        raise DockerUnavailable(
            f"the Python library {error.name!r} is not installed", hint="pip install 'bykilt[llm]'"
        ) from error
    return DockerClient()
