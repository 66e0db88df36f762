"""The files that rules of the interception answer with: checked and read when the rules are set.

A flow file is not trusted: in a run it may name files below the current folder and in the run's own folder only.
"""

from __future__ import annotations

import dataclasses
import mimetypes
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from bykilt.browser.engine.errors import FileRejected
from bykilt.browser.engine.intercept_rules import Fulfillment, Rule
from bykilt.browser.engine.upload_files import HOW_TO_ALLOW, UploadLimits

MAX_FILE_BYTES = 50 << 20


def with_files(rules: Sequence[Rule], limits: UploadLimits) -> tuple[Rule, ...]:
    """Return the rules with the files that they name read in.

    A page that gets a file can send it on: the limits are those of uploads.

    Raises:
        FileRejected: A file is missing, not a regular one, too large, or in no allowed folder.
    """
    return tuple(
        dataclasses.replace(rule, fulfill=_read(rule.fulfill, limits)) if rule.fulfill and rule.fulfill.file else rule
        for rule in rules
    )


def _read(given: Fulfillment, limits: UploadLimits) -> Fulfillment:
    assert given.file is not None
    path = Path(given.file).expanduser().resolve()
    objection = limits.objection(path, size=0)
    if objection:
        raise FileRejected(given.file, objection, hint=HOW_TO_ALLOW)
    try:
        # Without O_NONBLOCK, opening a pipe would wait for its writer.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                raise FileRejected(given.file, "is not a regular file", hint="name a regular file")
            if found.st_size > MAX_FILE_BYTES:
                raise FileRejected(given.file, f"is larger than {MAX_FILE_BYTES >> 20} MiB", hint="use a smaller file")
            body = file.read()
    except OSError as error:
        raise FileRejected(given.file, f"cannot be read: {error.strerror}") from None
    headers = given.headers
    if not any(name.lower() == "content-type" for name, _ in headers):
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if kind.startswith("text/"):
            kind += "; charset=utf-8"
        headers += (("Content-Type", kind),)
    return dataclasses.replace(given, headers=headers, body=body)
