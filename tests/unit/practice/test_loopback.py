"""The loopback server: keep-alive, odd requests, and an end that does not wait."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from bykilt.practice.loopback import LoopbackServer, Request, Respond, Response


@contextmanager
def serving(respond: Respond) -> Iterator[LoopbackServer]:
    server = LoopbackServer(respond, name="under-test")
    server.start()
    try:
        yield server
    finally:
        server.stop()


def connect(server: LoopbackServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, answer.read()


def echo(request: Request) -> Response:
    return Response(f"{request.method} {request.path} {len(request.body)}".encode())


def test_one_connection_carries_many_requests() -> None:
    with serving(echo) as server:
        connection = connect(server)
        connection.connect()
        port = connection.sock.getsockname()[1]
        assert ask(connection, "GET", "/a?b=1") == (200, b"GET /a 0")
        assert ask(connection, "POST", "/a", b"xyz") == (200, b"POST /a 3")
        assert ask(connection, "HEAD", "/a") == (200, b"")
        assert ask(connection, "PUT", "/b") == (200, b"PUT /b 0")
        assert connection.sock.getsockname()[1] == port
        connection.close()


def test_a_bug_in_an_answer_is_a_500_and_is_remembered() -> None:
    def respond(request: Request) -> Response:
        return Response(request.headers["x-missing"].encode())

    with serving(respond) as server:
        connection = connect(server)
        assert ask(connection, "GET", "/")[0] == 500
        connection.close()
        assert [type(failure) for failure in server.failures] == [KeyError]


def test_a_body_without_an_honest_length_is_refused() -> None:
    with serving(echo) as server:
        for length, status in ((b"-1", b"400"), (b"x", b"400"), (b"99999999999", b"413")):
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw:
                raw.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + length + b"\r\n\r\n")
                assert raw.makefile("rb").readline().split()[1] == status


def test_a_visitor_who_hangs_up_early_is_no_bug() -> None:
    began = threading.Event()
    gone = threading.Event()

    def respond(_request: Request) -> Response:
        began.set()
        assert gone.wait(5)
        return Response(b"x" * 5_000_000)

    with serving(respond) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert began.wait(5)
        gone.set()
        connection = connect(server)
        assert ask(connection, "GET", "/")[0] == 200
        connection.close()
        assert server.failures == ()


def test_it_stops_at_once_while_answers_are_held_back() -> None:
    held = threading.Barrier(3)
    released: list[str] = []

    def respond(request: Request) -> Response | None:
        held.wait(5)
        if request.path == "/forever":
            server.wait_until_stopped()
        else:
            assert not server.pause(60)
        released.append(request.path)
        return None

    with serving(respond) as server:
        connections = [connect(server), connect(server)]
        for connection, path in zip(connections, ("/pause", "/forever"), strict=True):
            connection.request("GET", path)
        held.wait(5)
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 0.5

    assert sorted(released) == ["/forever", "/pause"]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("under-test")]
    for connection in connections:
        connection.close()


def test_idle_connections_do_not_delay_the_end() -> None:
    with serving(echo) as server:
        connection = connect(server)
        ask(connection, "GET", "/")
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 0.5
    connection.close()


def test_a_server_that_was_never_started_can_be_stopped_twice() -> None:
    server = LoopbackServer(echo)
    server.stop()
    server.stop()
