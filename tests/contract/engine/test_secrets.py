"""Secrets go into the field that is meant, on the origins they are for, and show nowhere."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.browser.engine.secret_text import SecretPlace, SecretReference
from bykilt.events.codec import encode
from bykilt.events.model import ActionStarted, Event, SecretUsed
from bykilt.ids import RunId
from bykilt.practice.loopback import Request, Response
from tests.support.engines import VIEWPORT, Facts, NewEngine, do, fails, go, js, site_launch
from tests.support.known_secrets import KnownSecrets
from tests.support.site import Site

VALUE = 'kan\'ari "wörd" <7>'
OF_THE_SAME_LENGTH = "n0thing alike/abcd"
PIN = SecretReference("pin")
LOGIN = "<form method=post><input id=user name=user><input id=pin name=pin type=password><button>Go</button></form>"


class Safe:
    """An engine with secrets for the site, and what it gave off."""

    def __init__(self, new_engine: NewEngine, site: Site, folder: Path) -> None:
        values = {"pin": VALUE, "other": "n0thing alike", "as-long": OF_THE_SAME_LENGTH}
        self.secrets = KnownSecrets(values, (site.origin,))
        self.facts = Facts()
        self.folder = folder / "files"
        self._engine = new_engine(secrets=self.secrets, facts=self.facts, artifact_dir=self.folder)

    async def begin(self, **settings: Any) -> BrowserEngine:
        """Launch it."""
        await self._engine.launch(site_launch(viewport=VIEWPORT, **settings))
        return self._engine

    def told(self) -> bytes:
        """Return all events and files together."""
        events = [encode(Event(RunId("r"), 1, 0, fact)) for fact in self.facts.heard]
        return b"".join(events + [path.read_bytes() for path in self.folder.rglob("*") if path.is_file()])


@pytest.fixture
def safe(new_engine: NewEngine, site: Site, tmp_path: Path) -> Safe:
    return Safe(new_engine, site, tmp_path)


@pytest.mark.parametrize("kind", ["fill", "type"])
async def test_the_server_gets_the_value_and_the_events_only_its_name(safe: Safe, site: Site, kind: str) -> None:
    """Contract, both engines: with a trace, too."""
    site.set_page("/login", LOGIN)
    engine = await safe.begin(trace_enabled=True)
    await go(engine, site.url("login"))

    await do(engine, kind, selector="#pin", text=PIN)
    assert await js(engine, "document.getElementById('pin').value") == VALUE
    await do(engine, kind, selector="#user", text=PIN)
    await engine.shutdown()

    place = SecretPlace(site.origin, password_field=True)
    assert safe.secrets.asked == [("pin", place), ("pin", SecretPlace(site.origin, password_field=False))]
    assert [(fact.name, fact.origin, fact.refused) for fact in safe.facts.of(SecretUsed)] == [
        ("pin", site.origin, "")
    ] * 2
    started = [fact.params.get("text") for fact in safe.facts.of(ActionStarted) if fact.action == kind]
    assert started == ["${secrets.pin}"] * 2
    assert VALUE.encode() not in safe.told().replace(b'\\"', b'"')


async def test_the_page_sees_real_input(safe: Safe, site: Site) -> None:
    """Contract, both engines: trusted, and the old value is replaced."""
    listen = "let seen = []; pin.value = 'old'; pin.oninput = (e) => seen.push(e.isTrusted)"
    site.set_page("/login", f"{LOGIN}<script>{listen}</script>")
    engine = await safe.begin()
    await go(engine, site.url("login"))
    await do(engine, "fill", selector="#pin", text=PIN)
    assert await js(engine, "[pin.value, seen]") == [VALUE, [True]]


async def test_typed_it_joins_what_is_there(safe: Safe, site: Site) -> None:
    """Contract, both engines: `type` adds, `fill` replaces."""
    site.set_page("/login", LOGIN + "<script>pin.value = 'old-'</script>")
    engine = await safe.begin()
    await go(engine, site.url("login"))
    await js(engine, "pin.focus(), pin.setSelectionRange(4, 4)")
    await do(engine, "type", selector="#pin", text=PIN)
    assert await js(engine, "pin.value") == "old-" + VALUE


async def test_another_origin_gets_nothing(safe: Safe, site: Site) -> None:
    """Contract, both engines: the refusal is the action's error, and an event."""
    site.set_page("/login", LOGIN)
    engine = await safe.begin()
    await go(engine, site.other_url("login"))
    await fails(engine, "fill", "secret_refused", selector="#pin", text=PIN)
    assert await js(engine, "pin.value") == ""
    (used,) = safe.facts.of(SecretUsed)
    assert used.origin == site.other_origin
    assert used.refused


@pytest.mark.parametrize("cross_site", [False, True], ids=["same process", "another process"])
async def test_a_frame_counts_by_its_own_origin(safe: Safe, site: Site, cross_site: bool) -> None:
    """Contract, both engines: the page around it is of no account."""
    other = site.other_url("login", cross_site=cross_site)
    site.set_page("/login", LOGIN)
    own = site.url("login")
    site.set_page("/around", f"<iframe name=own src='{own}'></iframe><iframe name=alien src='{other}'></iframe>")
    engine = await safe.begin()
    await go(engine, site.url("around"))
    await do(engine, "fill", selector="#pin", text=PIN, frame="own")
    assert await js(engine, "pin.value", frame="own") == VALUE
    await fails(engine, "fill", "secret_refused", selector="#pin", text=PIN, frame="alien")
    assert await js(engine, "pin.value", frame="alien") == ""


async def test_frames_inside_frames_are_told_apart(safe: Safe, site: Site) -> None:
    """Contract, both engines: also where two have the same address."""
    site.set_page("/login", LOGIN)
    login = site.url("login")
    site.set_page("/pair", f"<iframe name=one src='{login}'></iframe><iframe name=two src='{login}'></iframe>")
    alien = site.other_url("login", cross_site=True)
    site.set_page("/around", f"<iframe src='{alien}'></iframe><iframe src='{site.url('pair')}'></iframe>")
    engine = await safe.begin()
    await go(engine, site.url("around"))
    await do(engine, "fill", selector="#pin", text=PIN, frame="two")
    assert [await js(engine, "pin.value", frame=name) for name in ("one", "two")] == ["", VALUE]


@pytest.mark.parametrize(
    "page",
    [
        "<iframe name=f sandbox='allow-scripts' srcdoc='<input id=pin>'></iframe>",
        "<iframe name=f src='data:text/html,<input id=pin>'></iframe>",
    ],
    ids=["sandboxed", "data"],
)
async def test_a_frame_without_an_origin_gets_nothing(safe: Safe, site: Site, page: str) -> None:
    """Contract, both engines: whoever is around it."""
    site.set_page("/around", page)
    engine = await safe.begin()
    await go(engine, site.url("around"))
    await fails(engine, "fill", "secret_refused", selector="#pin", text=PIN, frame="f")
    assert safe.secrets.asked[0][1].origin == "null"


async def test_a_page_that_moves_the_focus_gets_nothing_elsewhere(safe: Safe, site: Site) -> None:
    """Contract, both engines: neither another field nor a frame that asks for the focus."""
    site.set_page("/thief", "<input id=trap><script>addEventListener('message', () => trap.focus())</script>")
    site.set_page(
        "/login",
        f"{LOGIN}<iframe name=f src='{site.other_url('thief')}'></iframe><script>let tries = 0;"
        "pin.onfocus = () => { tries++; user.focus(); frames[0].postMessage('', '*') }</script>",
    )
    engine = await safe.begin()
    await go(engine, site.url("login"))
    await fails(engine, "fill", "element_not_editable", selector="#pin", text=PIN, timeout_ms=700)
    assert await js(engine, "[user.value, pin.value, tries > 0]") == ["", "", True]
    assert await js(engine, "trap.value", frame="f") == ""


async def test_a_document_that_is_replaced_meanwhile_is_asked_about_anew(safe: Safe, site: Site) -> None:
    """Contract, both engines: what was allowed for one document does not go into the next."""
    site.set_page("/login", LOGIN)
    engine = await safe.begin()
    await go(engine, site.url("login"))
    other = site.other_url("login")

    async def navigate() -> None:
        await js(engine, "(url) => { location = url }", other)
        await do(engine, "wait_for", url=other)

    safe.secrets.meanwhile = navigate
    await fails(engine, "fill", "secret_refused", selector="#pin", text=PIN)
    assert [place.origin for _, place in safe.secrets.asked] == [site.origin, site.other_origin]
    assert await js(engine, "pin.value") == ""


async def test_a_text_that_only_looks_like_a_secret_is_a_text(safe: Safe, site: Site) -> None:
    """Contract, both engines: pages cannot ask for secrets."""
    site.set_page("/login", LOGIN)
    engine = await safe.begin()
    await go(engine, site.url("login"))
    await do(engine, "fill", selector="#pin", text="${secrets.pin}")
    assert await js(engine, "pin.value") == "${secrets.pin}"
    assert safe.secrets.asked == []


async def test_it_is_painted_over(safe: Safe, site: Site) -> None:
    """Contract, both engines: two values look the same, also when the page shows what is in its password field."""
    more = "<textarea id=notes></textarea><div id=free contenteditable style='height: 2em'></div>"
    site.set_page("/login", LOGIN + more)
    engine = await safe.begin()
    pictures = []
    for name in ("pin", "other"):
        await go(engine, site.url("login"))
        for field in ("#pin", "#user", "#notes", "#free"):
            await do(engine, "fill", selector=field, text=SecretReference(name))
        await js(engine, "pin.type = 'text', document.activeElement.blur()")
        result = await engine.dispatch({"type": "screenshot"})
        pictures.append(Image.open(result.artifacts["screenshot_path"]).convert("RGB"))
    assert ImageChops.difference(*pictures).getbbox() is None


async def test_a_secret_needs_a_field(safe: Safe, site: Site) -> None:
    """Contract, both engines: what has the focus may be anything."""
    engine = await safe.begin()
    await go(engine, site.url("forms.html"))
    result = await fails(engine, "type", "invalid_action", text=PIN)
    assert result.metadata["field"] == "selector"


async def test_a_field_that_takes_no_such_value_does_not_repeat_it(safe: Safe, site: Site) -> None:
    """Contract, both engines."""
    site.set_page("/login", "<input id=pin type=date>")
    engine = await safe.begin()
    await go(engine, site.url("login"))
    result = await fails(engine, "fill", "wrong_element", selector="#pin", text=PIN)
    assert VALUE not in (result.error or "")
    assert "kan" not in (result.error or "")


async def test_without_a_vault_there_are_none(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: an engine that was given no secrets says so."""
    await go(engine, site.url("forms.html"))
    await fails(engine, "fill", "secret_refused", selector="#name", text=PIN)


ECHO = """<!doctype html><style>* {{ font: 16px monospace }}</style>
<p>You said {word}, and {word} again.
<p><input size=40 value="{word}"><svg width=600 height=40><text y=20>{word}</text></svg>
<section><template shadowrootmode=open><i>{word}</i></template></section>
<p id=late></p><script>
const word = {script};
setTimeout(() => {{ late.textContent = 'late: ' + word }}, 100);
setTimeout(() => {{ late.firstChild.data += ', later: ' + word; document.title = 'done' }}, 200);
</script>"""


def echo(site: Site) -> None:
    """Serve a page that shows what was sent to it, in many ways and at many times."""

    def respond(request: Request) -> Response | None:
        if request.method != "POST":
            return Response(LOGIN.encode())
        word = request.form()["pin"]
        return Response(ECHO.format(word=html.escape(word), script=json.dumps(word).replace("<", "\\u003c")).encode())

    site.on("/echo", respond)


async def test_what_a_page_shows_of_it_is_painted_over(safe: Safe, site: Site) -> None:
    """Contract, both engines: in texts, fields and shadow trees, at once and as the page changes."""
    echo(site)
    engine = await safe.begin()
    pictures = []
    for name in ("pin", "as-long"):
        await go(engine, site.url("echo"))
        await do(engine, "fill", selector="#pin", text=SecretReference(name))
        await do(engine, "click", selector="button")
        await do(engine, "wait_for", expression="document.title === 'done'")
        result = await engine.dispatch({"type": "screenshot"})
        pictures.append(Image.open(result.artifacts["screenshot_path"]).convert("RGB"))
    assert ImageChops.difference(*pictures).getbbox() is None


async def test_a_page_of_another_origin_is_not_told_what_to_hide(safe: Safe, site: Site) -> None:
    """Contract, both engines: it would learn the value by that."""
    echo(site)
    site.set_page("/b", f"<p>{html.escape(VALUE)}")
    engine = await safe.begin()
    await go(engine, site.url("echo"))
    await do(engine, "fill", selector="#pin", text=PIN)
    hidden = "[...(CSS.highlights.get('bykilt-secret') ?? [])].map(String)"
    await go(engine, site.url("b"))
    assert await js(engine, hidden) == [VALUE]
    await go(engine, site.other_url("b"))
    assert await js(engine, hidden) == []
