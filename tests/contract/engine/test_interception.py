"""Requests observed, blocked, answered and changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bykilt.browser.engine.browser_engine import BrowserEngine
from tests.support.engines import NewEngine, do, fails, go, js, recorded, site_launch
from tests.support.interception import fetch, rule, seen
from tests.support.site import Site

# ---- observing


async def test_requests_are_observed(engine: BrowserEngine, site: Site) -> None:
    """Specification: address, method, headers, status, timing, page, and that nothing was done."""
    await engine.enable_network_interception(patterns=["127.0.0.1/*"])
    await go(engine, site.url("a.html"))
    await fetch(engine, "/echo?q=1")

    document, request = await seen(engine, "/a.html"), await seen(engine, "/echo?q=1")

    assert (document["method"], document["status"], document["resource_type"]) == ("GET", 200, "document")
    assert (request["status"], request["resource_type"], request["done"]) == (200, "fetch", "observed")
    assert request["rule"] is None
    assert request["page"] == engine.current_page
    assert request["headers"]
    assert request["response_headers"]["content-type"] == "application/json"
    assert 0 <= request["timing"]["wait_ms"] <= request["timing"]["total_ms"] < 5000


async def test_other_requests_are_not_looked_at(engine: BrowserEngine, site: Site) -> None:
    """Specification: only what fits a pattern."""
    await go(engine, site.url("a.html"))
    await engine.enable_network_interception(patterns=["*.example.com/*", "127.0.0.1/hit/*"])

    await fetch(engine, "/echo")
    await fetch(engine, "/hit/one")

    await seen(engine, "/hit/one")
    assert [each["url"] for each in await recorded(engine)] == [site.url("hit/one")]


async def test_credentials_are_hidden_in_the_record(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the names of such headers are there, their values are not."""
    await go(engine, site.url("a.html"))
    await engine.enable_network_interception()

    headers = {"Authorization": "Bearer hunter2", "X-Api-Key": "hunter3"}
    await js(engine, "(headers) => fetch('/echo', { headers }).then((answer) => answer.text())", headers)
    await fetch(engine, "/cookie?name=session&value=hunter4")

    await seen(engine, "/echo")
    record = json.dumps(await engine.get_intercepted_requests())
    assert "hunter" not in record.replace("value=hunter4", "")
    assert "***" in record


async def test_a_new_interception_begins_a_new_record(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines; what was recorded outlives the end of the interception."""
    await go(engine, site.url("a.html"))
    await engine.enable_network_interception()
    await fetch(engine, "/hit/one")
    await seen(engine, "/hit/one")

    await engine.disable_network_interception()
    await fetch(engine, "/hit/two")

    assert [each["url"] for each in await recorded(engine)] == [site.url("hit/one")]
    await engine.enable_network_interception()
    assert await recorded(engine) == []


# ---- blocking and failing


async def test_a_blocked_request_never_arrives(engine: BrowserEngine, site: Site) -> None:
    """Specification: the server does not see it, the page sees a failure."""
    await go(engine, site.url("a.html"))
    await rule(engine, url="/hit/*", block=True)

    assert await fetch(engine, "/hit/blocked") == {"failed": "TypeError"}

    assert site.hits("/hit/blocked") == 0
    entry = await seen(engine, "/hit/blocked")
    assert (entry["done"], entry["rule"], entry["status"]) == ("blocked", 0, None)
    assert "BLOCKED_BY_CLIENT" in entry["failure"]


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        ("timed_out", "ERR_TIMED_OUT"),
        ("connection_refused", "ERR_CONNECTION_REFUSED"),
        ("name_not_resolved", "ERR_NAME_NOT_RESOLVED"),
        ("internet_disconnected", "ERR_INTERNET_DISCONNECTED"),
        ("failed", "ERR_FAILED"),
    ],
)
async def test_a_navigation_fails_with_the_given_reason(
    engine: BrowserEngine, site: Site, reason: str, shown: str
) -> None:
    """Contract, both engines."""
    await rule(engine, url="/a.html", fail=reason)

    result = await fails(engine, "navigate", "navigation_failed", url=site.url("a.html"))

    assert shown in str(result.error)
    assert site.hits("/a.html") == 0


@pytest.mark.parametrize(
    "fields",
    [{"method": "POST"}, {"resource_type": "image"}, {"url": "/other/*"}, {"method": ["PUT", "DELETE"]}],
    ids=["method", "type", "address", "methods"],
)
async def test_a_rule_is_for_what_it_names_only(engine: BrowserEngine, site: Site, fields: dict[str, Any]) -> None:
    """Contract, both engines: everything else goes its way."""
    await go(engine, site.url("a.html"))
    await rule(engine, block=True, **fields)

    assert (await fetch(engine, "/hit/free"))["status"] == 204


async def test_the_first_matching_rule_wins(engine: BrowserEngine, site: Site) -> None:
    """Specification: also when it only observes."""
    await go(engine, site.url("a.html"))
    await engine.enable_network_interception(
        rules=[
            {"url": "/hit/free", "observe": True},
            {"url": "/hit/*", "fulfill": {"body": "first"}},
            {"url": "*", "block": True},
        ]
    )

    assert (await fetch(engine, "/hit/free"))["status"] == 204
    assert (await fetch(engine, "/hit/x"))["text"] == "first"
    assert "failed" in await fetch(engine, "/echo")


# ---- answering


async def test_a_request_is_answered_by_the_rule(engine: BrowserEngine, site: Site) -> None:
    """Specification: status, headers and body; the server never hears of it."""
    await go(engine, site.url("a.html"))
    await rule(
        engine, url="/api/*", fulfill={"status": 201, "headers": {"X-Kind": "made up"}, "json": {"text": "お茶"}}
    )

    answer = await fetch(engine, "/api/tea")

    assert (answer["status"], answer["kind"]) == (201, "made up")
    assert json.loads(answer["text"]) == {"text": "お茶"}
    assert site.hits("/api/tea") == 0
    entry = await seen(engine, "/api/tea")
    assert (entry["done"], entry["status"]) == ("fulfilled", 201)


async def test_a_page_is_answered_by_the_rule(engine: BrowserEngine) -> None:
    """Contract, both engines: a host that does not exist can be shown."""
    await rule(
        engine,
        url="nowhere.example",
        fulfill={"headers": {"Content-Type": "text/html"}, "body": "<title>Made up</title><h1>Here</h1>"},
    )

    answer = await go(engine, "http://nowhere.example/start")

    assert answer["status"] == 200
    assert await js(engine, "document.title + location.pathname") == "Made up/start"


async def test_an_answer_comes_from_a_file(engine: BrowserEngine, site: Site, tmp_path: Path) -> None:
    """Specification: bytes as they are, with the type that its name tells."""
    file = engine.artifact_dir / "answer.bin"
    file.write_bytes(bytes(range(256)))
    await go(engine, site.url("a.html"))
    await rule(engine, url="/api/file", fulfill={"file": str(file)})

    numbers = await js(engine, "fetch('/api/file').then(async (a) => [...new Uint8Array(await a.arrayBuffer())])")

    assert numbers == list(range(256))


@pytest.mark.parametrize("name", ["none", ""])
async def test_what_is_no_file_is_refused(engine: BrowserEngine, name: str) -> None:
    """Contract, both engines: a missing file and a folder, at once, with which and why."""
    path = str(engine.artifact_dir / name)

    result = await fails(engine, "intercept_network", "file_rejected", rules=[{"fulfill": {"file": path}}])

    assert path in str(result.error)
    assert result.metadata["hint"]


async def test_a_page_is_answered_only_with_files_that_it_may_get(new_engine: NewEngine, tmp_path: Path) -> None:
    """Contract, both engines: the limits of uploads, since a page can send on what it gets."""
    for place in (tmp_path / "allowed", tmp_path / "allowed" / ".ssh", tmp_path / "elsewhere"):
        place.mkdir()
        (place / "file").write_text("content")
    engine = new_engine(artifact_dir=tmp_path / "run")
    await engine.launch(site_launch(upload_folders=[tmp_path / "allowed"]))

    for folder in ("elsewhere", "allowed/.ssh", "allowed/../elsewhere"):
        rules = [{"fulfill": {"file": str(tmp_path / folder / "file")}}]
        result = await fails(engine, "intercept_network", "file_rejected", rules=rules)
        assert "--upload-folder" in result.metadata["hint"]
    await do(engine, "intercept_network", rules=[{"fulfill": {"file": str(tmp_path / "allowed" / "file")}}])


async def test_a_binary_answer_is_given_as_base64(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines."""
    await go(engine, site.url("a.html"))
    await rule(engine, url="/api/bytes", fulfill={"body_base64": "AP8="})

    assert await js(engine, "fetch('/api/bytes').then(async (a) => [...new Uint8Array(await a.arrayBuffer())])") == [
        0,
        255,
    ]


# ---- changing


async def test_the_headers_of_a_request_are_changed(engine: BrowserEngine, site: Site) -> None:
    """Specification: set, and taken away."""
    await go(engine, site.url("a.html"))
    await rule(
        engine, url="/echo", change_request={"headers": {"X-Added": "yes", "User-Agent": "bykilt", "accept": None}}
    )

    headers = json.loads((await fetch(engine, "/echo"))["text"])["headers"]

    assert (headers["x-added"], headers["user-agent"]) == ("yes", "bykilt")
    assert headers.get("accept") in (None, "*/*")
    assert (await seen(engine, "/echo"))["done"] == "changed"


async def test_method_and_body_of_a_request_are_changed(engine: BrowserEngine, site: Site) -> None:
    """Specification: the server gets another request than the page sent."""
    await go(engine, site.url("a.html"))
    await rule(engine, url="/echo", change_request={"method": "POST", "body": "緑茶"})

    got = json.loads((await fetch(engine, "/echo"))["text"])

    assert (got["method"], got["body"]) == ("POST", "緑茶")


async def test_the_address_of_a_request_is_changed(engine: BrowserEngine, site: Site) -> None:
    """Specification: the page does not notice."""
    await go(engine, site.url("a.html"))
    await rule(engine, url="/api/old", change_request={"url": site.url("echo?new=1")})

    answer = await js(engine, "fetch('/api/old').then(async (a) => [new URL(a.url).pathname, (await a.json()).path])")

    assert answer == ["/api/old", "/echo"]


async def test_an_answer_is_changed(engine: BrowserEngine, site: Site) -> None:
    """Specification: status, headers and text of what the server said."""
    site.set_page("/price", "price: 100 yen; tax: 100", headers={"X-Kind": "plain", "Cache-Control": "no-store"})
    await go(engine, site.url("a.html"))
    await rule(
        engine,
        url="/price",
        change_response={"status": 203, "headers": {"X-Kind": "changed"}, "replace": {"find": "100", "with": "1"}},
    )

    assert await fetch(engine, "/price") == {"status": 203, "text": "price: 1 yen; tax: 1", "kind": "changed"}
    assert site.hits("/price") == 1


async def test_only_the_head_of_an_answer_is_changed(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the body is the server's."""
    site.set_page("/price", "100 yen", headers={"X-Kind": "plain"})
    await go(engine, site.url("a.html"))
    await rule(engine, url="/price", change_response={"status": 418, "headers": {"X-Kind": None}})

    assert await fetch(engine, "/price") == {"status": 418, "text": "100 yen", "kind": None}


async def test_the_body_of_an_answer_is_replaced(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: of a page too."""
    await rule(engine, url="/a.html", change_response={"body": "<title>Other</title>"})

    await go(engine, site.url("a.html"))

    assert await js(engine, "document.title") == "Other"


async def test_a_failure_stays_one_when_the_answer_should_be_changed(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: there is no answer to change."""
    await go(engine, site.url("a.html"))
    await rule(engine, url="/reset", change_response={"status": 200})

    assert await fetch(engine, "/reset") == {"failed": "TypeError"}


async def test_a_redirect_is_followed_when_the_answer_should_be_changed(engine: BrowserEngine, site: Site) -> None:
    """Contract, both engines: the page sees the last address."""
    await rule(engine, url="/redirect", change_response={"headers": {"X-Kind": "changed"}})

    assert (await go(engine, site.url("redirect?to=/b.html")))["url"] == site.url("b.html")
