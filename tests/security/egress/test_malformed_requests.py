"""Requests that two servers could read in two ways. Contract: none of them, nor any part of one, reaches a server.

`{port}` is the port of a server that is allowed, on every name below `.test`.
"""

from __future__ import annotations

import anyio
import pytest

from tests.support.egress import ANSWER, client_hello, open_egress, open_upstream

HOST = "Host: a.test:{port}\r\n"
GET = "GET http://a.test:{port}/ HTTP/1.1\r\n" + HOST
POST = "POST http://a.test:{port}/ HTTP/1.1\r\n" + HOST
NEXT = "GET http://a.test:{port}/secret HTTP/1.1\r\n" + HOST + "\r\n"
CHUNKED = POST + "Transfer-Encoding: chunked\r\n\r\n"

MALFORMED = {
    # the request line
    "no version": "GET http://a.test:{port}/\r\n" + HOST + "\r\n",
    "HTTP/0.9": "GET http://a.test:{port}/\r\n\r\n",
    "HTTP/1.0": "GET http://a.test:{port}/ HTTP/1.0\r\n" + HOST + "\r\n",
    "HTTP/2.0": "GET http://a.test:{port}/ HTTP/2.0\r\n" + HOST + "\r\n",
    "HTTP/1.1 with more after it": "GET http://a.test:{port}/ HTTP/1.1 x\r\n" + HOST + "\r\n",
    "a version in lower case": "GET http://a.test:{port}/ http/1.1\r\n" + HOST + "\r\n",
    "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "an empty line before the request": "\r\n" + GET + "\r\n",
    "a space before the request": " " + GET + "\r\n",
    "two spaces in the request line": "GET  http://a.test:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "a tab in the request line": "GET\thttp://a.test:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "a space in the path": "GET http://a.test:{port}/a b HTTP/1.1\r\n" + HOST + "\r\n",
    "a NUL in the path": "GET http://a.test:{port}/a\0b HTTP/1.1\r\n" + HOST + "\r\n",
    "a byte above 127 in the path": "GET http://a.test:{port}/\xe9 HTTP/1.1\r\n" + HOST + "\r\n",
    "a fragment": "GET http://a.test:{port}/#a HTTP/1.1\r\n" + HOST + "\r\n",
    "a CR in the path": "GET http://a.test:{port}/\rx HTTP/1.1\r\n" + HOST + "\r\n",
    "a method that is no token": "G(T http://a.test:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "a method in lower case": "get http://a.test:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "TRACE": "TRACE http://a.test:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "Track": "Track http://a.test:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "TLS instead of a request": client_hello("a.test").decode("latin-1"),
    # what it is for
    "a path alone": "GET / HTTP/1.1\r\n" + HOST + "\r\n",
    "an asterisk": "OPTIONS * HTTP/1.1\r\n" + HOST + "\r\n",
    "https": "GET https://a.test:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "ftp": "GET ftp://a.test:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "file": "GET file:///etc/passwd HTTP/1.1\r\n" + HOST + "\r\n",
    "a URL without a scheme": "GET //a.test:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "a user name": "GET http://u@a.test:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "an allowed host as user name": "GET http://a.test:{port}@b.example/ HTTP/1.1\r\n" + HOST + "\r\n",
    "a backslash before an @": "GET http://b.example\\@a.test:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "an escaped host": "GET http://a%2etest:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "no host": "GET http://:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "an empty port": "GET http://a.test:/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "a port of words": "GET http://a.test:http/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "a port with a zero before it": "GET http://a.test:0{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "a port that is too large": "GET http://a.test:99999/ HTTP/1.1\r\nHost: a.test:99999\r\n\r\n",
    "two dots after the host": "GET http://a.test..:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    # Host
    "no Host": "GET http://a.test:{port}/ HTTP/1.1\r\n\r\n",
    "two Hosts": GET + HOST + "\r\n",
    "two Hosts that differ": GET + "Host: b.test:{port}\r\n\r\n",
    "another Host": "GET http://a.test:{port}/ HTTP/1.1\r\nHost: b.test:{port}\r\n\r\n",
    "a Host with another port": "GET http://a.test:{port}/ HTTP/1.1\r\nHost: a.test:1\r\n\r\n",
    "a Host without the port": "GET http://a.test:{port}/ HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "an empty Host": "GET http://a.test:{port}/ HTTP/1.1\r\nHost:\r\n\r\n",
    "a Host with a path": "GET http://a.test:{port}/ HTTP/1.1\r\nHost: a.test:{port}/x\r\n\r\n",
    "a Host with a list": "GET http://a.test:{port}/ HTTP/1.1\r\nHost: a.test:{port}, b.test\r\n\r\n",
    "a Host with a user name": "GET http://a.test:{port}/ HTTP/1.1\r\nHost: b@a.test:{port}\r\n\r\n",
    # lines and fields
    "bare LF everywhere": GET.replace("\r\n", "\n") + "\n",
    "one bare LF": GET + "A: b\nC: d\r\n\r\n",
    "a bare LF at the end of the head": GET + "A: b\n\r\n",
    "a bare CR in a value": GET + "A: b\rContent-Length: 5\r\n\r\n",
    "a NUL in a value": GET + "A: b\0c\r\n\r\n",
    "a control character in a value": GET + "A: b\x0bc\r\n\r\n",
    "a folded field": GET + "A: b\r\n c\r\n\r\n",
    "a folded field with a tab": GET + "A: b\r\n\tc\r\n\r\n",
    "a fold before the first field": "GET http://a.test:{port}/ HTTP/1.1\r\n " + HOST + "\r\n",
    "a space before the colon": GET + "Content-Length : 0\r\n\r\n",
    "a tab before the colon": GET + "Transfer-Encoding\t: chunked\r\n\r\n",
    "no colon": GET + "Content-Length\r\n\r\n",
    "an empty name": GET + ": a\r\n\r\n",
    "a name that is no token": GET + "A(b): c\r\n\r\n",
    "a NUL in a name": GET + "Content\0-Length: 5\r\n\r\n",
    "a byte above 127 in a name": GET + "Content-L\xe9ngth: 5\r\n\r\n",
    "too many fields": GET + "A: b\r\n" * 201 + "\r\n",
    "a head that is too large": GET + "A: " + "b" * 70_000 + "\r\n\r\n",
    "a head that does not end": GET + "A: " + "b" * 70_000,
    # how long it is
    "two lengths": POST + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
    "two lengths that differ": POST + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "a list of lengths": POST + "Content-Length: 1, 1\r\n\r\nx",
    "a negative length": POST + "Content-Length: -1\r\n\r\n",
    "a length with a sign": POST + "Content-Length: +1\r\n\r\nx",
    "a length in hex": POST + "Content-Length: 0x1\r\n\r\nx",
    "a length with a blank in it": POST + "Content-Length: 1 0\r\n\r\nx",
    "an empty length": POST + "Content-Length:\r\n\r\n",
    "a length beyond all numbers": POST + "Content-Length: 99999999999999999999\r\n\r\n",
    "a length in other digits": POST + "Content-Length: \xb2\r\n\r\nxx",
    "a length and chunks": POST + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and a length": POST + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "chunks twice": POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks, not last": POST + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "compressed chunks": POST + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": POST + "Transfer-Encoding: identity\r\n\r\n",
    "a coding nearly chunked": POST + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "a quoted coding": POST + 'Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n',
    "a coding with a parameter": POST + "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n",
    "a coding with a vertical tab": POST + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    "an underscore for a hyphen in the coding": POST + "Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n",
    "an underscore for a hyphen in the length": POST + "Content_Length: 5\r\n\r\nhello",
    "GET with a body": GET + "Content-Length: 5\r\n\r\nhello",
    "HEAD with chunks": GET.replace("GET", "HEAD") + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a body that waits to be asked for": POST + "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    "a connection that drops the Host": GET + "Connection: close, Host\r\n\r\n",
    "a connection that drops the length": POST + "Content-Length: 1\r\nConnection: content-length\r\n\r\nx",
    "a connection that drops the cookies": GET + "Cookie: a=b\r\nConnection: cookie\r\n\r\n",
    # what comes after it
    "a second request": GET + "\r\n" + NEXT,
    "a second request after a body": POST + "Content-Length: 2\r\n\r\nhi" + NEXT,
    "a second request after no body": POST + "Content-Length: 0\r\n\r\n" + NEXT,
    "a second request after chunks": CHUNKED + "2\r\nhi\r\n0\r\n\r\n" + NEXT,
    # chunks that are wrong at once
    "a chunk without a size": CHUNKED + "\r\n",
    "a chunk with a sign": CHUNKED + "+2\r\nhi\r\n0\r\n\r\n",
    "a chunk with 0x": CHUNKED + "0x2\r\nhi\r\n0\r\n\r\n",
    "a chunk with an underscore": CHUNKED + "0_2\r\nhi\r\n0\r\n\r\n",
    "a chunk with a space": CHUNKED + "2 \r\nhi\r\n0\r\n\r\n",
    "a chunk with an extension": CHUNKED + "2;a=b\r\nhi\r\n0\r\n\r\n",
    "a chunk of too many digits": CHUNKED + "000000002\r\nhi\r\n0\r\n\r\n",
    "a chunk with a bare LF": CHUNKED + "2\nhi\r\n0\r\n\r\n",
    "a chunk that is longer than it says": CHUNKED + "1\r\nhi\r\n0\r\n\r\n",
    "a chunk that is shorter than it says": CHUNKED + "4\r\nhi\r\n0\r\n\r\n",
    "trailers": CHUNKED + "0\r\nA: b\r\n\r\n",
    # tunnels
    "CONNECT without a port": "CONNECT a.test HTTP/1.1\r\n" + HOST + "\r\n",
    "CONNECT with a path": "CONNECT a.test:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "CONNECT with a URL": "CONNECT http://a.test:{port}/ HTTP/1.1\r\n" + HOST + "\r\n",
    "CONNECT with a user name": "CONNECT u@a.test:{port} HTTP/1.1\r\n" + HOST + "\r\n",
    "CONNECT in lower case": "connect a.test:{port} HTTP/1.1\r\n" + HOST + "\r\n",
    "CONNECT with another Host": "CONNECT a.test:{port} HTTP/1.1\r\nHost: b.test:{port}\r\n\r\n",
    "CONNECT with two Hosts": "CONNECT a.test:{port} HTTP/1.1\r\n" + HOST + HOST + "\r\n",
    "CONNECT without a Host": "CONNECT a.test:{port} HTTP/1.1\r\n\r\n",
    "CONNECT with a body": "CONNECT a.test:{port} HTTP/1.1\r\n" + HOST + "Content-Length: 3\r\n\r\nabc",
    "CONNECT with chunks": "CONNECT a.test:{port} HTTP/1.1\r\n" + HOST + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "CONNECT with more behind it": "CONNECT a.test:{port} HTTP/1.1\r\n" + HOST + "\r\n" + NEXT,
    "CONNECT with a list": "CONNECT a.test:{port},b.test:{port} HTTP/1.1\r\n" + HOST + "\r\n",
    "CONNECT to a number": "CONNECT 2130706433:{port} HTTP/1.1\r\nHost: 2130706433:{port}\r\n\r\n",
    "CONNECT to a hex address": "CONNECT 0x7f.1:{port} HTTP/1.1\r\nHost: 0x7f.1:{port}\r\n\r\n",
    "CONNECT to a short address": "CONNECT 127.1:{port} HTTP/1.1\r\nHost: 127.1:{port}\r\n\r\n",
    "CONNECT to an octal address": "CONNECT 0177.0.0.1:{port} HTTP/1.1\r\nHost: 0177.0.0.1:{port}\r\n\r\n",
    "CONNECT to a mapped address": "CONNECT [::ffff:7f00:1]:{port} HTTP/1.1\r\nHost: [::ffff:7f00:1]:{port}\r\n\r\n",
    "CONNECT to an address with a zone": "CONNECT [::1%lo]:{port} HTTP/1.1\r\nHost: [::1%lo]:{port}\r\n\r\n",
}


def test_there_are_enough_of_them() -> None:
    assert len(MALFORMED) >= 100


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_request_reaches_no_server(name: str) -> None:
    async with (
        open_upstream() as upstream,
        open_egress(f"private:*.test:{upstream.port}", f"127.0.0.1:{upstream.port}") as egress,
    ):
        request = MALFORMED[name].replace("{port}", str(upstream.port)).encode("latin-1")

        answer = await egress.ask(request)

        assert answer[:10] in (b"HTTP/1.1 4", b"HTTP/1.1 5")
        assert b"X-Sandbox-Policy: malformed\r\n" in answer
        assert upstream.seen == []
        assert [decision.allowed for decision in egress.decisions] == [False]
        assert "secret" not in egress.decisions[0].reason


@pytest.mark.parametrize("name", ["one bare LF", "two lengths", "a second request", "a chunk with an extension"])
async def test_a_malformed_request_is_refused_however_slowly_it_comes(name: str) -> None:
    async with open_upstream() as upstream, open_egress(f"private:*.test:{upstream.port}") as egress:
        request = MALFORMED[name].replace("{port}", str(upstream.port)).encode("latin-1")
        async with await egress.connect() as stream:
            try:
                for start in range(len(request)):
                    await stream.send(request[start : start + 1])
            except anyio.BrokenResourceError:
                pass  # refused before it was complete

        assert b"secret" not in upstream.everything
        assert upstream.everything.count(b"HTTP/1.1") <= 1


async def test_a_well_formed_request_does_reach_the_server() -> None:
    """Control: what is refused above is refused for its form."""
    async with open_upstream() as upstream, open_egress(f"private:*.test:{upstream.port}") as egress:
        for request in (GET + "\r\n", POST + "Content-Length: 2\r\n\r\nhi", CHUNKED + "2\r\nhi\r\n0\r\n\r\n"):
            answer = await egress.ask(request.replace("{port}", str(upstream.port)).encode())

            assert answer.endswith(ANSWER[-2:])
        assert len(upstream.seen) == 3
