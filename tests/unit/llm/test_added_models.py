"""Files of models that were added: each is used only while it is the one that was added."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bykilt.errors import InvalidInput
from bykilt.llm.added_models import FILE_NAME, AddedModel, AddedModels
from bykilt.llm.calls import MODEL
from bykilt.llm.errors import ModelChanged
from bykilt.llm.policy import MODEL_PLACE, SandboxPolicy
from bykilt.storage.errors import StorageError
from tests.unit.llm.test_policy import SEEN, inspected

CONTENT = b"GGUF" + b"weights" * 100


@pytest.fixture
def models(tmp_path: Path) -> AddedModels:
    return AddedModels(tmp_path / "home")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "model.gguf", CONTENT)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o644)
    return path


def sha256(content: bytes = CONTENT) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_model_is_added_found_and_removed(models: AddedModels, file: Path) -> None:
    models.add("mine", file, sha256().upper(), context_tokens=4096, memory="3g")
    models.add("another", file, sha256())
    assert [model.name for model in models.all()] == ["another", "mine"]
    found = models.find("mine")
    assert (found.path, found.context_tokens, found.memory) == (file.resolve(), 4096, "3g")
    assert found.checked() == found.seen
    models.remove("mine")
    assert [model.name for model in models.all()] == ["another"]
    with pytest.raises(InvalidInput, match="no model 'mine'") as told:
        models.find("mine")
    assert MODEL in told.value.hint
    assert file.read_bytes() == CONTENT


@pytest.mark.parametrize("name", ["", "Mine", "../mine", "a b", "x" * 65, MODEL])
def test_a_name_that_cannot_be_used_is_refused(models: AddedModels, file: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be called"):
        models.add(name, file, sha256())


def test_a_file_of_another_hash_is_not_added(models: AddedModels, file: Path) -> None:
    with pytest.raises(InvalidInput, match=sha256()):
        models.add("mine", file, sha256(b"another"))
    with pytest.raises(InvalidInput, match="no SHA-256"):
        models.add("mine", file, "abc")
    assert models.all() == []


def test_what_is_no_model_file_is_not_added(models: AddedModels, tmp_path: Path) -> None:
    text = written(tmp_path / "text.gguf", b"a text")
    with pytest.raises(InvalidInput, match="is no GGUF file"):
        models.add("mine", text, sha256(b"a text"))
    with pytest.raises(InvalidInput, match="it is no file"):
        models.add("mine", tmp_path, sha256())
    with pytest.raises(InvalidInput, match="cannot be opened"):
        models.add("mine", tmp_path / "nowhere", sha256())
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInput, match="it is no file"):
        models.add("mine", tmp_path / "pipe", sha256())


def test_a_file_that_the_container_could_not_read_is_not_added(models: AddedModels, file: Path) -> None:
    file.chmod(0o600)
    with pytest.raises(InvalidInput, match=r"chmod o\+r"):
        models.add("mine", file, sha256())


def test_a_file_whose_content_changed_is_refused(models: AddedModels, file: Path) -> None:
    """Of the same size, and with the time of its last change set back."""
    model = models.add("mine", file, sha256())
    before = file.stat()
    with file.open("r+b") as opened:
        opened.seek(10)
        opened.write(b"X")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(ModelChanged, match="not what was added") as told:
        model.checked()
    assert "add it anew" in told.value.hint


def test_a_copy_of_the_same_content_in_its_place_is_read_and_used(models: AddedModels, file: Path) -> None:
    model = models.add("mine", file, sha256())
    file.unlink()
    written(file, CONTENT)
    checked = model.checked()
    assert (checked.path, checked.size) == (model.seen.path, model.seen.size)
    assert checked != model.seen


def test_a_link_is_followed_once_and_never_again(models: AddedModels, file: Path, tmp_path: Path) -> None:
    evil = written(tmp_path / "evil.gguf", CONTENT[:-1] + b"X")
    link = tmp_path / "link.gguf"
    link.symlink_to(file)
    model = models.add("mine", link, sha256())
    link.unlink()
    link.symlink_to(evil)
    assert model.checked().path == str(file.resolve())
    file.unlink()
    file.symlink_to(evil)
    with pytest.raises(ModelChanged, match="cannot be opened"):
        model.checked()


def test_a_file_that_is_gone_is_told(models: AddedModels, file: Path) -> None:
    model = models.add("mine", file, sha256())
    file.unlink()
    with pytest.raises(ModelChanged, match="No such file"):
        model.checked()


@pytest.mark.parametrize("damage", [[], {"mine": 1}, {"mine": {"path": "/x"}}, {"mine": {"path": 3, "seen": {}}}])
def test_a_damaged_list_is_told(models: AddedModels, tmp_path: Path, damage: object) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / FILE_NAME).write_text(json.dumps(damage))
    with pytest.raises(StorageError):
        models.all()


# --- the one mount that the policy allows ---


def mounting(model: AddedModel) -> tuple[SandboxPolicy, dict[str, Any], dict[str, Any]]:
    """The policy, the container as the daemon tells it, and the walls as the worker sees them."""
    policy = SandboxPolicy(model=model.seen)
    mount = {"Source": str(model.path), "Destination": MODEL_PLACE, "RW": False}
    seen = model.seen
    facts = {"inode": seen.inode, "size": seen.size, "written_ns": seen.written_ns, "changed_ns": seen.changed_ns}
    mounts = SEEN["mounts"] | {MODEL_PLACE: "ro,relatime"}
    return policy, inspected(policy) | {"Mounts": [mount]}, SEEN | {"model": facts, "mounts": mounts}


def test_the_mount_of_the_model_is_the_only_one(models: AddedModels, file: Path) -> None:
    policy, container, seen = mounting(models.add("mine", file, sha256()))
    (mount,) = container["Mounts"]
    assert policy.differences_set(container, has_apparmor=False) == []
    assert policy.differences_seen(seen, second_filter=True) == []
    for wrong in ([], [mount, mount], [mount | {"RW": True}], [mount | {"Source": "/etc/shadow"}]):
        assert policy.differences_set(container | {"Mounts": wrong}, has_apparmor=False)
    assert SandboxPolicy().differences_set(inspected(SandboxPolicy()) | {"Mounts": [mount]}, has_apparmor=False)
    assert SandboxPolicy().differences_seen(seen, second_filter=True) == [f"{MODEL_PLACE!r} is mounted"]
    writable = seen | {"mounts": seen["mounts"] | {MODEL_PLACE: "rw"}}
    assert policy.differences_seen(writable, second_filter=True)


@pytest.mark.parametrize("name", ["inode", "size", "written_ns", "changed_ns"])
def test_a_file_that_was_put_in_between_is_seen_from_inside(models: AddedModels, file: Path, name: str) -> None:
    policy, _, seen = mounting(models.add("mine", file, sha256()))
    other = seen | {"model": seen["model"] | {name: 1}}
    assert policy.differences_seen(other, second_filter=True) == [f"the model's {name} is 1"]
    assert policy.differences_seen(seen | {"model": None}, second_filter=True)
    in_gvisor = replace(policy, runtime="runsc")._model_differences(other["model"])
    assert bool(in_gvisor) is (name in ("size", "written_ns"))
