"""Inside the build: gather the interpreter, its library, the worker and every shared library they need under /out."""

from __future__ import annotations

import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig

OUT = "/out"
NOT_NEEDED = {
    "curses", "dbm", "dist-packages", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "sqlite3",
    "test", "tests", "tkinter", "turtledemo", "unittest", "venv", "wsgiref", "xmlrpc", "__pycache__",
    "ftplib.py", "imaplib.py", "pdb.py", "poplib.py", "smtplib.py", "turtle.py", "webbrowser.py",
}  # fmt: skip


def put(path: str) -> None:
    """Copy a file to the same place under OUT; a link comes with what it leads to."""
    target = OUT + path
    if os.path.lexists(target):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.islink(path):
        leads_to = os.readlink(path)
        os.symlink(leads_to, target)
        put(os.path.normpath(os.path.join(os.path.dirname(path), leads_to)))
    else:
        shutil.copy2(path, target)


def put_libraries_of(path: str) -> None:
    """Copy every shared library that a program or library loads."""
    listed = subprocess.run(["ldd", path], capture_output=True, check=False, text=True).stdout
    for library in re.findall(r"(/\S+) \(0x", listed):
        put(library)
        put(os.path.realpath(library))


def copy_tree(source: str) -> None:
    """Copy a folder without what no worker needs, and the libraries of what is in it."""

    def unwanted(folder: str, names: list[str]) -> list[str]:
        return [name for name in names if name in NOT_NEEDED or name.startswith("config-") or name.endswith(".a")]

    shutil.copytree(source, OUT + source, symlinks=True, ignore=unwanted, dirs_exist_ok=True)
    for folder, _, names in os.walk(OUT + source):
        for name in names:
            if ".so" in name:
                put_libraries_of(os.path.join(folder, name))


def main() -> None:
    """Fill OUT."""
    interpreter = os.path.realpath(sys.executable)
    library = sysconfig.get_path("stdlib")
    put(interpreter)
    put_libraries_of(interpreter)
    os.makedirs(OUT + "/usr/bin", exist_ok=True)
    if not os.path.lexists(OUT + "/usr/bin/python3"):
        os.symlink(interpreter, OUT + "/usr/bin/python3")
    for folder in (library, "/opt/llm"):
        copy_tree(folder)
        # Compiled here once, so that a read-only root starts fast and nobody tries to write there.
        compileall.compile_dir(
            OUT + folder, quiet=2, stripdir=OUT, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
        )
    for folder in ("/tmp", "/proc", "/sys", "/dev", "/etc"):
        os.makedirs(OUT + folder, exist_ok=True)
    # The mount that comes over it takes this folder's mode.
    os.chmod(OUT + "/tmp", 0o1777)
    with open(OUT + "/etc/passwd", "w", encoding="ascii") as passwd:
        passwd.write("worker:x:65532:65532::/tmp:/nonexistent\n")
    with open(OUT + "/etc/group", "w", encoding="ascii") as group:
        group.write("worker:x:65532:\n")


if __name__ == "__main__":
    main()
