"""The log takes what it can hold and nothing more, whoever writes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from bykilt.browser.launch.browser_log import MAX_BYTES, BrowserLog


def test_the_last_lines_are_what_was_written_last(tmp_path: Path) -> None:
    log = BrowserLog()
    subprocess.run(["/bin/sh", "-c", "for n in 1 2 3 4; do echo line $n >&2; done"], stderr=log.fd, check=True)

    assert log.tail(2) == "line 3\nline 4"
    log.save(tmp_path / "chromium.log")
    assert (tmp_path / "chromium.log").read_text() == "line 1\nline 2\nline 3\nline 4\n"
    log.close()
    assert log.tail() == ""


def test_output_without_end_is_cut_off_by_the_kernel() -> None:
    log = BrowserLog()
    flood = subprocess.run(["/bin/sh", "-c", "yes >&2; exit 0"], stderr=log.fd, check=False, timeout=20)

    assert flood.returncode == 0
    assert len(log.text()) == MAX_BYTES
    log.close()


def test_a_process_that_opens_it_by_name_writes_into_the_same_log() -> None:
    log = BrowserLog()
    subprocess.run(["/bin/sh", "-c", f"echo hello 2>&1 1<>{log.path}"], check=True)

    assert log.text() == "hello\n"
    assert os.path.exists(log.path)
    log.close()


def test_a_log_in_which_nothing_stands_makes_no_file(tmp_path: Path) -> None:
    log = BrowserLog()
    log.save(tmp_path / "chromium.log")
    log.close()

    assert not (tmp_path / "chromium.log").exists()
