"""The server of the viewer, asked with plain HTTP as a browser and as an attacker would."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from bykilt.errors import InvalidInput
from bykilt.trace.viewer import viewer_dir
from bykilt.trace.viewer_server import ViewerServer

TRACE = b"PK" + b"x" * 700_000


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ViewerServer]:
    trace = tmp_path / "trace.zip"
    trace.write_bytes(TRACE)
    with ViewerServer(trace) as serving:
        yield serving


def ask(
    server: ViewerServer, path: str, *, host: str | None = None, method: str = "GET"
) -> tuple[int, dict[str, str], bytes]:
    """Send one request with the path exactly as given."""
    port = int(server.url.split(":")[2].split("/")[0])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    if host != "":
        connection.putheader("Host", host or f"127.0.0.1:{port}")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def test_the_address_is_a_loopback_port_with_the_trace_in_it(server: ViewerServer) -> None:
    assert server.url.startswith("http://127.0.0.1:")
    assert server.url.endswith("/trace/index.html?trace=/trace/run.zip")


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        ("/trace/index.html", "text/html; charset=utf-8"),
        ("/trace/sw.bundle.js", "text/javascript; charset=utf-8"),
        ("/trace/manifest.webmanifest", "application/manifest+json"),
        ("/trace/playwright-logo.svg", "image/svg+xml"),
        ("/trace/run.zip", "application/zip"),
    ],
)
def test_files_come_with_their_type_and_the_policy(server: ViewerServer, path: str, media_type: str) -> None:
    status, headers, body = ask(server, path)
    assert (status, headers["content-type"]) == (200, media_type)
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert body


def test_every_file_of_the_viewer_has_a_known_type(server: ViewerServer) -> None:
    for path in viewer_dir().rglob("*"):
        if path.is_file():
            _, headers, _ = ask(server, f"/trace/{path.relative_to(viewer_dir()).as_posix()}", method="HEAD")
            assert headers["content-type"] != "application/octet-stream", path


def test_the_trace_comes_whole(server: ViewerServer) -> None:
    assert ask(server, "/trace/run.zip")[2] == TRACE


def test_a_query_does_not_hide_a_file(server: ViewerServer) -> None:
    assert ask(server, "/trace/index.html?trace=/trace/run.zip")[0] == 200


def test_the_root_leads_to_the_viewer(server: ViewerServer) -> None:
    status, headers, _ = ask(server, "/")
    assert (status, headers["location"]) == (302, "/trace/index.html?trace=/trace/run.zip")


@pytest.mark.parametrize(
    "path",
    [
        "/trace/../../../package.json",
        "/trace/..%2f..%2fpackage.js",
        "/trace/%2e%2e/%2e%2e/package.js",
        "/trace/assets/../index.html",
        "/trace//etc/passwd",
        "//etc/passwd",
        "/etc/passwd",
        "/trace/index.html%00.js",
        "/trace/nothing.js",
    ],
)
def test_a_path_leads_to_nothing_but_the_viewers_files(server: ViewerServer, path: str) -> None:
    assert ask(server, path)[0] == 404


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[bad", ""])
def test_another_host_name_gets_nothing(server: ViewerServer, host: str) -> None:
    """A site that resolves its own name to 127.0.0.1 must not read the trace."""
    status, _, body = ask(server, "/trace/run.zip", host=host)
    assert status == 421
    assert TRACE not in body


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:9"])
def test_a_forwarded_port_is_served(server: ViewerServer, host: str) -> None:
    assert ask(server, "/trace/index.html", host=host)[0] == 200


def test_nothing_can_be_written(server: ViewerServer) -> None:
    assert ask(server, "/trace/run.zip", method="POST")[0] == 405


def test_a_trace_that_was_removed_meanwhile_is_said_to_be_gone(tmp_path: Path) -> None:
    trace = tmp_path / "trace.zip"
    trace.write_bytes(TRACE)
    with ViewerServer(trace) as server:
        trace.unlink()
        assert ask(server, "/trace/run.zip")[0] == 410


def test_a_missing_trace_is_refused_before_anything_is_served(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is no file"):
        ViewerServer(tmp_path / "trace.zip")


def test_after_stop_nobody_answers(tmp_path: Path) -> None:
    trace = tmp_path / "trace.zip"
    trace.write_bytes(TRACE)
    server = ViewerServer(trace)
    server.start()
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        ask(server, "/trace/index.html")
