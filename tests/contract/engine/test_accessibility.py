"""The accessibility snapshot: the same from both engines, across frames, with references that actions understand."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from bykilt.events.model import ActionFinished
from tests.support.engines import Facts, do, fails, go, js
from tests.support.site import Site


async def snapshot(engine: BrowserEngine, **fields: Any) -> str:
    """Return the page's tree as text."""
    text: str = (await do(engine, "accessibility_snapshot", **fields))["text"]
    return text


def ref(text: str, node: str, at: int = 0) -> str:
    """Return the selector of the node whose line holds these words."""
    found = [line for line in text.split("\n") if node in line]
    assert len(found) > at, f"no {node} in\n{text}"
    reference = re.search(r"\[ref=(e\d+)\]", found[at])
    assert reference
    return f"ref={reference[1]}"


def bare(text: str) -> list[str]:
    """Return the lines without references and addresses."""
    return [re.sub(r" \[ref=e\d+\]|: http://\S+", "", line) for line in text.split("\n")]


FRAMES = """\
- document "Frames"
  - heading "Frames" [level=1]
  - button "Buy in the main frame"
  - iframe "Same origin"
    - same
    - textbox "Note"
    - button "Buy"
    - button "File"
    - link "Go to B"
    - link "Leave all frames"
  - iframe "Nested"
    - Outer frame
    - iframe "Inside"
      - nested
      - textbox "Note"
      - button "Buy"
      - button "File"
      - link "Go to B"
      - link "Leave all frames"
  - iframe "Other origin, same site"
    - cross
    - textbox "Note"
    - button "Buy"
    - button "File"
    - link "Go to B"
    - link "Leave all frames"
  - iframe "Other site"
    - Outer frame
    - iframe "Inside"
      - nested
      - textbox "Note"
      - button "Buy"
      - button "File"
      - link "Go to B"
      - link "Leave all frames"
  - iframe "From srcdoc"
    - button "Buy in srcdoc"
  - iframe "Blank"
  - button "Add a frame in 300 ms"
  - button "Navigate the first frame\""""


async def test_the_tree_holds_all_frames(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: of the same process or another, nested, without an address."""
    await go(engine, site.url("frames.html"))
    await do(engine, "wait_for", frame="*//localhost*/frame_inner.html*", selector="#who")

    assert bare(await snapshot(engine)) == FRAMES.split("\n")


async def test_the_tree_goes_through_open_shadow_roots(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: what is inside can be acted on."""
    await go(engine, site.url("shadow.html"))

    text = await snapshot(engine)
    await do(engine, "click", selector=ref(text, 'button "Deep button"', 1))

    assert 'textbox "Note"' in text
    assert "Sealed" not in text
    assert site.beacons("shadow")[0].details["id"] == "deep"


@pytest.mark.parametrize(("at", "who"), list(enumerate(["same", "nested", "cross", "nested"])))
async def test_a_reference_works_in_every_frame(engine: BrowserEngine, site: Site, at: int, who: str) -> None:
    """Contract, both engines: the action finds the frame by itself."""
    await go(engine, site.url("frames.html"))
    await do(engine, "wait_for", frame="*//localhost*/frame_inner.html*", selector="#who")
    text = await snapshot(engine)

    await do(engine, "fill", selector=ref(text, 'textbox "Note"', at), text=f"number {at}")
    await do(engine, "click", selector=ref(text, 'button "Buy"', at))

    (beacon,) = site.beacons("buy")
    assert beacon.details == {"who": who, "note": f"number {at}", "isTrusted": True}


async def test_references_stay_while_their_elements_live(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: also when the page has changed around them."""
    await go(engine, site.url("forms.html"))
    first = await snapshot(engine)
    await js(
        engine,
        "document.querySelector('form').prepend(Object.assign(document.createElement('button'), {textContent: 'New'}))",
    )

    second = await snapshot(engine)

    assert ref(first, 'textbox "Name"') == ref(second, 'textbox "Name"')
    assert ref(second, 'button "New"') not in first


async def test_every_kind_of_action_takes_a_reference(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("forms.html"))
    text = await snapshot(engine)
    group, file = ref(text, 'group "Text"'), ref(text, 'button "One file"')
    name, city, agree = ref(text, 'textbox "Name"'), ref(text, 'combobox "City"'), ref(text, 'checkbox "I agree"')

    await do(engine, "fill", selector=name, text="Ann")
    await do(engine, "type", selector=name, text="a")
    await do(engine, "press", selector=name, key="Backspace")
    await do(engine, "select_option", selector=city, label="Osaka")
    await do(engine, "check", selector=agree)
    await do(engine, "focus", selector=name)
    await do(engine, "hover", selector=agree)
    await do(engine, "scroll", selector=ref(text, 'button "Send"'))
    await do(engine, "wait_for", selector=name, state="visible")
    await do(engine, "screenshot", selector=name)
    await do(engine, "file_upload", selector=file, files=[__file__])

    assert (await do(engine, "extract", selector=name, kind="attribute", attribute="id"))["result"] == "name"
    assert (await do(engine, "extract", selector=f"{group} >> input", kind="count"))["result"] == 6
    second = await snapshot(engine)
    assert 'textbox "Name" [ref=' in second
    assert "[focused]: Ann" in second
    assert f'combobox "City" [{city}]: Osaka' in second
    assert f'checkbox "I agree" [{agree}] [checked]' in second
    assert f"[{file}]: test_accessibility.py" in second


async def test_a_reference_whose_element_is_gone_is_refused_at_once(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: it can never come back, so that nothing is waited for, and nothing else is hit."""
    await go(engine, site.url("clicks.html"))
    text = await snapshot(engine)
    button = ref(text, "button")
    await js(engine, "document.querySelector('button').remove()")

    result = await fails(engine, "click", "stale_reference", selector=button)

    assert "its element is gone" in str(result.error)
    assert "accessibility_snapshot" in str(result.metadata["hint"])
    assert result.duration_ms < 2000


async def test_a_reference_does_not_survive_its_document(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the same place on the next page never answers to an old reference."""
    await go(engine, site.url("a.html"))
    old = ref(await snapshot(engine), "link")
    await go(engine, site.url("a.html"))
    new = ref(await snapshot(engine), "link")

    assert old != new
    await fails(engine, "click", "stale_reference", selector=old)
    await do(engine, "click", selector=new)


async def test_a_reference_that_was_never_given_out(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))

    result = await fails(engine, "click", "stale_reference", selector="ref=e99999999")

    assert "no snapshot gave it out" in str(result.error)
    await fails(engine, "click", "invalid_selector", selector="ref=12")


async def test_a_frame_that_is_gone_takes_its_references_with_it(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("frames.html"))
    inside = ref(await snapshot(engine), 'button "Buy"')
    await js(engine, "document.getElementById('same').remove()")

    result = await fails(engine, "click", "stale_reference", selector=inside)

    assert "gone" in str(result.error)


async def test_waiting_for_the_end_of_an_element_by_its_reference(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: that it is gone is then the answer."""
    await go(engine, site.url("clicks.html"))
    button = ref(await snapshot(engine), "button")
    await js(engine, "setTimeout(() => document.querySelector('button').remove(), 200)")

    await do(engine, "wait_for", selector=button, state="detached")
    await do(engine, "wait_for", selector=button, state="hidden")
    assert (await do(engine, "extract", selector=button, kind="count"))["result"] == 0


async def test_an_alternative_stands_in_for_a_stale_reference(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("clicks.html"))

    await do(engine, "click", selector=["ref=e99999999", "#plain"])

    assert len(site.beacons("plain")) == 1


async def test_a_reference_leads_to_its_page(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: also to one that is not the current one, unless another is named."""
    first = engine.current_page
    await go(engine, site.url("clicks.html"))
    button = ref(await snapshot(engine), "button")
    other = (await do(engine, "new_tab", url=site.url("a.html")))["page"]

    assert (await do(engine, "extract", selector=button, kind="count"))["result"] == 1
    result = await fails(engine, "click", "stale_reference", selector=button, page=other)

    assert f"it belongs to {first}" in str(result.error)


async def test_a_password_is_never_shown(engine: BrowserEngine, site: Site, facts: Facts) -> None:
    """Contract, both engines: only that there is one."""
    await go(engine, site.url("forms.html"))
    await do(engine, "fill", selector="#password", text="hunter2-secret")

    metadata = await do(engine, "accessibility_snapshot")

    assert "hunter2" not in str(metadata)
    assert "•••" in ref_line(metadata["text"], 'textbox "Password"')
    assert "hunter2" not in str(facts.of(ActionFinished))


def ref_line(text: str, node: str) -> str:
    """Return the line of a node."""
    return next(line for line in text.split("\n") if node in line)


async def test_a_part_of_the_page(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: waited for, and in a frame too."""
    await go(engine, site.url("forms.html"))
    late = "<nav aria-label=Late><a href=#>x</a></nav>"
    await js(engine, f"setTimeout(() => document.body.insertAdjacentHTML('beforeend', '{late}'), 200); null")

    assert bare(await snapshot(engine, selector="nav")) == ['- navigation "Late"', '  - link "x"']
    await go(engine, site.url("frames.html"))
    assert bare(await snapshot(engine, frame="same", selector="#buy")) == ['- button "Buy"']
    assert bare(await snapshot(engine, frame="same"))[:2] == ['- document "Inner frame"', "  - same"]
    await fails(engine, "accessibility_snapshot", "element_not_found", selector="#nothing", timeout_ms=400)


async def test_a_limit_says_what_it_leaves_out(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the tree is cut in the order of reading, frames included."""
    await go(engine, site.url("table.html?rows=200"))
    metadata = await do(engine, "accessibility_snapshot", limit=50)

    assert metadata["nodes"] == 50
    whole = await do(engine, "accessibility_snapshot", limit=100_000)
    assert whole["more"] == 0
    assert metadata["more"] == whole["nodes"] - 50
    assert f"({metadata['more']} more nodes not shown" in metadata["text"]

    await go(engine, site.url("frames.html"))
    cut = await do(engine, "accessibility_snapshot", limit=12)
    assert cut["nodes"] == 12
    assert len(cut["text"].split("\n")) == 13
    await fails(engine, "accessibility_snapshot", "invalid_action", limit=0)


async def test_the_tree_is_json(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the same nodes as in the text."""
    site.set_page("small.html", "<title>T</title><h1>Hi</h1><input aria-label=n value=v><button disabled>B</button>")
    await go(engine, site.url("small.html"))

    tree = (await do(engine, "accessibility_snapshot"))["tree"]

    heading, field, button = tree["children"]
    assert (tree["role"], tree["name"], tree["url"]) == ("document", "T", site.url("small.html"))
    assert heading == {"role": "heading", "name": "Hi", "level": 1, "ref": heading["ref"]}
    assert field == {"role": "textbox", "name": "n", "value": "v", "ref": field["ref"]}
    assert button == {"role": "button", "name": "B", "disabled": True, "ref": button["ref"]}


async def test_a_page_cannot_see_or_fake_the_references(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: nothing of them is in the document or in the page's world."""
    await go(engine, site.url("a.html"))
    before = await js(engine, "document.documentElement.outerHTML")

    await snapshot(engine)

    assert await js(engine, "document.documentElement.outerHTML") == before
    assert await js(engine, "typeof globalThis.bykiltReferences") == "undefined"
