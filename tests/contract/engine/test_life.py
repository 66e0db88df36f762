"""An engine's life: what a launch refuses, what a browser runs as, what is left after shutdown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.browser.engine.errors import BrowserNotFound, EngineError, EngineNotRunning, LaunchFailed
from bykilt.errors import BykiltError, InvalidInput
from bykilt.events.model import BrowserClosed, BrowserStarted
from tests.support.engines import VIEWPORT, Facts, NewEngine, go, js, processes_of, site_launch, still_living
from tests.support.site import Site

SWITCHED_OFF = "--no-" + "sandbox"


def command_line(pid: int) -> list[str]:
    """Return the words that a process was started with; Chromium's helpers have spaces between them."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().split()


def is_folder(path: str) -> bool:
    """Whether there is such a folder now."""
    return Path(path).is_dir()


async def started_engine(new_engine: NewEngine, facts: Facts, **settings: Any) -> BrowserEngine:
    """Return a launched engine."""
    engine = new_engine(facts=facts)
    await engine.launch(site_launch(viewport=VIEWPORT, **settings))
    return engine


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"viewport": (0, 100)}, "viewport"),
        ({"viewport": {"width": 100}}, "viewport"),
        ({"viewport": (20_000, 100)}, "viewport"),
        ({"browser_type": "firefox"}, "browser_type"),
        ({"timeout_ms": 0}, "timeout_ms"),
        ({"sandbox_network_mode": "none", "allowed_hosts": ["example.com"]}, "network"),
        ({"sandbox_network_mode": "restricted"}, "network"),
        ({"sandbox_network_mode": "sometimes"}, "sandbox_network_mode"),
        ({"allowed_hosts": ["*"]}, "'*'"),
        ({"extra_args": [SWITCHED_OFF]}, SWITCHED_OFF),
        ({"extra_args": ["--disable-setuid-sandbox"]}, "--disable-setuid-sandbox"),
        ({"extra_args": ["--remote-debugging-port=9222"]}, "--remote-debugging-port"),
        ({"extra_args": ["--user-data-dir=/tmp/x"]}, "--user-data-dir"),
    ],
)
async def test_what_cannot_be_had_is_refused_at_launch(
    new_engine: NewEngine, settings: dict[str, Any], named: str
) -> None:
    """Contract, both engines: an error that names the setting, and no browser."""
    engine = new_engine()

    with pytest.raises(InvalidInput) as refused:
        await engine.launch(site_launch(**settings))

    assert named in refused.value.message
    assert refused.value.hint
    assert not engine.running


async def test_a_missing_browser_is_named(
    new_engine: NewEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Contract, both engines: a path that was set on purpose is not silently replaced by another browser."""
    monkeypatch.setenv("CHROME_PATH", str(tmp_path / "no-such-chromium"))

    with pytest.raises((BrowserNotFound, LaunchFailed)) as failed:
        await new_engine().launch(site_launch())

    assert "no-such-chromium" in failed.value.message
    assert "CHROME_PATH" in f"{failed.value.message} {failed.value.hint}"


def open_to_all(*folders: Path) -> None:
    """Let every user into the folders; those of somebody else are as open as they are."""
    for folder in folders:
        if folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o055)


async def test_a_browser_that_dies_at_once_is_a_failed_launch(
    new_engine: NewEngine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Contract, both engines: with what it said."""
    broken = tmp_path / "broken-chromium"
    broken.write_text("#!/bin/sh\necho 'cannot open the moon' >&2\nexit 3\n")
    broken.chmod(0o755)
    open_to_all(tmp_path, *list(tmp_path.parents)[:3])
    monkeypatch.setenv("CHROME_PATH", str(broken))
    engine = new_engine()

    with pytest.raises(LaunchFailed) as failed:
        # The script needs a shell, which the sandbox does not have.
        await engine.launch(site_launch(timeout_ms=10_000, sandbox_mode=False))

    assert "cannot open the moon" in f"{failed.value.message} {failed.value.hint}"
    assert not engine.running


async def test_before_launch_there_is_no_browser(new_engine: NewEngine) -> None:
    """Contract, both engines: an exception, since there is no action that could have failed."""
    engine = new_engine()

    with pytest.raises(EngineNotRunning):
        await engine.dispatch({"type": "evaluate_js", "expression": "1"})

    assert not engine.running
    assert engine.current_page is None
    assert engine.current_url == ""


async def test_after_shutdown_there_is_no_browser(new_engine: NewEngine) -> None:
    """Contract, both engines."""
    engine = await started_engine(new_engine, Facts())
    assert engine.running

    await engine.shutdown()

    with pytest.raises(EngineNotRunning):
        await engine.dispatch({"type": "evaluate_js", "expression": "1"})
    assert not engine.running


async def test_an_engine_is_launched_once(new_engine: NewEngine) -> None:
    """Contract, both engines: a second browser would be forgotten."""
    engine = await started_engine(new_engine, Facts())

    with pytest.raises(EngineError, match="launched already"):
        await engine.launch(site_launch())

    assert await js(engine, "1 + 1") == 2


async def test_shutdown_leaves_nothing_behind(new_engine: NewEngine, site: Site) -> None:
    """Contract, both engines: no process, no folder; a second shutdown does no harm."""
    facts = Facts()
    engine = await started_engine(new_engine, facts)
    await go(engine, site.url("frames.html"))
    (started,) = facts.of(BrowserStarted)
    living = processes_of(started)
    folders = {
        word.partition("=")[2]
        for process in living
        for word in command_line(process.pid)
        if word.startswith("--user-data-dir=")
    }
    assert len(living) > 3
    assert folders
    assert all(is_folder(folder) for folder in folders)

    await engine.shutdown()
    await engine.shutdown()

    assert still_living(living) == []
    assert not any(is_folder(folder) for folder in folders)
    assert [fact.expected for fact in facts.of(BrowserClosed)] == [True]


async def test_the_sandbox_of_chromium_is_on(new_engine: NewEngine, site: Site) -> None:
    """Contract, both engines: no process carries the flag, and a renderer is confined by seccomp."""
    facts = Facts()
    engine = await started_engine(new_engine, facts)
    await go(engine, site.url("a.html"))
    (started,) = facts.of(BrowserStarted)

    lines = {process.pid: command_line(process.pid) for process in processes_of(started)}

    assert not any(word.startswith(SWITCHED_OFF) for words in lines.values() for word in words)
    renderers = [pid for pid, words in lines.items() if "--type=renderer" in words]
    assert renderers
    assert all("Seccomp:\t2" in status_of(pid) for pid in renderers)
    assert started.chromium_sandbox is True


def status_of(pid: int) -> str:
    """Return what the kernel says of a process."""
    return Path(f"/proc/{pid}/status").read_text()


async def test_no_process_of_a_browser_started_by_root_is_roots(new_engine: NewEngine, site: Site) -> None:
    """Contract, both engines: it gets a user of its own; started by anybody else, it stays that user's."""
    facts = Facts()
    engine = await started_engine(new_engine, facts)
    await go(engine, site.url("a.html"))
    (started,) = facts.of(BrowserStarted)

    assert started.pid is not None
    owner = os.stat(f"/proc/{started.pid}").st_uid
    assert owner != 0
    if os.geteuid() == 0:
        assert started.uid == owner
        assert len(processes_of(started)) > 3
    else:
        assert owner == os.geteuid()


async def test_the_start_is_a_fact(new_engine: NewEngine, engine_type: str) -> None:
    """Contract, both engines: which engine, which browser, which size."""
    facts = Facts()
    await started_engine(new_engine, facts)

    (started,) = facts.of(BrowserStarted)
    assert started.engine == engine_type
    assert "Chrom" in started.product
    assert (started.viewport_width, started.viewport_height) == (VIEWPORT.width, VIEWPORT.height)
    assert "Chrome/" in started.user_agent


async def test_the_viewport_is_the_one_that_was_asked_for(new_engine: NewEngine) -> None:
    """Contract, both engines: in every form it may be given in."""
    engine = new_engine()
    await engine.launch(site_launch(viewport={"width": 640, "height": 480}))

    assert await js(engine, "[innerWidth, innerHeight]") == [640, 480]
    await engine.dispatch({"type": "new_tab"})
    assert await js(engine, "[innerWidth, innerHeight]") == [640, 480]


async def test_the_user_agent_is_the_one_that_was_asked_for(new_engine: NewEngine, site: Site) -> None:
    """Contract, both engines: for the page and for the server."""
    engine = await started_engine(new_engine, Facts(), user_agent="Practice/1.0")

    await go(engine, site.url("a.html"))

    assert await js(engine, "navigator.userAgent") == "Practice/1.0"
    assert site.requests("/a.html")[0].headers["user-agent"] == "Practice/1.0"


async def test_extra_arguments_reach_chromium(new_engine: NewEngine) -> None:
    """Contract, both engines: those that weaken nothing."""
    facts = Facts()
    await started_engine(new_engine, facts, extra_args=["--lang=ja"])

    (started,) = facts.of(BrowserStarted)
    assert started.pid is not None
    assert "--lang=ja" in command_line(started.pid)


async def test_two_engines_know_nothing_of_each_other(new_engine: NewEngine, site: Site) -> None:
    """Contract, both engines: each has its own browser, its own cookies, its own pages."""
    one = await started_engine(new_engine, Facts())
    two = await started_engine(new_engine, Facts())
    await go(one, site.url("cookie?name=flavour&value=green"))

    await go(two, site.url("cookies"))

    assert await js(two, "document.body.textContent") == "{}"
    await one.shutdown()
    assert await js(two, "1 + 1") == 2


async def test_the_block_form_shuts_down(new_engine: NewEngine) -> None:
    """Contract, both engines: also when the block fails."""
    facts = Facts()
    engine = new_engine(facts=facts)

    with pytest.raises(BykiltError, match="of the test"):
        await fail_inside(engine)

    assert [fact.expected for fact in facts.of(BrowserClosed)] == [True]
    assert processes_of(facts.of(BrowserStarted)[0]) == []


async def fail_inside(engine: BrowserEngine) -> None:
    """Launch an engine in a block that fails."""
    async with engine:
        await engine.launch(site_launch(viewport=VIEWPORT))
        raise BykiltError("an error of the test")


async def test_secrets_of_the_environment_stay_out_of_the_browser(
    new_engine: NewEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Contract, both engines: a key in our environment is none of Chromium's business."""
    monkeypatch.setenv("OPENAI_API_KEY", "do-not-tell")
    facts = Facts()
    await started_engine(new_engine, facts)

    for process in processes_of(facts.of(BrowserStarted)[0]):
        assert b"do-not-tell" not in environment_of(process.pid)


def environment_of(pid: int) -> bytes:
    """Return the environment of a process; of one that hides it or has ended, nothing."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
