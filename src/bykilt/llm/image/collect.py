"""Inside the build: gather the interpreter, its library, the worker and every shared library they need under /out."""

from __future__ import annotations

import compileall
import hashlib
import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig

OUT = "/out"
CONTENTS = "/opt/llm/contents.json"
DPKG = "/var/lib/dpkg"
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
    owners, versions = packages_of_the_base()
    names = {name for path in everything() for name in owners.get(os.path.realpath(path), ())}
    packages = {name: versions[name] for name in names if name in versions}
    files = {path: described(OUT + path) for path in everything()}
    contents = {"python": sys.version.split()[0], "packages": packages, "files": files}
    with open(OUT + CONTENTS, "w", encoding="utf-8") as file:
        json.dump(contents, file, indent=1, sort_keys=True)
    os.chmod(OUT + CONTENTS, 0o644)
    # When it was built is no part of what it is.
    for path in ["", *everything()]:
        os.utime(OUT + path, (0, 0), follow_symlinks=False)


def everything() -> list[str]:
    """Return every path in the image, in order."""
    found = []
    for folder, folders, names in os.walk(OUT):
        found += [os.path.join(folder, name)[len(OUT) :] for name in (*folders, *names)]
    return sorted(found)


def described(path: str) -> dict[str, object]:
    """Return what a path holds: its mode, and a link's target or a file's size and SHA-256."""
    if os.path.islink(path):
        return {"link": os.readlink(path)}
    mode = oct(os.lstat(path).st_mode & 0o7777)
    if os.path.isdir(path):
        return {"mode": mode}
    with open(path, "rb") as file:
        content = file.read()
    return {"mode": mode, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def packages_of_the_base() -> tuple[dict[str, list[str]], dict[str, str]]:
    """Return the packages of each file, and the version of each package; nothing on a base that is no Debian."""
    owners: dict[str, list[str]] = {}
    versions: dict[str, str] = {}
    if not os.path.exists(DPKG + "/status"):
        return owners, versions
    for name in os.listdir(DPKG + "/info"):
        package, ending = os.path.splitext(name)
        if ending == ".list":
            with open(f"{DPKG}/info/{name}", encoding="utf-8") as listed:
                for line in listed:
                    path = line.rstrip("\n")
                    if os.path.isfile(path):
                        owners.setdefault(os.path.realpath(path), []).append(package.split(":")[0])
    with open(DPKG + "/status", encoding="utf-8") as status:
        for entry in status.read().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in entry.splitlines() if ": " in line and line[0] != " ")
            if "Package" in fields:
                versions[fields["Package"]] = fields.get("Version", "")
    return owners, versions


if __name__ == "__main__":
    main()
