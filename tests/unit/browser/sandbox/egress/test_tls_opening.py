"""A TLS connection that says its hello twice: the second one is looked at like the first."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from anyio.abc import SocketStream
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from bykilt.browser.sandbox.egress.client_hello import ClientHello
from bykilt.browser.sandbox.egress.decisions import MalformedRequest
from bykilt.browser.sandbox.egress.tls_opening import TlsOpening
from tests.support.egress import Upstream, client_hello, only_decision, open_egress, open_upstream, read_all, records

RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")
CHANGE = b"\x14\x03\x03\x00\x01\x01"
EARLY = b"\x17\x03\x03\x00\x05early"


def server_hello(random: bytes = bytes(32)) -> bytes:
    body = b"\x03\x03" + random + b"\0" + b"\x13\x01" + b"\0" + b"\0\0"
    return records(b"\x02" + len(body).to_bytes(3, "big") + body)


class Opening(TlsOpening):
    """Keeps the names that it was asked to check."""

    def __init__(self) -> None:
        self.names: list[str | None] = []
        super().__init__(lambda hello: self.names.append(hello.server_name))


@pytest.mark.parametrize(
    "answer", [server_hello(), b"\x15\x03\x03\x00\x02\x02\x28", b"HTTP/1.1 400 Bad\r\n", records(b"\x0b")]
)
def test_an_answer_that_asks_for_no_hello_opens_the_connection(answer: bytes) -> None:
    opening = Opening()
    opening.from_server(answer)

    assert opening.is_open
    assert opening.from_client(client_hello("b.test")) == client_hello("b.test")
    assert opening.names == []


def test_early_data_goes_on_before_the_answer() -> None:
    opening = Opening()

    assert opening.from_client(CHANGE + EARLY) == CHANGE + EARLY
    assert not opening.is_holding


def test_a_hello_before_the_answer_waits_for_it() -> None:
    opening = Opening()
    assert opening.from_client(EARLY + client_hello("b.test")) == EARLY
    assert opening.is_holding

    opening.from_server(server_hello(RETRY))
    assert not opening.is_open
    assert opening.from_client() == client_hello("b.test")
    assert opening.names == ["b.test"]
    assert opening.is_open


@given(st.integers(1, 90), st.integers(1, 60))
def test_it_may_come_in_any_pieces(client_bytes: int, server_bytes: int) -> None:
    opening = Opening()
    answer, said = server_hello(RETRY), CHANGE + EARLY + client_hello("a.test", record_bytes=40) + b"rest"
    for start in range(0, len(answer), server_bytes):
        opening.from_server(answer[start : start + server_bytes])
    passed = b"".join(
        opening.from_client(said[start : start + client_bytes]) for start in range(0, len(said), client_bytes)
    )

    assert opening.names == ["a.test"]
    assert passed == said


def test_nothing_of_a_second_hello_goes_on_before_it_was_looked_at() -> None:
    def refuse(hello: ClientHello) -> None:
        raise MalformedRequest(f"not {hello.server_name}")

    opening = TlsOpening(refuse)
    opening.from_server(server_hello(RETRY))
    hello = client_hello("b.test")
    assert opening.from_client(hello[:-1]) == b""
    with pytest.raises(MalformedRequest, match=r"b\.test"):
        opening.from_client(hello[-1:])


@pytest.mark.parametrize(
    "said", [b"GET / HTTP/1.1\r\n", records(b"\x10\0\0\0"), b"\x17\x03\x03\xff\xff", b"\x80\x2e\x01"]
)
def test_something_else_than_a_second_hello_is_refused(said: bytes) -> None:
    opening = Opening()
    opening.from_server(server_hello(RETRY))
    with pytest.raises(MalformedRequest):
        opening.from_client(said)


def test_a_server_that_hides_its_wish_in_pieces_is_refused() -> None:
    hello = server_hello(RETRY)[5:]
    with pytest.raises(MalformedRequest):
        Opening().from_server(records(hello, record_bytes=20))


# ---- a real server that asks for another hello, behind the proxy


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.test")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    return file


class RetryingServer:
    """A TLS server that wants a key share which no client offers at first; it keeps the names it is asked for."""

    def __init__(self, certificate: Path) -> None:
        self.names: list[str | None] = []
        self.port = 0
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._context.set_ecdh_curve("secp521r1")
        self._context.sni_callback = lambda _socket, name, _context: self.names.append(name)

    async def handle(self, upstream: Upstream, stream: SocketStream, seen: bytearray) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._context.wrap_bio(incoming, outgoing, server_side=True)
        is_open = False
        while data := await upstream.receive(stream, seen):
            incoming.write(data)
            try:
                if not is_open:
                    tls.do_handshake()
                    is_open = True
                    tls.write(b"hello inside")
            except ssl.SSLWantReadError:
                pass
            except ssl.SSLError:
                return
            await stream.send(outgoing.read())


@asynccontextmanager
async def retrying_server(certificate: Path) -> AsyncIterator[RetryingServer]:
    server = RetryingServer(certificate)
    async with open_upstream(server.handle) as upstream:
        server.port = upstream.port
        yield server


class Client:
    """A TLS client that is led by hand."""

    def __init__(self, name: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)

    def step(self, data: bytes = b"") -> bytes:
        """Take what the server said; return what is to be said next."""
        self._incoming.write(data)
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        return self._outgoing.read()

    def inside(self, data: bytes) -> bytes:
        self._incoming.write(data)
        return self._tls.read(100)


async def test_a_server_that_wants_a_second_hello_gets_it(certificate: Path) -> None:
    async with (
        retrying_server(certificate) as server,
        open_egress(f"private:a.test:{server.port}") as egress,
        await egress.open_tunnel("a.test", server.port) as stream,
    ):
        client = Client("a.test")
        await stream.send(client.step())
        retry = await stream.receive()
        assert RETRY in retry
        await stream.send(client.step(retry))
        finished = client.step(await stream.receive())
        await stream.send(finished)
        assert client.inside(await stream.receive()) == b"hello inside"


async def test_a_second_hello_for_another_server_ends_the_tunnel(certificate: Path) -> None:
    async with retrying_server(certificate) as server, open_egress(f"private:a.test:{server.port}") as egress:
        async with await egress.open_tunnel("a.test", server.port) as stream:
            client = Client("a.test")
            await stream.send(client.step())
            second = client.step(await stream.receive())
            assert b"a.test" in second
            await stream.send(second.replace(b"a.test", b"b.test"))
            assert await read_all(stream) == b""

        decision = await only_decision(egress)
        assert not decision.allowed
        assert "another server" in decision.reason
        assert "b.test" not in server.names


async def test_without_the_proxy_the_server_hears_the_second_name(certificate: Path) -> None:
    """A control: that server does read it."""
    client, server = Client("a.test"), RetryingServer(certificate)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = server._context.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(client.step())
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    incoming.write(client.step(outgoing.read()).replace(b"a.test", b"b.test"))
    with pytest.raises(ssl.SSLError):
        tls.do_handshake()
    assert server.names == ["a.test", "b.test"]
