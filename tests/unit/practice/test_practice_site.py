"""The practice site, asked with urllib as a browser would ask it."""

from __future__ import annotations

import http.client
import http.cookiejar
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import pytest

from bykilt.practice import Click, FormPost, Login, PracticeSite, Upload
from bykilt.practice.orders import ORDER_COUNT


class Visitor:
    """Keeps cookies and follows redirects."""

    def __init__(self, site: PracticeSite) -> None:
        self._site = site
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), _NoErrors()
        )
        self.path = ""
        self.status = 0
        self.headers = http.client.HTTPMessage()

    def get(self, path: str) -> str:
        return self._open(urllib.request.Request(self._site.url + path))

    def post(self, path: str, fields: dict[str, str]) -> str:
        return self.send(path, urllib.parse.urlencode(fields).encode(), "application/x-www-form-urlencoded")

    def send(self, path: str, body: bytes, content_type: str) -> str:
        return self._open(urllib.request.Request(self._site.url + path, body, {"Content-Type": content_type}))

    def log_in(self) -> Visitor:
        self.post("/login", {"user": self._site.user, "password": self._site.password})
        return self

    def _open(self, request: urllib.request.Request) -> str:
        with self._opener.open(request, timeout=5) as answer:
            self.path = answer.url.removeprefix(self._site.url)
            self.status, self.headers = answer.status, answer.headers
            text: str = answer.read().decode()
        return text


class _NoErrors(urllib.request.HTTPErrorProcessor):
    """Treats an answer like 401 as an answer; redirects go on to be followed."""

    def http_response(
        self, request: urllib.request.Request, response: http.client.HTTPResponse
    ) -> http.client.HTTPResponse:
        return response if response.status >= 400 else super().http_response(request, response)


@pytest.fixture
def practice() -> Iterator[PracticeSite]:
    with PracticeSite() as site:
        yield site
    assert site.failures == ()


@pytest.fixture
def visitor(practice: PracticeSite) -> Visitor:
    return Visitor(practice).log_in()


def test_it_starts_fast_on_a_port_of_its_own() -> None:
    began = time.perf_counter()
    with PracticeSite() as one, PracticeSite() as two:
        assert time.perf_counter() - began < 0.05
        assert one.url != two.url


def test_the_login_page_shows_the_practice_data(practice: PracticeSite) -> None:
    html = Visitor(practice).get("/login")

    assert f"<code>{practice.user}</code>" in html
    assert f"<code>{practice.password}</code>" in html


def test_a_wrong_password_shows_an_error_and_keeps_the_name(practice: PracticeSite) -> None:
    visitor = Visitor(practice)
    html = visitor.post("/login", {"user": '<b>"x"', "password": "wrong"})

    assert visitor.status == 401
    assert 'role="alert">User name or password is wrong.' in html
    assert 'value="&lt;b&gt;&quot;x&quot;"' in html
    assert practice.seen.logins == (Login('<b>"x"', False),)


@pytest.mark.parametrize("path", ["/", "/orders", "/orders/KT-1001", "/exports/orders.csv", "/api/orders", "/nothing"])
def test_without_a_login_every_page_leads_to_the_login(practice: PracticeSite, path: str) -> None:
    visitor = Visitor(practice)
    html = visitor.get(path)

    assert visitor.path.startswith("/login")
    assert 'id="password"' in html
    assert practice.seen.pages == practice.seen.downloads == ()


def test_after_the_login_one_is_where_one_wanted_to_be(practice: PracticeSite) -> None:
    visitor = Visitor(practice)
    form = visitor.get("/orders/KT-1005")
    action = re.search(r'action="([^"]+)"', form)
    assert action is not None
    html = visitor.post(action[1], {"user": practice.user, "password": practice.password})

    assert visitor.path == "/orders/KT-1005"
    assert "Order KT-1005" in html
    assert practice.seen.logins == (Login(practice.user, True),)


@pytest.mark.parametrize(
    "target", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "/a\r\nX: y"]
)
def test_the_login_leads_nowhere_else(practice: PracticeSite, target: str) -> None:
    visitor = Visitor(practice)
    fields = {"user": practice.user, "password": practice.password}
    visitor.post("/login?next=" + urllib.parse.quote(target), fields)

    assert visitor.path == "/orders"


def test_after_logging_out_the_session_is_over(visitor: Visitor) -> None:
    visitor.post("/logout", {})
    visitor.get("/orders")

    assert visitor.path.startswith("/login")


@pytest.mark.parametrize(
    ("path", "heading"),
    [
        ("/orders", "Orders"),
        ("/orders/KT-1042", "Order KT-1042"),
        ("/documents", "Documents"),
        ("/exports", "Exports"),
        ("/delivery", "Delivery"),
        ("/dialogs", "Dialogs"),
        ("/settings", "Settings"),
        ("/report?ms=1", "Yearly report"),
    ],
)
def test_every_page_is_there_in_both_languages(
    practice: PracticeSite, visitor: Visitor, path: str, heading: str
) -> None:
    english = visitor.get(path)
    japanese = visitor.get("/language?to=ja&back=" + urllib.parse.quote(path))

    assert f"<h1>{heading}</h1>" in english
    assert '<html lang="ja">' in japanese
    assert "北の森商会" in japanese
    assert visitor.path == path
    for html in (english, japanese):
        assert not re.search(r"\{\{|https?://(?!www\.w3\.org)", html)
    assert practice.seen.pages[-1] == path.partition("?")[0]


def test_every_file_that_a_page_names_is_served(visitor: Visitor) -> None:
    for page in ("/orders", "/documents", "/dialogs", "/settings", "/delivery/booking"):
        for path in re.findall(r'(?:src|href)="(/static/[^"]+)"', visitor.get(page)):
            visitor.get(path)
            assert visitor.status == 200, path
            assert visitor.headers.get_content_type() != "text/html"


def test_orders_come_as_json_page_by_page(visitor: Visitor) -> None:
    numbers: list[str] = []
    for page in range(1, 10):
        found = json.loads(visitor.get(f"/api/orders?page={page}"))
        numbers += [row["number"] for row in found["rows"]]

    assert len(set(numbers)) == len(numbers) == ORDER_COUNT == found["total"]
    assert found["place"] == "Page 9 of 9"


def test_orders_are_filtered_and_sorted_by_the_server(visitor: Visitor) -> None:
    query = {"status": "packed", "text": "kyoto", "sort": "amount", "descending": "true", "size": "60"}
    found = json.loads(visitor.get("/api/orders?" + urllib.parse.urlencode(query)))
    amounts = [int(re.sub(r"\D", "", row["amount"])) for row in found["rows"]]

    assert {(row["city"], row["status"], row["status_name"]) for row in found["rows"]} == {
        ("Kyoto", "packed", "Packed")
    }
    assert amounts == sorted(amounts, reverse=True)
    assert len(amounts) > 1


def test_odd_questions_about_orders_are_answered_with_the_first_page(visitor: Visitor) -> None:
    found = json.loads(visitor.get("/api/orders?page=-3&size=1000000&sort=nothing&status=lost"))

    assert (found["page"], len(found["rows"]), found["total"]) == (1, 15, ORDER_COUNT)


def test_uploaded_files_are_shown_and_remembered(practice: PracticeSite, visitor: Visitor) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="subject"\r\n\r\ninvoice\r\n'
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="<a>.txt"\r\n\r\nabc\r\n'
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="b.bin"\r\n\r\n\x00\xff\r\n--x--\r\n'
    )
    html = visitor.send("/documents", body, "multipart/form-data; boundary=x")

    sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert practice.seen.uploads[0] == Upload("/documents", "<a>.txt", 3, sha256)
    assert [(upload.name, upload.size) for upload in practice.seen.uploads] == [("<a>.txt", 3), ("b.bin", 2)]
    assert practice.seen.forms == (FormPost("/documents", {"subject": "invoice"}),)
    assert "2 files received" in html
    assert f'&lt;a&gt;.txt</td><td class="amount">3</td><td class="hash">{sha256}' in html


def test_a_broken_upload_is_a_bad_request(practice: PracticeSite, visitor: Visitor) -> None:
    visitor.send("/documents", b"nonsense", "multipart/form-data; boundary=x")

    assert visitor.status == 400
    assert practice.seen.uploads == ()


def test_csv_files_come_as_attachments_and_are_remembered(practice: PracticeSite, visitor: Visitor) -> None:
    names = re.findall(r'href="/exports/([^"]+)"', visitor.get("/exports"))
    tables = [visitor.get(f"/exports/{name}") for name in names]

    assert len(names) == 5
    assert practice.seen.downloads == tuple(names)
    assert visitor.headers["Content-Disposition"] == f'attachment; filename="{names[-1]}"'
    assert len(tables[0].splitlines()) == ORDER_COUNT + 1
    assert sum(len(table.splitlines()) - 1 for table in tables[1:]) == ORDER_COUNT


def test_the_booking_in_the_frame_is_answered_and_remembered(practice: PracticeSite, visitor: Visitor) -> None:
    assert 'src="/delivery/booking"' in visitor.get("/delivery")
    html = visitor.post("/delivery/booking", {"carrier": "forest-post", "day": "2026-12-01", "parcels": "3"})

    assert "Booked: 3 parcels on 2026-12-01" in html
    fields = {"carrier": "forest-post", "day": "2026-12-01", "parcels": "3"}
    assert practice.seen.forms == (FormPost("/delivery/booking", fields),)


def test_settings_are_remembered(practice: PracticeSite, visitor: Visitor) -> None:
    visitor.post("/api/settings", {"weekly_report": "on", "low_stock": "off"})

    assert practice.seen.forms == (FormPost("/api/settings", {"weekly_report": "on", "low_stock": "off"}),)


def test_clicks_are_remembered_and_nonsense_is_refused(practice: PracticeSite, visitor: Visitor) -> None:
    told = json.dumps({"page": "/orders", "target": "Next", "is_trusted": True}).encode()
    visitor.send("/beacon", told, "text/plain")
    for nonsense in (b"", b"[]", b"{}", b"\xff"):
        visitor.send("/beacon", nonsense, "text/plain")
        assert visitor.status == 400

    assert practice.seen.clicks == (Click("/orders", "Next", True),)


def test_what_is_not_there_is_not_found(visitor: Visitor) -> None:
    for path in (
        "/nothing",
        "/orders/KT-9",
        "/exports/../orders.csv",
        "/static/../words.json",
        "/static/%2e%2e%2fwords.json",
    ):
        visitor.get(path)
        assert visitor.status == 404, path


def test_the_slow_page_takes_as_long_as_asked(visitor: Visitor) -> None:
    began = time.monotonic()
    html = visitor.get("/report?ms=150")

    assert time.monotonic() - began >= 0.15
    assert "150 ms" in html
