"""Copies of the ledger's lines outside of it: in a file elsewhere, or at the system's log service.

A courier that fails is given up for the life of the process, and that is a line of the ledger itself. Knows the
ways out. Does not know what a line says.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bykilt.audit.ledger import Courier
from bykilt.settings import InvalidSetting

FILE_VARIABLE = "BYKILT_AUDIT_FILE"
SYSLOG_VARIABLE = "BYKILT_AUDIT_SYSLOG"
# Facility 13, "log audit", and severity 6, "informational".
# Source: RFC 5424, section 6.2.1
_PRIORITY = 13 * 8 + 6
_PATIENCE_S = 2.0


class FileCourier:
    """Appends to a file, for instance on another disk or on a share that can only be added to."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path

    def carry(self, line: bytes) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if os.write(file, line) != len(line):
                raise OSError(28, "a line was written in part")
        finally:
            os.close(file)

    def close(self) -> None:
        """Nothing is open between two lines."""


class SyslogCourier:
    """Sends datagrams in the form of RFC 5424, to a socket of this machine or by UDP to another."""

    def __init__(self, address: str) -> None:
        """Take a path, such as /dev/log, or `host:port`.

        Raises:
            InvalidSetting: It is neither.
        """
        self.name = f"syslog {address}"
        host, colon, port = address.rpartition(":")
        if not address.startswith("/") and not (colon and host and port.isdigit()):
            reason = "neither a path nor host:port"
            raise InvalidSetting(SYSLOG_VARIABLE, address, reason, hint="for instance /dev/log or logs.example:514")
        self._path = address if address.startswith("/") else ""
        self._target = (host.strip("[]"), int(port)) if not self._path else ("", 0)
        self._socket: socket.socket | None = None

    def carry(self, line: bytes) -> None:
        if self._socket is None:
            self._socket = self._connected()
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        head = f"<{_PRIORITY}>1 {now} {os.uname().nodename} bykilt {os.getpid()} audit - "
        self._socket.send(head.encode() + line.rstrip(b"\n"))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        family, target = self._where()
        made = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        try:
            made.settimeout(_PATIENCE_S)
            made.connect(target)
        except OSError:
            made.close()
            raise
        return made

    def _where(self) -> tuple[socket.AddressFamily, Any]:
        if self._path:
            return socket.AF_UNIX, self._path
        family, _, _, _, target = socket.getaddrinfo(*self._target, type=socket.SOCK_DGRAM)[0]
        return family, target


def couriers_of(environ: Mapping[str, str]) -> Sequence[Courier]:
    """Return the couriers that the environment asks for.

    Raises:
        InvalidSetting: A variable cannot be used.
    """
    found: list[Courier] = []
    if path := environ.get(FILE_VARIABLE, "").strip():
        found.append(FileCourier(Path(path).expanduser().absolute()))
    if address := environ.get(SYSLOG_VARIABLE, "").strip():
        found.append(SyslogCourier(address))
    return found
