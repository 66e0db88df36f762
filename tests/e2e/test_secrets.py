"""Canaries: a secret that a page sings out in every way is in no byte that a run leaves."""

from __future__ import annotations

import base64
import html
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from anyio import fail_after

from bykilt.app import App
from bykilt.browser.engine.browser_engine import EngineType
from bykilt.events.event_file import read_events
from bykilt.events.model import SecretUsed
from bykilt.flows.loader import load_flow_text
from bykilt.history.model import RunRecord, RunStatus
from bykilt.practice.loopback import Request, Response
from bykilt.runs.model import RunRequest
from bykilt.security.encodings import forms_of
from bykilt.security.secret import SecretPolicy
from bykilt.security.secrets_vault import SecretsVault, get_secrets_vault
from bykilt.security.vault_settings import VaultSettings
from bykilt.settings import Settings
from tests.support.engines import site_launch
from tests.support.site import Site

CANARY = "canary-Tweet/7&\"ü'<>-sings"
MASTER_KEY = base64.urlsafe_b64encode(bytes(range(32))).decode()
LOGIN = """<title>Login</title><form method=post action=/sing>
<input id=word name=word type=password><button id=go>Go</button></form>"""


def song(word: str) -> str:
    """Return a page that tells the word wherever a page can."""
    in_script = json.dumps(word).replace("<", "\\u003c")
    return f"""<!doctype html><title>{html.escape(word)}</title><meta charset=utf-8>
    <h1 id=heading aria-label="{html.escape(word)}">You said {html.escape(word)}</h1>
    <input id=shown value="{html.escape(word)}"><a href="/?q={html.escape(word)}">again</a>
    <iframe srcdoc="{html.escape(html.escape(word))}"></iframe>
    <script>
      const word = {in_script};
      console.log("heard", word, {{ word }});
      console.error(btoa(unescape(encodeURIComponent(word))));
      document.cookie = "word=" + encodeURIComponent(word);
      localStorage.word = word;
      history.replaceState(0, "", "/sang?word=" + encodeURIComponent(word) + "#" + word);
      fetch("/echo?word=" + encodeURIComponent(word), {{ method: "POST", body: JSON.stringify({{ word }}),
        headers: {{ "X-Word": encodeURIComponent(word) }} }});
      alert("alert " + word);
      setTimeout(() => {{ throw new Error("thrown " + word) }});
    </script>"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VAULT_MASTER_KEY", MASTER_KEY)
    monkeypatch.setenv("BYKILT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
async def vault(home: Path, site: Site) -> SecretsVault:
    """The vault of the home, with one secret for the site."""
    vault = await get_secrets_vault(VaultSettings.from_environment())
    await vault.set_secret("word", CANARY, policy=SecretPolicy(origins=(site.origin,)))
    return vault


@pytest.fixture
def singing(site: Site) -> Site:
    """The site, on which what is sent to it is sung out."""
    site.set_page("/login", LOGIN)

    def sing(request: Request) -> Response:
        word = request.form().get("word", "")
        return Response(song(word).encode(), headers=(("X-Heard", base64.b64encode(word.encode()).decode()),))

    def echo(request: Request) -> Response:
        return Response(request.body + request.param("word").encode(), content_type="application/json")

    site.on("/sing", sing)
    site.on("/echo", echo)
    return site


def steps(site: Site) -> list[dict[str, Any]]:
    """Return what reads the page in every way, and writes it down."""
    return [
        {"action": "intercept_network", "patterns": ["*"]},
        {"action": "navigate", "url": site.url("login")},
        {"action": "fill", "selector": "#word", "text": "${secrets.word}"},
        {"action": "click", "selector": "#go"},
        {"action": "wait_for", "selector": "#heading"},
        {"id": "text", "action": "extract", "selector": "#heading"},
        {"id": "value", "action": "extract", "selector": "#shown", "kind": "attribute", "attribute": "value"},
        {"id": "all", "action": "evaluate_js", "expression": "[word, document.cookie, {[word]: word}]"},
        {"id": "tree", "action": "accessibility_snapshot"},
        {"id": "cookies", "action": "get_cookies"},
        {"action": "save_data", "file": "heard.json", "data": "${steps.all.result}"},
        {"action": "screenshot", "full_page": True},
        {"action": "click", "selector": "text=nowhere ${steps.text.result}", "timeout_ms": 300, "on_error": "continue"},
        {"action": "navigate", "url": site.url("b.html")},
    ]


async def sung(site: Site, engine: EngineType, wanted: list[dict[str, Any]]) -> tuple[RunRecord, App]:
    """Run these steps with everything recorded that can be."""
    flow = {"bykilt": 1, "name": "canary", "steps": wanted, "outputs": {"text": "${steps.text.result}"}}
    app = App(Settings.from_environment())
    request = RunRequest(
        flow=load_flow_text(json.dumps(flow), "canary.json"),
        engine=engine,
        launch=site_launch(),
        har="bodies",
        video=True,
    )
    with fail_after(90):
        async with app.run_service() as service:
            return await service.wait(await service.submit(request)), app


def every_byte(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file, those inside of archives too."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield from _opened(str(path.relative_to(folder)), path.read_bytes())


def _opened(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    yield name, data
    if data.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for inner in archive.namelist():
                yield from _opened(f"{name}!{inner}", archive.read(inner))


def heard_in(folder: Path) -> list[tuple[str, str]]:
    """Return every file in which the canary is heard, with the form of it."""
    forms = {form: form.encode() for form in forms_of(CANARY)}
    return [(name, form) for name, data in every_byte(folder) for form, looked in forms.items() if looked in data]


@pytest.mark.parametrize("engine", list(EngineType), ids=str)
async def test_no_byte_that_a_run_leaves_tells_the_secret(
    home: Path, vault: SecretsVault, singing: Site, engine: EngineType
) -> None:
    """Contract: neither events, nor history, trace, HAR, data, results, logs, nor the ledger."""
    record, app = await sung(singing, engine, steps(singing))

    assert record.status is RunStatus.SUCCEEDED, record.failure
    assert [request.form()["word"] for request in singing.requests("/sing")] == [CANARY]
    events = list(read_events(app.home.run_folder(record.id).events, record.id))
    (used,) = [event.fact for event in events if isinstance(event.fact, SecretUsed)]
    assert (used.name, used.origin, used.refused) == ("word", singing.origin, "")
    assert heard_in(home) == []


async def test_the_canary_is_heard_where_nobody_hides_it(home: Path, singing: Site) -> None:
    """Control: the same page, told the same word as if it were none, is in most of the files."""
    plain = [step if step["action"] != "fill" else {**step, "text": CANARY} for step in steps(singing)]
    record, _ = await sung(singing, EngineType.CDP, plain)

    assert record.status is RunStatus.SUCCEEDED, record.failure
    heard = {name.rsplit("/", 1)[-1].rsplit("!", 1)[-1] for name, _ in heard_in(home)}
    assert heard >= {"events.jsonl", "result.json", "network.har", "heard.json", "trace.trace"}, heard


@pytest.mark.parametrize("engine", list(EngineType), ids=str)
async def test_a_secret_of_another_origin_fails_the_run(
    home: Path, vault: SecretsVault, singing: Site, engine: EngineType
) -> None:
    """Contract: the server gets nothing, and the ledger has the refusal."""
    wanted = [{"action": "navigate", "url": singing.other_url("login")}, *steps(singing)[2:4]]
    record, _ = await sung(singing, engine, [*wanted, {"id": "text", "action": "extract", "selector": "body"}])

    assert record.status is RunStatus.FAILED
    assert record.failure is not None
    assert record.failure.code == "secret_refused"
    assert singing.origin in record.failure.message
    assert singing.requests("/sing") == []
    told = [line for file in vault.ledger.folder.rglob("*.jsonl") for line in file.read_text().splitlines()]
    assert any('"secret.read"' in line and '"refused"' in line for line in told), told
    assert heard_in(home) == []


async def test_a_secret_that_is_not_there_ends_the_run_before_a_browser_starts(
    home: Path, vault: SecretsVault, singing: Site
) -> None:
    """Contract: the message says how to add it."""
    wanted = [{"id": "text", "action": "fill", "selector": "#word", "text": "${secrets.missing}"}]
    record, app = await sung(singing, EngineType.CDP, wanted)

    assert record.failure is not None
    assert record.failure.code == "secret_not_found"
    assert "vault set" in record.failure.hint
    assert not any("browser" in line for line in app.home.run_folder(record.id).events.read_text().splitlines())
