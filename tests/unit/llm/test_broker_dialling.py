"""Which addresses a provider's name may lead to, and that the connection goes to the one that was checked."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from bykilt.llm.broker.destination import Destination
from bykilt.llm.broker.dialling import Dialler
from bykilt.llm.errors import BrokerRefused, ProviderFailed
from bykilt.llm.providers import Price, Provider


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Network:
    """Names that lead where a test says, one answer after the other; connections to `listener` whatever was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.connected: list[str] = []
        self.looked_up = 0
        self.listener = socket.create_server(("127.0.0.1", 0))

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.looked_up += 1
        return self.answers.pop(0)

    async def connect(self, address: str, port: int) -> socket.socket:
        self.connected.append(address)
        return socket.create_connection(self.listener.getsockname())


def dialler(network: Network, url: str = "https://api.example/v1", *, allow_private: bool = False) -> Dialler:
    provider = Provider(name="p", url=url, models={"m": Price()}, allow_private=allow_private)
    place = Destination.of(provider)
    return Dialler(place, allow_private=allow_private, resolve=network.resolve, connect=network.connect)


NEAR = ["127.0.0.1", "::1", "10.0.0.7", "192.168.1.1", "172.16.0.1", "100.64.0.1", "fd00::1", "fe80::1", "169.254.7.7"]
NEVER = [
    "169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "fd00:ec2::254", "0.0.0.0", "224.0.0.1",
    "255.255.255.255", "::", "ff02::1", "192.0.2.1", "240.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
]  # fmt: skip


@pytest.mark.parametrize("address", [*NEAR, *NEVER, "::ffff:127.0.0.1", "2002:7f00:1::1", "64:ff9b::7f00:1"])
async def test_a_name_that_leads_near_is_refused_before_anything_is_connected(address: str) -> None:
    for answer in ([address], ["8.8.8.8", address]):
        network = Network(answer)
        with network.listener, pytest.raises(BrokerRefused, match="leads to"):
            await dialler(network).dial()
        assert not network.connected


@pytest.mark.parametrize("address", NEVER)
async def test_some_addresses_are_no_providers_even_in_a_private_network(address: str) -> None:
    network = Network([address])
    with network.listener, pytest.raises(BrokerRefused):
        await dialler(network, allow_private=True).dial()
    assert not network.connected


@pytest.mark.parametrize("address", NEAR)
async def test_what_is_near_may_be_asked_where_that_is_allowed(address: str) -> None:
    """The control: connecting is tried, and only then found to lead elsewhere, unless it is where it should be."""
    network = Network([address])
    with network.listener:
        if address == "127.0.0.1":
            connection, found = await dialler(network, allow_private=True).dial()
            connection.close()
            assert found == address
        else:
            with pytest.raises(BrokerRefused, match="instead of"):
                await dialler(network, allow_private=True).dial()
    assert network.connected == [address]


async def test_a_public_address_is_asked_and_the_connection_looked_at() -> None:
    network = Network(["8.8.8.8"])
    with network.listener, pytest.raises(BrokerRefused, match=r"went to 127\.0\.0\.1 instead of 8\.8\.8\.8"):
        await dialler(network).dial()
    assert network.connected == ["8.8.8.8"]


async def test_a_name_is_looked_up_once_for_a_connection() -> None:
    """A name whose owner changes it between the check and the connection changes nothing."""
    network = Network(["8.8.8.8"], ["127.0.0.1"])
    with network.listener:
        with pytest.raises(BrokerRefused, match="instead of"):
            await dialler(network).dial()
        assert (network.looked_up, network.connected) == (1, ["8.8.8.8"])
        with pytest.raises(BrokerRefused, match="leads to"):
            await dialler(network).dial()
    assert network.connected == ["8.8.8.8"]


async def test_localhost_is_this_machine_whatever_a_resolver_says() -> None:
    network = Network(["8.8.8.8"])
    with network.listener:
        connection, address = await dialler(network, "http://localhost:8080/v1", allow_private=True).dial()
        connection.close()
    assert (address, network.looked_up) == ("127.0.0.1", 0)


async def test_without_tls_nothing_is_sent_to_a_public_address() -> None:
    network = Network(["8.8.8.8"])
    with network.listener, pytest.raises(BrokerRefused, match="no TLS"):
        await dialler(network, "http://api.example/v1", allow_private=True).dial()
    assert not network.connected


@pytest.mark.parametrize("url", ["https://169.254.169.254/v1", "https://127.0.0.1/v1", "https://[::1]/v1"])
async def test_an_address_in_the_settings_is_checked_too(url: str) -> None:
    network = Network()
    with network.listener, pytest.raises(BrokerRefused):
        await dialler(network, url).dial()
    assert not network.connected


async def test_a_name_without_an_address_is_worth_another_try() -> None:
    for answer in ([], ["no address"]):
        network = Network(answer)
        with network.listener, pytest.raises(ProviderFailed) as failed:
            await dialler(network).dial()
        assert failed.value.is_retryable
