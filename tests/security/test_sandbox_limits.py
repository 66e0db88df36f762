"""Pages that use without end what a sandbox limits, on both engines: only their own tab suffers, and the limit is
named. Each bomb stops by itself a little above the limit, so that it cannot hurt a machine which sets none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bykilt.browser.engine.browser_engine import ActionResult, BrowserEngine, EngineType
from bykilt.browser.engine.loader import EngineLoader
from bykilt.browser.sandbox.profile import GIB, MIB, SandboxLimits
from bykilt.events.model import LimitHit, PageCrashed, SandboxAttested, SandboxRemoved
from bykilt.ids import PageId
from tests.support.engines import Facts, do, go, js, site_launch
from tests.support.site import Site

LIMITS = SandboxLimits(memory_bytes=GIB, processes=300, tmp_bytes=16 * MIB, shm_bytes=64 * MIB, home_bytes=64 * MIB)
PAUSE = "await new Promise((done) => setTimeout(done))"
MEMORY = f"""(async () => {{
  const kept = [];
  for (let n = 0; n < 48; n++) {{ const piece = new Uint8Array(32 << 20); piece.fill(7); kept.push(piece); {PAUSE}; }}
  return kept.length;
}})()"""
# What a blob holds is kept by the browser's own process, which would take every tab with it.
BLOBS = f"""(async () => {{
  const kept = [];
  for (let n = 0; n < 96; n++) {{
    const piece = new Uint8Array(16 << 20);
    for (let at = 0; at < piece.length; at += 65536) crypto.getRandomValues(piece.subarray(at, at + 65536));
    kept.push(new Blob([piece]));
    {PAUSE};
  }}
  const read = await Promise.allSettled(kept.map((blob) => blob.slice(0, 4).arrayBuffer()));
  return read.filter((each) => each.status === 'rejected').length;
}})()"""
# Both go on until the renderer has ended: what is awaited at the end never comes.
TASKS = {
    "workers": f"""(async () => {{
  const source = URL.createObjectURL(new Blob(['setInterval(() => 0, 1000)']));
  const kept = [];
  for (let n = 0; n < 600; n++) {{ kept.push(new Worker(source)); if (n % 20 === 0) {PAUSE}; }}
  await new Promise(() => 0);
}})()""",
    "frames with workers": f"""(async () => {{
  const script = 'for (let n = 0; n < 20; n++) new Worker(URL.createObjectURL(new Blob(["1"])))';
  for (let n = 0; n < 60; n++) {{
    const frame = document.createElement('iframe');
    frame.srcdoc = '<script>' + script + '</' + 'script>';
    document.body.append(frame);
    {PAUSE};
  }}
  await new Promise(() => 0);
}})()""",
}
PIECE = """const piece = new Uint8Array(1 << 20);
  for (let at = 0; at < piece.length; at += 65536) crypto.getRandomValues(piece.subarray(at, at + 65536));"""
STORES = {
    "IndexedDB": f"""(async () => {{
  {PIECE}
  const base = await new Promise((done, fail) => {{
    const asked = indexedDB.open('x');
    asked.onupgradeneeded = () => asked.result.createObjectStore('pieces');
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => fail(asked.error);
  }});
  for (let n = 0; n < 96; n++) await new Promise((done, fail) => {{
    const change = base.transaction('pieces', 'readwrite');
    change.objectStore('pieces').put(piece, n);
    change.oncomplete = done;
    change.onabort = () => fail(change.error);
  }});
}})()""",
    "Cache": f"""(async () => {{
  {PIECE}
  const cache = await caches.open('x');
  for (let n = 0; n < 96; n++) await cache.put('/' + n, new Response(piece));
}})()""",
}
# Room for these is reserved ahead, in steps that double: the refusal comes before the folder is as full as it may be.
PRIVATE_FILES = """(async () => {
  const work = `
    onmessage = async () => {
      try {
        const folder = await navigator.storage.getDirectory();
        const file = await folder.getFileHandle('x', { create: true });
        const handle = await file.createSyncAccessHandle();
        const piece = new Uint8Array(1 << 20);
        for (let n = 0; n < 96; n++) { handle.write(piece, { at: n << 20 }); handle.flush(); }
        postMessage('wrote it all');
      } catch (error) { postMessage(error.name); }
    }`;
  const worker = new Worker(URL.createObjectURL(new Blob([work])));
  const said = await new Promise((done) => { worker.onmessage = (event) => done(event.data); worker.postMessage(0); });
  if (said !== 'wrote it all') throw new Error(said);
})()"""


@pytest.fixture
def facts() -> Facts:
    """What the browser gives off."""
    return Facts()


@pytest.fixture
async def engine(engine_type: EngineType, facts: Facts, tmp_path: Path) -> AsyncIterator[BrowserEngine]:
    """A browser with the least that it may have."""
    engine = EngineLoader.load_engine(engine_type, facts=facts, artifact_dir=tmp_path)
    async with engine:
        await engine.launch(site_launch(sandbox_limits=LIMITS, timeout_ms=20_000))
        yield engine


async def bombed(engine: BrowserEngine, site: Site, bomb: str) -> tuple[ActionResult, PageId]:
    """Let a page do it while another one of the same site is open; return what came of it, and the other page."""
    await go(engine, site.url("a.html"))
    bystander = engine.current_page
    assert bystander is not None
    # Another name of the same server, so that the two share no renderer.
    await do(engine, "new_tab", url=site.other_url("b.html", cross_site=True))
    return await engine.dispatch({"type": "evaluate_js", "expression": bomb}), bystander


def is_limited(facts: Facts, controller: str) -> bool:
    """Whether this machine can set the limit; where it cannot, the run's record has to say so."""
    (attested,) = facts.of(SandboxAttested)
    return controller not in attested.unenforced


async def goes_on(engine: BrowserEngine, bystander: PageId, site: Site) -> None:
    """Check that the other page answers, and that a new one opens and shows what the server has."""
    assert await js(engine, "document.title.length > 0 && 1 + 1", page=bystander) == 2
    await do(engine, "new_tab", url=site.url("a.html"))
    assert await js(engine, "location.pathname") == "/a.html"


async def test_a_page_that_takes_memory_without_end_loses_its_own_tab_alone(
    engine: BrowserEngine, facts: Facts, site: Site
) -> None:
    """Promise: the kernel ends that renderer, and step and events say which limit it was."""
    result, bystander = await bombed(engine, site, MEMORY)
    if not is_limited(facts, "memory"):
        # Each process by itself is limited then: the page is refused more, or its renderer ends itself.
        assert result.metadata["error_code"] in ("script_error", "page_crashed")
        await goes_on(engine, bystander, site)
        return

    assert result.metadata["error_code"] == "page_crashed"
    assert "the sandbox's memory limit of 1024 MiB was hit" in str(result.error)
    assert "limits.memory_mib" in str(result.metadata["hint"])
    assert [fact.limit for fact in facts.of(LimitHit)] == ["memory"]
    assert [fact.page_id != bystander for fact in facts.of(PageCrashed)] == [True]
    await goes_on(engine, bystander, site)


async def test_a_page_that_has_the_browser_keep_things_without_end_does_not_end_the_browser(
    engine: BrowserEngine, facts: Facts, site: Site
) -> None:
    """Promise: of one and a half times the memory limit some is not kept, or the page ends; the browser stays."""
    result, bystander = await bombed(engine, site, BLOBS)

    assert result.metadata.get("error_code") == "page_crashed" or result.metadata["result"] > 0
    assert bystander not in [fact.page_id for fact in facts.of(PageCrashed)]
    await goes_on(engine, bystander, site)


@pytest.mark.parametrize("bomb", TASKS)
async def test_a_page_that_makes_threads_without_end_loses_its_own_tab_alone(
    engine: BrowserEngine, facts: Facts, site: Site, bomb: str
) -> None:
    """Promise: the next thread is refused, and step and events say which limit it was."""
    result, bystander = await bombed(engine, site, TASKS[bomb])
    if not is_limited(facts, "pids"):
        # What each process may have for its threads' stacks ends it as well, or it goes on with all it wanted.
        assert result.metadata["error_code"] in ("page_crashed", "timeout")
        await goes_on(engine, bystander, site)
        return

    assert result.metadata["error_code"] == "page_crashed"
    assert "the sandbox's limit of 300 processes and threads was hit" in str(result.error)
    assert "limits.processes" in str(result.metadata["hint"])
    assert [fact.limit for fact in facts.of(LimitHit)] == ["processes"]
    assert bystander not in [fact.page_id for fact in facts.of(PageCrashed)]
    await goes_on(engine, bystander, site)


@pytest.mark.parametrize("store", STORES)
async def test_a_page_that_stores_without_end_is_refused_more(
    engine: BrowserEngine, facts: Facts, site: Site, store: str
) -> None:
    """Promise: what is stored is bounded; the page is told, and step and events say which limit it was."""
    result, bystander = await bombed(engine, site, STORES[store])

    assert result.metadata["error_code"] == "script_error"
    assert "QuotaExceededError" in str(result.error)
    assert "the sandbox's limit of 64 MiB for what pages store was hit" in str(result.error)
    assert "limits.home_mib" in str(result.metadata["hint"])
    assert [fact.limit for fact in facts.of(LimitHit)] == ["home"]
    assert facts.of(PageCrashed) == []
    await goes_on(engine, bystander, site)


async def test_a_page_that_writes_private_files_without_end_is_refused_more(
    engine: BrowserEngine, facts: Facts, site: Site
) -> None:
    """Promise: this is bounded as well; that a limit was hit cannot be seen from outside, and is not claimed."""
    result, bystander = await bombed(engine, site, PRIVATE_FILES)

    assert result.metadata["error_code"] == "script_error"
    assert "QuotaExceededError" in str(result.error)
    assert facts.of(PageCrashed) == []
    await goes_on(engine, bystander, site)


async def test_what_is_full_at_the_end_is_on_record_although_no_step_failed(
    engine: BrowserEngine, facts: Facts, site: Site
) -> None:
    """Promise: a page that takes the refusal in silence is told of all the same."""
    await go(engine, site.url("a.html"))
    assert await js(engine, f"{STORES['IndexedDB']}.then(() => 'all', () => 'refused')") == "refused"
    assert facts.of(LimitHit) == []

    await engine.shutdown()

    assert [fact.limit for fact in facts.of(LimitHit)] == ["home"]
    (removed,) = facts.of(SandboxRemoved)
    assert (removed.processes_left, removed.groups_left, removed.folder_left) == ([], [], False)


async def test_a_page_that_keeps_within_the_limits_hits_none(engine: BrowserEngine, facts: Facts, site: Site) -> None:
    """The control: the least of everything is enough for a page, and nothing is told."""
    result, bystander = await bombed(engine, site, "new Uint8Array(64 << 20).fill(7).length")

    assert result.metadata["result"] == 64 << 20
    await goes_on(engine, bystander, site)
    await engine.shutdown()
    assert facts.of(LimitHit) == []
