"""What the frames of the page held, for the trace: before and after each action, and never in the way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.errors import InvalidInput
from bykilt.events.model import ActionStarted, DomCaptured, SnapshotPhase
from tests.support.engines import VIEWPORT, Facts, NewEngine, do, go, js, site_launch
from tests.support.site import Site


@pytest.fixture
def heard() -> Facts:
    return Facts()


@pytest.fixture
async def traced(new_engine: NewEngine, heard: Facts, tmp_path: Path) -> BrowserEngine:
    """An engine that keeps a trace in `tmp_path`."""
    engine = new_engine(facts=heard, artifact_dir=tmp_path)
    await engine.launch(site_launch(viewport=VIEWPORT, trace_enabled=True))
    return engine


def last(heard: Facts) -> DomCaptured:
    """Return the last snapshot of a main frame."""
    return [fact for fact in heard.of(DomCaptured) if fact.is_main][-1]


def read(folder: Path, fact: DomCaptured) -> dict[str, Any]:
    """Return what the file of a snapshot says."""
    assert fact.file, fact.left_out
    document: dict[str, Any] = json.loads((folder / fact.file).read_bytes())
    return document


async def show(engine: BrowserEngine, site: Site, html: str, path: str = "/shown") -> None:
    site.set_page(path, html)
    await go(engine, site.url(path.removeprefix("/")))


async def test_each_action_has_a_snapshot_before_and_after(
    traced: BrowserEngine, heard: Facts, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: of every frame, tied to the action, with address and size of the viewport."""
    await go(traced, site.url("a.html"))
    await do(traced, "click", selector="#next")

    for started in heard.of(ActionStarted):
        captured = [fact for fact in heard.of(DomCaptured) if fact.call_id == started.call_id]
        assert [fact.phase for fact in captured] == [SnapshotPhase.BEFORE, SnapshotPhase.AFTER]
    assert last(heard).url == site.url("b.html")
    document = read(tmp_path, last(heard))
    assert document["viewport"] == {"width": VIEWPORT.width, "height": VIEWPORT.height}
    assert "Page B" in json.dumps(document["html"])


async def test_what_was_typed_is_in_it_but_no_secret(
    traced: BrowserEngine, heard: Facts, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: a field that was secret once stays so."""
    html = "<input id=a><input id=b type=password value=first><input id=c autocomplete=one-time-code>"
    await show(traced, site, f"{html}<textarea id=d></textarea><input id=e type=checkbox>")
    await do(traced, "fill", selector="#a", text="Aiko")
    await do(traced, "fill", selector="#b", text="hunter2")
    await do(traced, "fill", selector="#c", text="123456")
    await do(traced, "fill", selector="#d", text="two\nlines")
    await do(traced, "check", selector="#e")
    await js(traced, "document.getElementById('b').type = 'text'")

    texts = [(tmp_path / fact.file).read_text() for fact in heard.of(DomCaptured) if fact.file]
    assert any('"__playwright_value_":"Aiko"' in text for text in texts)
    assert any('"__playwright_value_":"two\\nlines"' in text for text in texts)
    assert any('"__playwright_checked_":"true"' in text for text in texts)
    assert not [text for text in texts if "hunter2" in text or "123456" in text or "first" in text]


async def test_code_is_left_out(traced: BrowserEngine, heard: Facts, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: no script, handler, or address that runs code; patched prototypes change nothing."""
    html = """<script>
      Node.prototype.__defineGetter__('firstChild', () => { throw new Error('evil') });
      Element.prototype.__defineGetter__('attributes', () => []); JSON.stringify = () => 'evil';
      String.prototype.toWellFormed = () => 'evil';
    </script>
    <svg><script>evil()</script></svg><a id=link href=" java&#9;script:evil()" onclick="evil()">Link</a>
    <script>document.getElementById('link').setAttribute('data-kept', '<\\/script><b>')</script>
    <form id=form><input name=firstChild><input name=attributes><input name=childNodes><b>in the form</b></form>
    <iframe srcdoc="<p onclick='evil()'>framed"></iframe><meta http-equiv=refresh content="900;url=evil">
    <div __playwright_src__=evil></div>
    <img name=adoptedStyleSheets><img name=documentElement>"""
    await show(traced, site, html)

    text = (tmp_path / last(heard).file).read_text()
    texts = [(tmp_path / fact.file).read_text() for fact in heard.of(DomCaptured) if fact.file]
    assert not [text for text in texts if "evil" in text]
    assert "</script><b>" in text
    assert any("in the form" in text for text in texts)


async def test_what_did_not_change_is_not_written_again(
    traced: BrowserEngine, heard: Facts, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: it is a reference to the snapshot before."""
    await show(traced, site, "<p id=p>old</p>" + "<b>the same</b>" * 500)
    first = read(tmp_path, last(heard))
    await js(traced, "document.getElementById('p').textContent = 'new'")
    second = read(tmp_path, last(heard))
    await js(traced, "1")
    third = read(tmp_path, last(heard))

    assert first["whole"]
    assert not second["whole"]
    text = json.dumps(second["html"])
    assert "new" in text
    assert "the same" not in text
    assert third["html"][0][0] >= 1


async def test_a_page_that_is_too_large_is_left_out(new_engine: NewEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: too many nodes, too many characters, too deep; and it is said."""
    heard = Facts()
    engine = new_engine(facts=heard, artifact_dir=tmp_path)
    await engine.launch(
        site_launch(viewport=VIEWPORT, trace_enabled=True, trace_dom_max_nodes=400, trace_dom_max_chars=5000)
    )
    await show(engine, site, "<p></p>")
    await js(engine, "document.body.append(...Array.from({length: 500}, () => document.createElement('p')))")
    assert last(heard).left_out == "it has more than 400 nodes"
    await js(engine, "document.body.replaceChildren('x'.repeat(6000))")
    assert last(heard).left_out == "it has more than 5000 characters"
    nest = "for (let i = 0; i < 300; i++) at = at.appendChild(document.createElement('i'))"
    await js(engine, f"document.body.replaceChildren(); let at = document.body; {nest}; null")
    assert last(heard).left_out == "it is more than 200 elements deep"
    await js(engine, "document.body.replaceChildren('small')")
    assert last(heard).file


async def test_impossible_limits_are_refused(new_engine: NewEngine) -> None:
    """Contract, both engines."""
    with pytest.raises(InvalidInput):
        await new_engine().launch(site_launch(trace_dom_max_nodes=0))


async def test_frames_are_linked_to_their_snapshots(
    traced: BrowserEngine, heard: Facts, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: frames of the same site and of another one, also inside a shadow tree."""
    site.set_page("/inner", "<p>inner text</p>")
    html = f"""<iframe id=same src=/inner></iframe>
      <iframe id=other src={site.other_url("inner", cross_site=True)}></iframe>
      <div><template shadowrootmode=open><iframe src=/inner></iframe></template></div>"""
    await show(traced, site, html)
    await js(traced, "1")

    main = last(heard)
    captured = [fact for fact in heard.of(DomCaptured) if fact.call_id == main.call_id and fact.phase == main.phase]
    assert [fact.is_main for fact in captured] == [True, False, False, False]
    first = [fact for fact in heard.of(DomCaptured) if fact.frame_id == main.frame_id and fact.file]
    text = "".join((tmp_path / fact.file).read_text() for fact in first)
    for fact in captured[1:]:
        assert f'"src":"/snapshot/{fact.frame_id}"' in text
        inner = [each for each in heard.of(DomCaptured) if each.frame_id == fact.frame_id and each.file]
        assert "inner text" in "".join((tmp_path / each.file).read_text() for each in inner)


async def test_style_sheets_are_as_scripts_have_made_them(
    traced: BrowserEngine, heard: Facts, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: rules that were put in, sheets that were adopted, files that were changed."""
    site.set_page("/sheet.css", "p { margin: 1px }", content_type="text/css")
    html = """<link rel=stylesheet href=/sheet.css><style id=s>p { color: red }  /* as written */</style>
      <div id=host><template shadowrootmode=open><p>x</p></template></div>"""
    await show(traced, site, html)
    assert "as written" in json.dumps(read(tmp_path, last(heard))["html"])

    await js(
        traced,
        """const adopted = new CSSStyleSheet(); adopted.replaceSync('p { padding: 3px }');
        document.getElementById('s').sheet.insertRule('p { top: 4px }');
        document.styleSheets[0].cssRules[0].style.margin = '2px';
        document.adoptedStyleSheets = [adopted];
        document.getElementById('host').shadowRoot.adoptedStyleSheets = [adopted]; null""",
    )
    document = read(tmp_path, last(heard))
    text = json.dumps(document["html"])
    assert "top: 4px" in text
    assert "padding: 3px" in text
    assert document["overrides"] == [{"url": site.url("sheet.css"), "text": "p { margin: 2px; }"}]


async def test_a_page_that_hangs_is_left_out(new_engine: NewEngine, site: Site, tmp_path: Path) -> None:
    """Contract, both engines: the action after it has its own result, whatever the trace could not get."""
    heard = Facts()
    engine = new_engine(facts=heard, artifact_dir=tmp_path)
    await engine.launch(site_launch(viewport=VIEWPORT, trace_enabled=True))
    await go(engine, site.url("a.html"))
    await js(engine, "setTimeout(() => { const end = Date.now() + 6000; while (Date.now() < end); }, 0); null")

    result = await engine.dispatch({"type": "evaluate_js", "expression": "7", "timeout_ms": 20_000})

    assert result.metadata["result"] == 7
    assert [fact for fact in heard.of(DomCaptured) if fact.left_out == "the page did not answer in time"]
    await js(engine, "1")
    assert last(heard).file


async def test_a_page_that_crashed_is_left_out(traced: BrowserEngine, heard: Facts, site: Site) -> None:
    """Contract, both engines: the next page is captured again."""
    result = await traced.dispatch({"type": "navigate", "url": "chrome://crash"})
    assert result.metadata["error_code"] == "page_crashed"
    await go(traced, site.url("a.html"))
    assert last(heard).file
    assert last(heard).url == site.url("a.html")


async def test_a_disk_that_is_full_makes_no_action_fail(
    traced: BrowserEngine, heard: Facts, site: Site, tmp_path: Path
) -> None:
    """Contract, both engines: and what is kept later does not refer to what was not."""
    await show(traced, site, "<p id=p>old</p><b>the same</b>")
    (tmp_path / "trace").rename(tmp_path / "away")
    await js(traced, "document.getElementById('p').textContent = 'middle'")
    assert last(heard).left_out.startswith("it could not be written")
    (tmp_path / "away").rename(tmp_path / "trace")

    await js(traced, "document.getElementById('p').textContent = 'new'")

    document = read(tmp_path, last(heard))
    assert document["whole"]
    assert "the same" in json.dumps(document["html"])
