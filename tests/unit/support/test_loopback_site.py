"""The loopback site answers as its tests rely on. Asked with urllib, without a browser."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest

from tests.support.site import Site
from tests.support.site_endpoints import download_content
from tests.support.site_pages import FOLDER, record


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as running:
        yield running
    assert running.failures == ()


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def post(url: str, body: bytes, content_type: str = "text/plain") -> str:
    request = urllib.request.Request(url, body, {"Content-Type": content_type})
    return get_request(request)


def get_request(request: urllib.request.Request) -> str:
    with urllib.request.urlopen(request, timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


@pytest.mark.parametrize("path", sorted(path.name for path in FOLDER.iterdir()))
def test_every_file_of_the_folder_is_served_on_all_origins(site: Site, path: str) -> None:
    for url in (site.url(path), site.other_url(path), site.other_url(path, cross_site=True)):
        assert get(url)
    assert site.hits(path) == 3


def test_pages_know_the_other_origins(site: Site) -> None:
    html = get(site.url("frames.html"))

    assert f'src="{site.other_origin}/frame_inner.html' in html
    assert f'src="{site.cross_site_origin}/frame_outer.html' in html
    assert len({site.origin, site.other_origin, site.cross_site_origin}) == 3


def test_made_pages_have_the_size_that_was_asked_for(site: Site) -> None:
    assert 2_000_000 < len(get(site.url("huge.html?mb=2"))) < 2_010_000
    assert get(site.url("table.html?rows=5000")).count('class="record"') == 5000
    assert get(site.url("table.html")).count('class="record"') == 12
    assert get(site.url("long.html?bands=3")).count('class="band"') == 3
    assert record(7)["name"] in get(site.url("table.html?rows=7"))


def test_hits_count_requests_with_or_without_slash_and_query(site: Site) -> None:
    get(site.url("/a.html?x=1"))
    get(site.url("a.html"))
    post(site.url("/buy"), b"one")
    post(site.other_url("/buy"), b"two")

    assert site.hits("a.html") == site.hits("/a.html?y=2") == 2
    assert site.posts("/buy") == [b"one", b"two"]
    assert site.requests("a.html")[0].param("x") == "1"


def test_favicons_leave_no_mark(site: Site) -> None:
    assert status_of(site.url("favicon.ico")) == 204
    assert site.requests() == []


def test_beacons_carry_json_details_and_query_parameters(site: Site) -> None:
    post(site.url("/beacon?name=click&by=test"), json.dumps({"isTrusted": True, "detail": 2}).encode())
    get(site.url("/beacon?name=other"))

    [click] = site.beacons("click")
    assert click.details == {"by": "test", "isTrusted": True, "detail": 2}
    assert [beacon.name for beacon in site.beacons()] == ["click", "other"]


def test_waiting_ends_with_the_hit(site: Site) -> None:
    asking = threading.Timer(0.05, get, [site.url("a.html")])
    asking.start()
    site.wait_for_hit("a.html")
    asking.join()

    assert site.hits("a.html") == 1


def test_waiting_in_vain_says_what_was_seen_instead(site: Site) -> None:
    get(site.url("a.html"))

    with pytest.raises(TimeoutError, match=r"no 1 hit\(s\) of /buy within 0.05 s; last seen: \['GET /a.html'\]"):
        site.wait_for_hit("/buy", timeout_s=0.05)
    with pytest.raises(TimeoutError, match="beacon"):
        site.wait_for_beacon("click", timeout_s=0.05)


def test_a_dynamic_page_comes_before_files_until_it_is_forgotten(site: Site) -> None:
    url = site.set_page("a.html", "<p>mine", status=201, headers={"X-Mine": "yes"}, delay_s=0.05)
    began = time.monotonic()
    with urllib.request.urlopen(url, timeout=5) as answer:
        assert (answer.status, answer.headers["X-Mine"], answer.read()) == (201, "yes", b"<p>mine")
    assert time.monotonic() - began >= 0.05

    site.forget()
    assert site.hits("a.html") == 0
    assert "Page A" in get(url)


def test_echo_returns_the_request_as_json(site: Site) -> None:
    request = urllib.request.Request(site.url("/echo?q=1&q=2"), "茶".encode(), {"X-Test": "yes"}, method="PUT")
    echoed = json.loads(get_request(request))

    assert (echoed["method"], echoed["path"], echoed["body"]) == ("PUT", "/echo", "茶")
    assert echoed["query"] == {"q": ["1", "2"]}
    assert echoed["headers"]["x-test"] == "yes"


def test_uploads_are_remembered_with_name_size_and_sha256(site: Site) -> None:
    body = (
        b'--line\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
        b'--line\r\nContent-Disposition: form-data; name="files"; filename="one.txt"\r\n'
        b"Content-Type: text/plain\r\n\r\nabc\r\n--line--\r\n"
    )
    answer = json.loads(post(site.url("/upload"), body, "multipart/form-data; boundary=line"))

    [file] = site.uploads()
    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (file.field, file.name, file.size, file.sha256) == ("files", "one.txt", 3, sha256)
    assert answer["fields"] == [["note", "hello"]]
    assert answer["files"] == [{"field": "files", "name": "one.txt", "size": 3, "sha256": sha256}]


def test_downloads_come_as_attachments_with_known_bytes(site: Site) -> None:
    for query in ("size=5000", "size=5000&ms=20"):
        with urllib.request.urlopen(site.url(f"/download/report.csv?{query}"), timeout=5) as answer:
            assert answer.headers["Content-Disposition"] == "attachment; filename*=UTF-8''report.csv"
            assert answer.read() == download_content("report.csv", 5000)


@pytest.mark.parametrize("code", [200, 204, 304, 404, 500, 503])
def test_status_endpoint_answers_with_the_code_and_keeps_the_connection(site: Site, code: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", urllib.parse.urlsplit(site.origin).port or 0, timeout=5)
    for _ in range(2):
        connection.request("GET", f"/status/{code}")
        with connection.getresponse() as answer:
            answer.read()
            assert answer.status == code
    connection.close()


def test_redirects_lead_to_where_they_say(site: Site) -> None:
    assert "Page B" in get(site.url("/redirect?to=/b.html"))
    with pytest.raises(urllib.error.HTTPError, match="infinite loop") as failure:
        get(site.url("/loop"))
    failure.value.close()


def test_broken_answers_break_off(site: Site) -> None:
    with pytest.raises(http.client.RemoteDisconnected):
        get(site.url("/reset"))
    with pytest.raises(http.client.IncompleteRead):
        get(site.url("/cut"))


def test_a_dripping_page_arrives_whole(site: Site) -> None:
    assert get(site.url("/drip?chunks=3&ms=5")).count("chunk") == 3


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [("html", "text/html"), ("script", "text/javascript"), ("style", "text/css"), ("image", "image/png")],
)
def test_slow_answers_take_their_time(site: Site, kind: str, content_type: str) -> None:
    began = time.monotonic()
    with urllib.request.urlopen(site.url(f"/slow?ms=60&as={kind}"), timeout=5) as answer:
        assert answer.headers.get_content_type() == content_type
    assert time.monotonic() - began >= 0.06


def test_cookies_and_basic_authentication(site: Site) -> None:
    with urllib.request.urlopen(site.url("/cookie?name=tea&value=green"), timeout=5) as answer:
        assert answer.headers["Set-Cookie"] == "tea=green; Path=/"
    asking = urllib.request.Request(site.url("/cookies"), headers={"Cookie": "tea=green; rice=white"})
    assert json.loads(get_request(asking)) == {"tea": "green", "rice": "white"}

    assert status_of(site.url("/basic")) == 401
    login = urllib.request.Request(site.url("/basic"), headers={"Authorization": "Basic YWlrbzpwcmFjdGljZQ=="})
    assert "Inside" in get_request(login)


def test_other_origins_may_read_only_what_says_so(site: Site) -> None:
    for query, allowed in (("", None), ("?cors=1", "*")):
        with urllib.request.urlopen(site.other_url(f"/echo{query}"), timeout=5) as answer:
            assert answer.headers["Access-Control-Allow-Origin"] == allowed


def test_unknown_and_outside_paths_are_not_found(site: Site) -> None:
    assert status_of(site.url("nothing.html")) == 404
    assert status_of(site.url("/../site.py")) == 404
    assert status_of(site.url("/%2e%2e/site.py")) == 404


def test_the_site_stops_at_once_although_requests_hang() -> None:
    outcomes: list[str] = []

    def ask(path: str) -> None:
        try:
            get(hanging.url(path))
        except (OSError, http.client.HTTPException) as error:
            outcomes.append(type(error).__name__)

    before = set(threading.enumerate())
    hanging = Site().start()
    paths = ("/never", "/slow?ms=60000", "/drip?chunks=1000&ms=1000")
    asking = [threading.Thread(target=ask, args=(path,)) for path in paths]
    for thread in asking:
        thread.start()
    for path in paths:
        hanging.wait_for_hit(path)

    began = time.monotonic()
    hanging.stop()
    assert time.monotonic() - began < 0.5
    for thread in asking:
        thread.join(2)
    assert len(outcomes) >= 2
    assert not [thread.name for thread in set(threading.enumerate()) - before if thread.name.startswith("site")]
    hanging.stop()


def test_many_requests_at_once_are_all_counted(site: Site) -> None:
    def ask() -> None:
        for _ in range(20):
            get(site.url("/hit/many"))

    asking = [threading.Thread(target=ask) for _ in range(8)]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert site.hits("/hit/many") == 160


async def test_async_tests_wait_without_blocking_the_loop(site: Site) -> None:
    asking = threading.Timer(0.05, get, [site.url("/beacon?name=late")])
    asking.start()
    beacon = await site.until_beacon("late")
    await site.until_hit("/beacon")
    asking.join()

    assert beacon.name == "late"
