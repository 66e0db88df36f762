"""What the practice site does with a request: sessions, forms, files, and which page is shown.

Knows the routes and what is worth remembering. Knows nothing of sockets (`loopback`) or HTML (`pages`).
"""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote

from bykilt.practice import pages
from bykilt.practice.loopback import Request, Respond, Response
from bykilt.practice.multipart import MalformedForm, parse_multipart
from bykilt.practice.orders import (
    PAGE_SIZES,
    SORT_KEYS,
    Language,
    OrderQuery,
    Status,
    find_orders,
    order_by_number,
    orders_as_csv,
)
from bykilt.practice.seen import Click, FormPost, Login, Seen, Upload

# Shown on the login page: there is nothing to protect here.
USER = "aiko"
PASSWORD = "green-tea"

API_DELAY_S = 0.12
REPORT_MS = 1_200
MAX_REPORT_MS = 30_000

_SESSION = "practice_session"
_STATIC = Path(__file__).parent / "static"
_STATIC_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


class BackOffice:
    """Answers requests; `respond` may be called from many threads at once."""

    def __init__(self, seen: Seen, pause: Callable[[float], bool]) -> None:
        """Take where to remember things, and the server's way to hold an answer back."""
        self._seen = seen
        self._pause = pause
        self._sessions: set[str] = set()
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], Respond] = {
            ("GET", "/login"): lambda request: _login(request, entered="", failed=False),
            ("POST", "/login"): self._log_in,
            ("GET", "/language"): _choose_language,
            ("POST", "/beacon"): self._note_click,
        }
        self._closed: dict[tuple[str, str], Respond] = {
            ("GET", "/"): lambda _request: _go_to("/orders"),
            ("POST", "/logout"): self._log_out,
            ("GET", "/orders"): lambda request: _html(pages.orders_page(_language(request))),
            ("GET", "/api/orders"): self._orders,
            ("GET", "/documents"): lambda request: _html(pages.documents_page(_language(request))),
            ("POST", "/documents"): self._receive_documents,
            ("GET", "/exports"): lambda request: _html(pages.exports_page(_language(request))),
            ("GET", "/dialogs"): lambda request: _html(pages.dialogs_page(_language(request))),
            ("GET", "/delivery"): lambda request: _html(pages.delivery_page(_language(request))),
            ("GET", "/delivery/booking"): lambda request: _html(pages.booking_page(_language(request))),
            ("POST", "/delivery/booking"): self._book,
            ("GET", "/settings"): lambda request: _html(pages.settings_page(_language(request))),
            ("POST", "/api/settings"): self._save_settings,
            ("GET", "/report"): self._report,
        }

    def respond(self, request: Request) -> Response | None:
        """Answer one request; None when the server stops meanwhile."""
        if request.path.startswith("/static/"):
            return _static(request.path.removeprefix("/static/"))
        key = ("GET" if request.method == "HEAD" else request.method, request.path)
        if key in self._open:
            return self._open[key](request)
        if not self._is_logged_in(request):
            return _go_to(f"/login?next={quote(request.path)}" if request.method == "GET" else "/login")
        answer = self._closed.get(key, self._found_by_name)(request)
        if answer is not None and answer.status == 200 and answer.content_type.startswith("text/html"):
            self._seen.add_page(request.path)
        return answer

    def _found_by_name(self, request: Request) -> Response:
        """Answer paths that hold the name of an order or of a file."""
        folder, _, name = request.path.rpartition("/")
        if request.method in ("GET", "HEAD"):
            order = order_by_number(name) if folder == "/orders" else None
            if order is not None:
                return _html(pages.order_page(_language(request), order))
            if folder == "/exports" and (content := _export(name, _language(request))) is not None:
                self._seen.add_download(name)
                disposition = ("Content-Disposition", f'attachment; filename="{name}"')
                return Response(content, content_type="text/csv; charset=utf-8", headers=(disposition,))
        return _html(pages.missing_page(_language(request)), 404)

    # Sessions -----------------------------------------------------------------------------------

    def _is_logged_in(self, request: Request) -> bool:
        with self._lock:
            return request.cookie(_SESSION) in self._sessions

    def _log_in(self, request: Request) -> Response:
        form = request.form()
        user = form.get("user", "")
        accepted = (user, form.get("password")) == (USER, PASSWORD)
        self._seen.add(Login(user, accepted))
        if not accepted:
            return _login(request, entered=user, failed=True)
        session = secrets.token_hex(16)
        with self._lock:
            self._sessions.add(session)
        cookie = f"{_SESSION}={session}; Path=/; HttpOnly; SameSite=Lax"
        return _go_to(_local(request.param("next"), "/orders"), ("Set-Cookie", cookie))

    def _log_out(self, request: Request) -> Response:
        with self._lock:
            self._sessions.discard(request.cookie(_SESSION) or "")
        return _go_to("/login", ("Set-Cookie", f"{_SESSION}=; Path=/; Max-Age=0"))

    # What the pages ask and send --------------------------------------------------------------------

    def _orders(self, request: Request) -> Response | None:
        if not self._pause(API_DELAY_S):
            return None
        language = _language(request)
        size = request.number("size", PAGE_SIZES[0])
        query = OrderQuery(
            status=_status(request.param("status")),
            text=request.param("text"),
            sort=request.param("sort") if request.param("sort") in SORT_KEYS else SORT_KEYS[0],
            descending=request.param("descending") == "true",
            page=request.number("page", 1),
            size=size if size in PAGE_SIZES else PAGE_SIZES[0],
        )
        body = pages.orders_json(find_orders(query, language), language)
        return Response(body.encode(), content_type="application/json")

    def _receive_documents(self, request: Request) -> Response:
        try:
            form = parse_multipart(request.headers.get("content-type", ""), request.body)
        except MalformedForm as error:
            return Response(str(error).encode(), 400, "text/plain; charset=utf-8")
        uploads = [Upload(request.path, file.name, file.size, file.sha256) for file in form.files]
        self._seen.add(FormPost(request.path, dict(form.fields)), *uploads)
        return _html(pages.documents_page(_language(request), form.files))

    def _book(self, request: Request) -> Response:
        form = request.form()
        self._seen.add(FormPost(request.path, form))
        return _html(pages.booking_page(_language(request), (form.get("parcels", ""), form.get("day", ""))))

    def _save_settings(self, request: Request) -> Response:
        self._seen.add(FormPost(request.path, request.form()))
        return Response(b'{"saved": true}', content_type="application/json")

    def _report(self, request: Request) -> Response | None:
        took_ms = min(request.number("ms", REPORT_MS), MAX_REPORT_MS)
        return _html(pages.report_page(_language(request), took_ms)) if self._pause(took_ms / 1000) else None

    def _note_click(self, request: Request) -> Response:
        try:
            told = json.loads(request.body)
            click = Click(str(told["page"]), str(told["target"]), told["is_trusted"] is True)
        except (ValueError, KeyError, TypeError):
            return Response(b"not a click", 400, "text/plain; charset=utf-8")
        self._seen.add(click)
        return Response(status=204)


def _login(request: Request, *, entered: str, failed: bool) -> Response:
    following = _local(request.param("next"), "")
    html = pages.login_page(
        _language(request),
        action=f"/login?next={quote(following)}" if following else "/login",
        user_id=USER,
        password=PASSWORD,
        entered=entered,
        failed=failed,
    )
    return _html(html, 401 if failed else 200)


def _choose_language(request: Request) -> Response:
    code = "ja" if request.param("to") == "ja" else "en"
    return _go_to(_local(request.param("back"), "/orders"), ("Set-Cookie", f"language={code}; Path=/; SameSite=Lax"))


def _language(request: Request) -> Language:
    return Language.JAPANESE if request.cookie("language") == "ja" else Language.ENGLISH


def _status(text: str) -> Status | None:
    return next((status for status in Status if status.value == text), None)


def _export(name: str, language: Language) -> bytes | None:
    chosen = {"orders.csv": None} | {f"orders-{status.value}.csv": status for status in Status}
    return orders_as_csv(chosen[name], language).encode() if name in chosen else None


def _local(path: str, default: str) -> str:
    """Return `path` if it leads to this site and holds nothing odd, else `default`."""
    is_local = path.startswith("/") and not path.startswith("//") and path.isascii() and path.isprintable()
    return path if is_local and "\\" not in path else default


def _go_to(path: str, *headers: tuple[str, str]) -> Response:
    return Response(status=303, headers=(("Location", path), *headers))


def _html(text: str, status: int = 200) -> Response:
    return Response(text.encode(), status)


def _static(name: str) -> Response:
    path = _STATIC / unquote(name)
    if "/" in unquote(name) or path.suffix not in _STATIC_TYPES or not path.is_file():
        return Response(b"not found", 404, "text/plain; charset=utf-8")
    return Response(path.read_bytes(), content_type=_STATIC_TYPES[path.suffix])
