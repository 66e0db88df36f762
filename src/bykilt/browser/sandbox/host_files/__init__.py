"""Files that a machine or a container is prepared with, so that there can be a sandbox; part of the package.

Knows where they are. `seccomp-bykilt.json` is made by scripts/generate.
"""

from __future__ import annotations

from enum import StrEnum
from importlib import resources


class HostFile(StrEnum):
    """The files, by the names that the command line has for them."""

    DOCKER_SECCOMP = "docker-seccomp"
    APPARMOR = "apparmor"

    @property
    def file_name(self) -> str:
        """The name that the file should have where it is used."""
        return _FILE_NAMES[self]

    def text(self) -> str:
        """Return the content."""
        return resources.files(__name__).joinpath(self.file_name).read_text(encoding="utf-8")


_FILE_NAMES = {HostFile.DOCKER_SECCOMP: "seccomp-bykilt.json", HostFile.APPARMOR: "bykilt-bwrap"}
