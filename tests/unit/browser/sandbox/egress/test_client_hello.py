"""The server name in a ClientHello, in whatever pieces it comes."""

from __future__ import annotations

import socket
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.browser.sandbox.egress.client_hello import MAX_HELLO_BYTES, ClientHello, ClientHelloReader
from bykilt.browser.sandbox.egress.decisions import MalformedRequest
from tests.support.egress import client_hello, records, server_name


def real_hello(name: str) -> bytes:
    """Return what the system's TLS library sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return outgoing.read()


def read(data: bytes) -> ClientHello | None:
    return ClientHelloReader().feed(data)


def test_the_name_in_a_real_hello_is_read() -> None:
    assert read(real_hello("Example.com")) == ClientHello("example.com")


def test_a_hello_without_a_name_has_none() -> None:
    assert read(client_hello(None)) == ClientHello(None)


def test_a_hello_without_extensions_has_no_name() -> None:
    body = b"\x03\x01" + bytes(32) + b"\0" + b"\x00\x02\x00\x2f" + b"\x01\0"

    assert read(records(b"\x01" + len(body).to_bytes(3, "big") + body)) == ClientHello(None)


def test_a_hello_as_large_as_a_post_quantum_one_is_read() -> None:
    assert read(client_hello("a.test", extra=[(51, bytes(20_000))])) == ClientHello("a.test")


@given(st.integers(1, 200), st.integers(1, 200))
def test_a_hello_may_come_in_any_pieces(record_bytes: int, packet_bytes: int) -> None:
    data = client_hello("a.test", record_bytes=record_bytes)
    reader = ClientHelloReader()

    answers = [reader.feed(data[start : start + packet_bytes]) for start in range(0, len(data), packet_bytes)]

    assert answers[:-1] == [None] * (len(answers) - 1)
    assert answers[-1] == ClientHello("a.test")


def test_every_beginning_of_a_hello_is_waited_for() -> None:
    data = client_hello("a.test", record_bytes=40)

    assert all(read(data[:length]) is None for length in range(len(data)))


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x00",
        b"\x17\x03\x03\x00\x01\x00",  # application data
        b"\x80\x2e\x01\x03\x01",  # the hello of SSL 2
        b"\x16\x02",  # another version
        b"\x16\x03\x01\x00\x00",  # an empty record
        b"\x16\x03\x01\x40\x01",  # a record that is too long
        records(b"\x02\x00\x00\x00"),  # a ServerHello
        records(b"\x01\x02\x00\x00"),  # longer than anything sane
        records(b"\x01\x00\x00\x01\x03"),  # ends within its version
        records(b"\x01\x00\x00\x00" + b"\x01"),  # followed by another message
        client_hello("a.test", extra=[(0, server_name("b.test"))]),
        client_hello("a.test", extra=[(16, b""), (16, b"")]),
        client_hello(None, extra=[(0, b"")]),
        client_hello(None, extra=[(0, b"\x00\x00")]),
        client_hello(None, extra=[(0, b"\x00\x05\x01\x00\x02ab")]),  # a name of another type
        client_hello(None, extra=[(0, b"\x00\x08\x00\x00\x01a\x00\x00\x01b")]),  # two names
        client_hello(None, extra=[(0, server_name("a.test") + b"\0")]),
        client_hello(None, extra=[(0, server_name("a\0.test"))]),
        client_hello(None, extra=[(0, server_name("a.test\xe9"))]),
        client_hello(None, extra=[(0, server_name(""))]),
    ],
)
def test_what_is_no_hello_or_has_two_readings_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedRequest):
        read(data)


def test_a_hello_that_never_ends_is_refused() -> None:
    head = records(b"\x01\x00\xff\xff")

    with pytest.raises(MalformedRequest):
        read(head + records(bytes(MAX_HELLO_BYTES - 10), 1))


@given(st.binary(max_size=300))
def test_no_bytes_are_worse_than_refused(data: bytes) -> None:
    for candidate in (
        data,
        b"\x16\x03\x01" + data,
        records(b"\x01\x00" + data),
        records(client_hello("a")[5:60] + data),
    ):
        try:
            read(candidate)
        except MalformedRequest:
            pass


def test_the_system_agrees_with_our_own_hello() -> None:
    """What the other tests are made of is a hello that a TLS server understands."""
    names: list[str | None] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda connection, name, context: names.append(name)
    hello = client_hello("a.test", extra=[(43, b"\x02\x03\x04"), (10, b"\x00\x02\x00\x1d"), (13, b"\x00\x02\x04\x03")])
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(hello)
        ours.shutdown(socket.SHUT_WR)
        with pytest.raises(ssl.SSLError):
            context.wrap_socket(theirs, server_side=True)

    assert names == ["a.test"]
