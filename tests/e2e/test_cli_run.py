"""`bykilt run` as a person and a program use it: real processes, a real Chromium, a loopback site."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from bykilt.cli.run_options import ENGINES
from tests.support.command_line import CommandLine
from tests.support.site import Site

FORM = """<!doctype html><title>Form</title><label>Name <input id="name"></label>
<button onclick="said.value = 'Hello ' + document.querySelector('#name').value">Greet</button>
<output id="said"></output>"""


@pytest.fixture
def greeting(tmp_path: Path, site: Site) -> Path:
    """A flow that fills in a form, saves what the page answers, and takes a picture."""
    site.set_page("/form", FORM)
    return flow_file(
        tmp_path,
        params={"url": {"type": "string", "required": True}, "name": {"type": "string", "default": "Aiko"}},
        steps=[
            {"action": "navigate", "url": "${params.url}"},
            {
                "id": "type_name",
                "title": "Type the name",
                "action": "fill",
                "selector": "#name",
                "text": "${params.name}",
            },
            {"action": "click", "selector": 'role=button[name="Greet"]'},
            {"id": "answer", "action": "extract", "selector": "output"},
            {"action": "save_data", "file": "answer.json", "data": {"said": "${steps.answer.result}"}},
            {"action": "screenshot"},
        ],
        outputs={"said": "${steps.answer.result}"},
    )


def flow_file(folder: Path, *, steps: list[object], **more: object) -> Path:
    path = folder / "flow.json"
    path.write_text(json.dumps({"bykilt": 1, "name": "greeting", **more, "steps": steps}), encoding="utf-8")
    return path


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_ends_with_a_summary_that_says_where_everything_is(
    bykilt: CommandLine, greeting: Path, site: Site, engine: str
) -> None:
    said = bykilt.run("run", greeting, "-p", f"url={site.url('/form')}", "-p", "name=Ken", "--engine", engine)

    assert said.code == 0, said.err
    lines = said.out.splitlines()
    assert lines[0].startswith("greeting: succeeded in ")
    assert lines[0].endswith(f" on {engine}")
    assert "  Output      said = Hello Ken" in lines
    for label in ("Data", "Screenshot", "Result"):
        path = next(line.split(maxsplit=1)[1].split(" (")[0] for line in lines if line.startswith(f"  {label} "))
        assert Path(path).is_file()
    assert any(line.startswith("  Trace ") and " trace open " in line for line in lines)
    # Progress was told as it went, on standard error.
    assert f"on the {engine} engine" in said.err
    assert any(line.startswith("ok ") and "Type the name" in line for line in said.err.splitlines())


def test_the_result_for_programs_is_one_document(
    bykilt: CommandLine, greeting: Path, site: Site, tmp_path: Path
) -> None:
    params = tmp_path / "params.yaml"
    params.write_text(f"url: {site.url('/form')}\nname: Mika\n", encoding="utf-8")
    said = bykilt.run("run", greeting, "--params-file", params, "--json", "--quiet")

    document = said.json()
    assert said.code == 0
    assert document["ok"] is True
    assert document["outputs"] == {"said": "Hello Mika"}
    assert document["params"]["name"] == "Mika"
    assert Path(document["trace"]).is_file()
    assert {file["kind"] for file in document["files"]} == {"data", "screenshot"}
    assert said.err == ""


def test_a_run_without_a_trace_has_none(bykilt: CommandLine, greeting: Path, site: Site) -> None:
    document = bykilt.run("run", greeting, "-p", f"url={site.url('/form')}", "--no-trace", "--json").json()
    assert document["trace"] is None
    assert not (Path(document["folder"]) / "trace").exists()


def test_a_failed_run_says_which_step_failed_and_why(bykilt: CommandLine, tmp_path: Path, site: Site) -> None:
    site.set_page("/form", FORM)
    steps: list[object] = [
        {"action": "navigate", "url": site.url("/form")},
        {"id": "buy", "title": "Buy it", "action": "click", "selector": "#buy", "timeout_ms": 300},
    ]
    said = bykilt.run("run", flow_file(tmp_path, steps=steps))
    assert said.code == 1
    assert "greeting: failed" in said.out
    assert "step 'buy': #buy: no element matched" in said.out
    assert any(line.startswith("FAILED ") and "Buy it" in line for line in said.err.splitlines())
    assert "Traceback" not in said.err + said.out


def test_quiet_leaves_only_the_reason_of_a_failure(bykilt: CommandLine, tmp_path: Path) -> None:
    steps: list[object] = [{"action": "fail", "message": "enough"}]
    said = bykilt.run("run", flow_file(tmp_path, steps=steps), "-q")
    assert (said.code, said.out, said.err) == (1, "", "enough\n")


def test_the_run_is_in_the_history_with_its_trace(bykilt: CommandLine, greeting: Path, site: Site) -> None:
    run = bykilt.run("run", greeting, "-p", f"url={site.url('/form')}", "--json").json()
    assert [listed["id"] for listed in bykilt.run("runs", "list", "--json").json()["runs"]] == [run["id"]]
    shown = bykilt.run("runs", "show", "latest", "--json").json()
    assert [step["title"] for step in shown["steps"]][1] == "Type the name"
    assert "trace.zip" in {file["name"] for file in shown["files"]}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.json"], "cannot be read"),
        (["FLOW", "-p", "colour=red"], "no parameter 'colour'"),
        (["FLOW"], "url is required"),
        (["FLOW", "-p", "url"], "NAME=VALUE"),
        (["FLOW", "-p", "url=x", "--engine", "selenium"], "'selenium' is not one of 'cdp', 'playwright'"),
        (["FLOW", "-p", "url=x", "--timeout", "0"], "0"),
        (["FLOW", "-p", "url=x", "--replay-llm", "latest"], "there is no run 'latest'"),
        (["FLOW", "-p", "url=x", "--replay-llm-loose"], "name the run"),
    ],
)
def test_bad_input_starts_no_browser(bykilt: CommandLine, greeting: Path, arguments: list[str], words: str) -> None:
    said = bykilt.run("run", *[str(greeting) if argument == "FLOW" else argument for argument in arguments])
    assert said.code == 2
    assert words in said.err
    assert "Traceback" not in said.err
    assert bykilt.run("runs", "list", "--json").json()["runs"] == []


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"ENABLE_LLM": ""}, "ENABLE_LLM=true"),
        ({"ENABLE_LLM": "true", "DOCKER_HOST": "unix:///nowhere.sock"}, "Docker"),
    ],
    ids=["off", "no Docker"],
)
def test_a_flow_that_asks_a_model_which_is_not_there_is_told_from_a_failed_run(
    bykilt: CommandLine, tmp_path: Path, environment: dict[str, str], words: str
) -> None:
    """Contract: exit code 3, what is missing, and no browser."""
    flow = flow_file(tmp_path, steps=[{"action": "ask", "question": "Why?"}])
    bykilt.env.update(environment)
    said = bykilt.run("run", flow)

    assert said.code == 3, said
    assert words in said.out
    (run,) = (bykilt.home / "runs").iterdir()
    assert not any("browser" in line for line in (run / "events.jsonl").read_text().splitlines())


def test_a_machine_without_chromium_is_told_from_a_failed_run(bykilt: CommandLine, greeting: Path) -> None:
    bykilt.env["CHROME_PATH"] = "/nope"
    said = bykilt.run("run", greeting, "-p", "url=x")
    assert said.code == 3
    assert "CHROME_PATH is /nope" in said.out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_in_good_order(bykilt: CommandLine, tmp_path: Path, number: signal.Signals) -> None:
    steps: list[object] = [{"id": "wait", "action": "wait_for", "ms": 60_000, "timeout_ms": 90_000}]
    started = bykilt.start("run", flow_file(tmp_path, steps=steps))
    started.hear("on the cdp engine")
    started.send(number)
    said = started.end()

    assert said.code == 130
    assert "greeting: cancelled" in said.out
    assert "Traceback" not in said.err
    [run] = bykilt.run("runs", "list", "--json").json()["runs"]
    assert run["status"] == "cancelled"


def test_a_second_interrupt_leaves_at_once_and_the_run_is_found_later(bykilt: CommandLine, tmp_path: Path) -> None:
    """The process is stopped while both signals arrive, so that neither can be missed."""
    steps: list[object] = [{"id": "wait", "action": "wait_for", "ms": 60_000, "timeout_ms": 90_000}]
    started = bykilt.start("run", flow_file(tmp_path, steps=steps))
    started.hear("on the cdp engine")
    started.send(signal.SIGSTOP)
    started.send(signal.SIGINT)
    started.send(signal.SIGTERM)
    started.send(signal.SIGCONT)
    said = started.end()

    assert said.code == 130
    assert "leaving at once" in said.err
    [run] = bykilt.run("runs", "list", "--json").json()["runs"]
    assert run["status"] == "interrupted"


def test_the_deadline_of_a_run_is_heeded(bykilt: CommandLine, tmp_path: Path) -> None:
    steps: list[object] = [{"action": "wait_for", "ms": 60_000, "timeout_ms": 90_000}]
    said = bykilt.run("run", flow_file(tmp_path, steps=steps), "--timeout", "2", "--json")
    assert said.code == 1
    assert said.json()["failure"]["code"] == "run_timeout"


@pytest.mark.parametrize("engine", ENGINES)
def test_the_requests_of_a_run_are_recorded(bykilt: CommandLine, greeting: Path, site: Site, engine: str) -> None:
    """With `--har`; the summary and `runs show` say where."""
    url = site.url("/form")

    said = bykilt.run("run", greeting, "-p", f"url={url}", "--engine", engine, "--har=bodies")

    assert said.code == 0, said.err
    (line,) = [line for line in said.out.splitlines() if line.strip().startswith("Requests")]
    archive = Path(line.split(maxsplit=1)[1])
    entries = json.loads(archive.read_bytes())["log"]["entries"]
    assert entries[0]["request"]["url"] == url
    assert "<title>Form</title>" in entries[0]["response"]["content"]["text"]
    assert str(archive) in bykilt.run("runs", "show", archive.parent.name).out


@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_is_recorded(bykilt: CommandLine, greeting: Path, site: Site, engine: str) -> None:
    """With `--video`; the summary, `result.json`, the events and `runs show` say where."""
    said = bykilt.run("run", greeting, "-p", f"url={site.url('/form')}", "--engine", engine, "--video", "--json")

    assert said.code == 0, said.err
    run = said.json()
    video, preview = Path(run["video"]), Path(run["preview"])
    assert video.read_bytes().startswith(bytes.fromhex("1a45dfa3"))
    assert preview.read_bytes().startswith(b"RIFF")
    shown = bykilt.run("runs", "show", run["id"]).out
    assert str(video) in shown
    assert str(preview) in shown
    listed = {file["name"]: file["size_bytes"] for file in json.loads(Path(run["result"]).read_bytes())["files"]}
    assert listed["video.webm"] == video.stat().st_size
    events = [json.loads(line) for line in (video.parent / "events.jsonl").read_text("utf-8").splitlines()]
    (told,) = [event for event in events if event["kind"] == "video.recorded"]
    assert (told["file"], told["media_type"]) == ("video.webm", "video/webm")
    assert told["duration_ms"] > 0
    assert "preview.made" in {event["kind"] for event in events}


def test_a_run_that_is_not_to_be_recorded_has_no_video(bykilt: CommandLine, greeting: Path, site: Site) -> None:
    run = bykilt.run("run", greeting, "-p", f"url={site.url('/form')}", "--no-trace", "--json").json()

    assert (run["video"], run["preview"]) == (None, None)
    assert {path.suffix for path in Path(run["folder"]).iterdir()} & {".webm", ".webp"} == set()


def test_a_flow_may_intercept_the_network(bykilt: CommandLine, tmp_path: Path, site: Site) -> None:
    """As a step like any other; what it makes up is what the page gets."""
    flow = flow_file(
        tmp_path,
        steps=[
            {
                "action": "intercept_network",
                "rules": [
                    {"url": "/api/*", "fulfill": {"json": {"said": "made up"}}},
                    {"url": "/hit/*", "block": True},
                ],
            },
            {"action": "navigate", "url": site.url("a.html")},
            {"id": "got", "action": "evaluate_js", "expression": "fetch('/api/x').then((answer) => answer.json())"},
        ],
        outputs={"got": "${steps.got.result}"},
    )

    said = bykilt.run("run", flow, "--json")

    assert said.code == 0, said.err
    assert json.loads(said.out)["outputs"] == {"got": {"said": "made up"}}


@pytest.mark.parametrize("engine", ENGINES)
def test_a_flow_uploads_only_what_it_may(bykilt: CommandLine, tmp_path: Path, site: Site, engine: str) -> None:
    """A flow file is hostile input: it sends away no file that nobody gave it."""
    folder, elsewhere = tmp_path / "flows", tmp_path / "elsewhere"
    for place in (folder, elsewhere):
        place.mkdir()
        (place / "note.txt").write_text("content")
    flow = flow_file(
        folder,
        params={"note": {"type": "file", "default": "note.txt"}},
        steps=[
            {"action": "navigate", "url": site.url("upload.html")},
            {"action": "file_upload", "selector": "#files", "files": ["${params.note}"]},
        ],
    )
    hostile = folder / "hostile.json"
    hostile.write_text(flow.read_text().replace('"note.txt"', '"/etc/passwd"'))

    def code(*arguments: str | Path) -> int:
        return bykilt.run("run", *arguments, "--engine", engine, "--no-trace").code

    assert code(flow) == 0
    assert code(flow, "-p", f"note={elsewhere / 'note.txt'}") == 0
    refused = bykilt.run("run", hostile, "--engine", engine, "--no-trace")
    assert refused.code == 1
    assert "--upload-folder" in refused.out + refused.err
    assert code(hostile, "--upload-folder", "/etc") == 0
