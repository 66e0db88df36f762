"""What the documents promise is there: linked files, commands, options, flows that load, words that are defined."""

import ast
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
import pytest

from bykilt.browser.sandbox.profile_file import load_profiles
from bykilt.cli.main import main
from bykilt.flows.loader import load_flow_text
from bykilt.llm.settings_file import parse_settings
from tests.architecture._sources import ROOT, tracked_files

DOCUMENTS = [path for path in tracked_files() if path.suffix == ".md"]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _heading_anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def _commands() -> Iterator[tuple[str, list[str]]]:
    """Yield each `bykilt …` line of the shell examples, split into words."""
    for path in DOCUMENTS:
        for language, code in FENCE.findall(path.read_text()):
            if language not in ("sh", "console"):
                continue
            for line in code.replace("\\\n", " ").splitlines():
                words = shlex.split(line.removeprefix("$ "), comments=True)
                if words and words[0].removeprefix(".venv/bin/") == "bykilt":
                    yield _name(path), words[1:]


@pytest.mark.parametrize("path", DOCUMENTS, ids=_name)
def test_links_lead_somewhere(path: Path) -> None:
    broken = []
    for target in LINK.findall(FENCE.sub("", path.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = (path.parent / name).resolve() if name else path
        if not linked.exists() or (anchor and anchor not in _heading_anchors(linked.read_text())):
            broken.append(target)
    assert not broken


def test_commands_in_the_documents_exist() -> None:
    """Command, subcommand and every option that an example shows."""
    unknown = []
    seen = 0
    for document, words in _commands():
        seen += 1
        command: click.Command = main
        while words and isinstance(command, click.Group) and not words[0].startswith("-"):
            name = words.pop(0)
            child = command.get_command(click.Context(command), name)
            if child is None:
                unknown.append(f"{document}: bykilt … {name}")
                break
            command = child
        known = {name for param in command.params for name in (*param.opts, *param.secondary_opts)}
        known |= {"--help", "-h"}
        options = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        unknown += [f"{document}: {command.name} {option}" for option in options - known]
    assert not unknown
    assert seen


def _flows() -> Iterator[tuple[str, str]]:
    for path in DOCUMENTS:
        for number, (language, code) in enumerate(FENCE.findall(path.read_text())):
            is_ours = re.search(r'^\s*"?bykilt"?\s*:', code, re.MULTILINE)
            is_older = '"commands"' in code and '"script_name"' in code
            if language in ("json", "yaml") and (is_ours or is_older):
                yield f"{_name(path)}-{number}.{language}", code


FLOWS = dict(_flows())


@pytest.mark.parametrize("name", FLOWS)
def test_flows_in_the_documents_load(name: str) -> None:
    assert load_flow_text(FLOWS[name], name).steps


PROFILES = {
    f"{_name(path)}-{number}.yaml": code
    for path in DOCUMENTS
    for number, (language, code) in enumerate(FENCE.findall(path.read_text()))
    if language == "yaml" and code.startswith("schema_version:")
}


@pytest.mark.parametrize("name", PROFILES)
def test_sandbox_profiles_in_the_documents_load(name: str, tmp_path: Path) -> None:
    file = tmp_path / "sandbox.yaml"
    file.write_text(PROFILES[name])
    assert load_profiles(file)


LLM_SETTINGS = {
    f"{_name(path)}-{number}.yaml": code
    for path in DOCUMENTS
    for number, (language, code) in enumerate(FENCE.findall(path.read_text()))
    if language == "yaml" and code.startswith("# llm.yaml\n")
}


@pytest.mark.parametrize("name", LLM_SETTINGS)
def test_model_settings_in_the_documents_load(name: str) -> None:
    assert parse_settings(LLM_SETTINGS[name], name).use


def _python_blocks() -> Iterator[tuple[str, str]]:
    for path in DOCUMENTS:
        for number, (language, code) in enumerate(FENCE.findall(path.read_text())):
            if language == "python":
                yield f"{_name(path)}-{number}", code


PYTHON_BLOCKS = dict(_python_blocks())


@pytest.mark.parametrize("name", PYTHON_BLOCKS)
def test_python_in_the_documents_compiles_and_imports_what_there_is(name: str) -> None:
    tree = ast.parse(PYTHON_BLOCKS[name])
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = import_module(node.module)
            assert [alias.name for alias in node.names if not hasattr(module, alias.name)] == []


def test_every_decision_is_listed() -> None:
    listed = (ROOT / "docs" / "adr" / "README.md").read_text()
    decisions = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    assert [path.name for path in decisions if f"({path.name})" not in listed] == []
    assert [path.name[:4] for path in decisions] == [f"{n:04}" for n in range(1, len(decisions) + 1)]


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "adr").glob("0*.md")), ids=_name)
def test_a_decision_says_why_and_what_would_change_it(path: Path) -> None:
    headings = re.findall(r"^## (.+)$", path.read_text(), re.MULTILINE)
    assert headings == ["Context", "Decision", "Consequences", "What would change our mind"]
