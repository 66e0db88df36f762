"""A proxy that asks for a password: it gets it, and nobody else does."""

from __future__ import annotations

import pytest

from bykilt.errors import InvalidInput
from tests.support.engines import Facts, NewEngine, do, fails, go, js, site_launch
from tests.support.proxy import AskingProxy


async def test_the_password_goes_to_the_proxy(new_engine: NewEngine) -> None:
    """Contract, both engines: every request goes through it; the password stands in no fact."""
    facts = Facts()
    engine = new_engine(facts=facts)
    with AskingProxy("aiko", "p@ss word") as proxy:
        await engine.launch(site_launch(proxy=f"http://aiko:p%40ss%20word@{proxy.host}"))

        await go(engine, "http://shop.example/orders")

        assert await js(engine, "document.title") == "through the proxy"
        assert "http://shop.example/orders" in proxy.seen
        assert "p@ss" not in repr(facts.heard)
        assert "p%40ss" not in repr(facts.heard)


async def test_a_rule_and_a_proxy_go_together(new_engine: NewEngine) -> None:
    """Contract, both engines: intercepting some requests does not keep the password from the proxy."""
    engine = new_engine()
    with AskingProxy("aiko", "secret") as proxy:
        await engine.launch(site_launch(proxy=f"http://aiko:secret@{proxy.host}"))
        await engine.enable_network_interception(["*/blocked"], [{"url": "*/blocked", "block": True}])

        await fails(engine, "navigate", "navigation_failed", url="http://shop.example/blocked")
        await go(engine, "http://shop.example/orders")

        assert "http://shop.example/orders" in proxy.seen
        assert "http://shop.example/blocked" not in proxy.seen


async def test_a_wrong_password_is_an_error_in_time(new_engine: NewEngine) -> None:
    """Contract, both engines: the proxy is not asked for ever."""
    engine = new_engine()
    with AskingProxy("aiko", "right") as proxy:
        await engine.launch(site_launch(proxy=f"http://aiko:wrong@{proxy.host}"))

        result = await engine.dispatch({"type": "navigate", "url": "http://shop.example/", "timeout_ms": 8_000})

        assert not result.success or result.metadata["status"] == 407
        assert "wrong" not in str(result.error)
        assert proxy.seen == []
        assert 0 < proxy.refused < 20


async def test_without_a_password_a_proxy_that_asks_gets_none(new_engine: NewEngine) -> None:
    """Contract, both engines: its refusal is an error or is what the page shows, and nothing goes through."""
    engine = new_engine()
    with AskingProxy("aiko", "right") as proxy:
        await engine.launch(site_launch(proxy=f"http://{proxy.host}"))

        result = await engine.dispatch({"type": "navigate", "url": "http://shop.example/"})

        assert not result.success or result.metadata["status"] == 407
        assert proxy.refused > 0
        assert proxy.seen == []


async def test_a_kind_of_proxy_that_takes_no_password(new_engine: NewEngine) -> None:
    """Contract, both engines: refused before anything starts; the password is not shown."""
    with pytest.raises(InvalidInput, match="gives no password") as refused:
        await new_engine().launch(site_launch(proxy="socks5://aiko:hidden@127.0.0.1:1080"))
    assert "hidden" not in str(refused.value)


async def test_a_password_in_an_address_that_is_none_is_not_shown(new_engine: NewEngine) -> None:
    """Contract, both engines: neither in the error nor in the settings."""
    context = site_launch(proxy="http://aiko:sesame@[::1", storage_state={"cookies": []}, emulation={})

    with pytest.raises(InvalidInput, match="no address") as refused:
        await new_engine().launch(context)

    assert "sesame" not in str(refused.value)
    assert "sesame" not in repr(context)


async def test_offline_emulation_holds_behind_a_proxy(new_engine: NewEngine) -> None:
    """Contract, both engines: nothing goes out, to the proxy neither."""
    engine = new_engine()
    with AskingProxy("aiko", "secret") as proxy:
        await engine.launch(site_launch(proxy=f"http://aiko:secret@{proxy.host}", emulation={"offline": True}))

        await fails(engine, "navigate", "navigation_failed", url="http://shop.example/")

        assert "http://shop.example/" not in proxy.seen
        await do(engine, "emulate", offline=False)
        await go(engine, "http://shop.example/")
