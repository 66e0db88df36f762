"""How the practice site looks: templates, words in two languages, and one function for each page.

Knows HTML. Knows nothing of requests, sessions or what was seen. In a template, `{{word}}` is a word
of `words.json`, `{{=value}}` a value that is escaped here, and `{{!html}}` HTML made by these functions.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path

from bykilt.practice.multipart import UploadedFile
from bykilt.practice.orders import STATUS_NAMES, Language, Order, OrderPage, Status, all_orders

_FOLDER = Path(__file__).parent
_MARK = re.compile(r"\{\{([=!]?)(\w+)\}\}")

# Path, word, and the strokes of a 16 px icon.
_MENU = (
    ("/orders", "orders", "M2.500 3.500h11v9h-11zM2.500 6.500h11M6.500 6.500v6"),
    ("/documents", "documents", "M4 1.500h5.500L13 5v9.500H4zM9 1.500V5.500h4"),
    ("/exports", "exports", "M8 2v8M4.500 7 8 10.500 11.500 7M2.500 13.500h11"),
    (
        "/delivery",
        "delivery",
        "M1.500 4h8v7h-8zM9.500 6.500h3l2 2.500v2h-5M4 13a1 1 0 1 0 0-.1M11.500 13a1 1 0 1 0 0-.1",
    ),
    ("/dialogs", "dialogs", "M2 3h12v8H8l-3 2.500V11H2z"),
    (
        "/settings",
        "settings",
        "M2 5h6M12 5h2M2 11h2M8 11h6M8 5a2 2 0 1 0 4 0 2 2 0 1 0-4 0M4 11a2 2 0 1 0 4 0 2 2 0 1 0-4 0",
    ),
    ("/report", "report", "M3 13.500V8M8 13.500V3M13 13.500V6"),
)


def word(key: str, language: Language, *values: object) -> str:
    """Return a word or phrase in a language, with `values` in place of its `{}`."""
    english, japanese = _words()[key]
    return (japanese if language is Language.JAPANESE else english).format(*values)


def yen(amount: int) -> str:
    """Return an amount as the pages show it, such as `¥12,300`."""
    return f"¥{amount:,}"


def login_page(language: Language, *, action: str, user_id: str, password: str, entered: str, failed: bool) -> str:
    """The login, with the practice data shown; `failed` adds the error."""
    error = f'<p class="note bad" role="alert">{escape(word("login_failed", language))}</p>' if failed else ""
    values = {"action": action, "user_id": user_id, "password_value": password, "entered": entered}
    html = {"error": error, "logo": _logo(), "languages": _languages(language, "/login")}
    return _fill("login.html", language, values, html)


def orders_page(language: Language) -> str:
    """The orders table, still empty: its script asks for the rows."""
    options = "".join(
        f'<option value="{status.value}">{escape(name.to(language))}</option>' for status, name in STATUS_NAMES.items()
    )
    return _page("orders", language, "/orders", _fill("orders.html", language, {}, {"status_options": options}))


def orders_json(found: OrderPage, language: Language) -> str:
    """What the orders table is drawn from."""
    one = found.total == 1
    return json.dumps(
        {
            "rows": [_row(order, language) for order in found.rows],
            "page": found.page,
            "pages": found.pages,
            "total": found.total,
            "summary": word("one_order_found" if one else "orders_found", language, found.total),
            "place": word("page_of", language, found.page, found.pages),
        },
        ensure_ascii=False,
    )


def order_page(language: Language, order: Order) -> str:
    """One order with its lines."""
    lines = "".join(
        f'<tr><td>{escape(line.product.to(language))}</td><td class="amount">{yen(line.price_yen)}</td>'
        f'<td class="amount">{line.quantity}</td><td class="amount">{yen(line.total_yen)}</td></tr>'
        for line in order.lines
    )
    values = {
        "number": order.number,
        "customer": order.customer.to(language),
        "city": order.city.to(language),
        "date": order.day.isoformat(),
        "amount": yen(order.amount_yen),
    }
    content = _fill("order.html", language, values, {"lines": lines, "pill": _pill(order.status, language)})
    return _page("order", language, f"/orders/{order.number}", content)


def documents_page(language: Language, received: Sequence[UploadedFile] | None = None) -> str:
    """The upload form; after an upload with what was received."""
    shown = "" if received is None else _received(language, received)
    content = _fill("documents.html", language, {}, {"received": shown})
    return _page("documents", language, "/documents", content)


def exports_page(language: Language) -> str:
    """The list of files to download."""
    names = [("orders.csv", word("all_orders", language))]
    for status, name in STATUS_NAMES.items():
        names.append((f"orders-{status.value}.csv", word("orders_of_status", language, name.to(language))))
    items = "".join(
        f'<li><span>{escape(title)}<br><code class="hint">{name}</code></span><a class="button" '
        f'href="/exports/{name}" aria-label="{escape(word("download", language, name))}">CSV</a></li>'
        for name, title in names
    )
    return _page("exports", language, "/exports", _fill("exports.html", language, {}, {"items": items}))


def dialogs_page(language: Language) -> str:
    """Buttons that open dialogs."""
    return _page("dialogs", language, "/dialogs", _fill("dialogs.html", language, {}, {}))


def delivery_page(language: Language) -> str:
    """A page with the booking form in a frame."""
    return _page("delivery", language, "/delivery", _fill("delivery.html", language, {}, {}))


def booking_page(language: Language, booked: tuple[str, str] | None = None) -> str:
    """The booking form; after a booking with its parcels and day."""
    result = ""
    if booked is not None:
        result = f'<p class="note" id="booked" role="status">{escape(word("booked", language, *booked))}</p>'
    return _fill("booking.html", language, {}, {"result": result})


def settings_page(language: Language) -> str:
    """The page made of components with shadow roots."""
    names = ("weekly_report", "low_stock", "late_orders")
    switches = [{"name": n, "label": word(n, language), "hint": word(f"{n}_hint", language)} for n in names]
    values = {"switches": json.dumps(switches, ensure_ascii=False)}
    return _page("settings", language, "/settings", _fill("settings.html", language, values, {}))


def report_page(language: Language, took_ms: int) -> str:
    """The page that is slow to come."""
    counts = Counter(order.status for order in all_orders())
    bars = "".join(
        f'<li>{counts[status]}<i style="height:{counts[status] * 120 // max(counts.values())}px"></i>'
        f"{escape(name.to(language))}</li>"
        for status, name in STATUS_NAMES.items()
    )
    values = {"text": word("report_text", language, took_ms)}
    return _page("report", language, "/report", _fill("report.html", language, values, {"bars": bars}))


def missing_page(language: Language) -> str:
    """What is shown where there is nothing."""
    return _page("missing", language, "/orders", _fill("missing.html", language, {}, {}))


def _row(order: Order, language: Language) -> dict[str, str]:
    return {
        "number": order.number,
        "date": order.day.isoformat(),
        "customer": order.customer.to(language),
        "city": order.city.to(language),
        "amount": yen(order.amount_yen),
        "status": order.status.value,
        "status_name": STATUS_NAMES[order.status].to(language),
    }


def _received(language: Language, files: Sequence[UploadedFile]) -> str:
    rows = "".join(
        f'<tr><td class="name">{escape(file.name)}</td><td class="amount">{file.size}</td>'
        f'<td class="hash">{file.sha256}</td></tr>'
        for file in files
    )
    key = {0: "no_file_received", 1: "one_file_received"}.get(len(files), "files_received")
    return _fill("received.html", language, {"summary": word(key, language, len(files))}, {"rows": rows})


def _page(title: str, language: Language, path: str, content: str) -> str:
    html = {
        "content": content,
        "menu": "".join(_menu_entry(entry, language, path) for entry in _MENU),
        "logo": _logo(),
        "languages": _languages(language, path),
    }
    return _fill("layout.html", language, {"title": word(title, language)}, html)


def _menu_entry(entry: tuple[str, str, str], language: Language, path: str) -> str:
    href, key, strokes = entry
    current = ' aria-current="page"' if path.startswith(href) else ""
    icon = f'<svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d="{strokes}"/></svg>'
    return f'<a href="{href}"{current}>{icon}{escape(word(key, language))}</a>'


def _languages(language: Language, path: str) -> str:
    links = ""
    for code, name in ((Language.ENGLISH, "English"), (Language.JAPANESE, "日本語")):
        current = ' aria-current="true"' if code is language else ""
        href = f"/language?to={code.value}&amp;back={escape(path)}"
        links += f'<a href="{href}" lang="{code.value}"{current}>{name}</a>'
    return f'<nav class="languages" aria-label="{escape(word("language_menu", language))}">{links}</nav>'


def _pill(status: Status, language: Language) -> str:
    return f'<span class="pill {status.value}">{escape(STATUS_NAMES[status].to(language))}</span>'


def _fill(template: str, language: Language, values: dict[str, str], html: dict[str, str]) -> str:
    def put(match: re.Match[str]) -> str:
        mark, name = match.groups()
        if mark == "!":
            return html[name]
        if mark == "=":
            return escape(language.value if name == "language" else values[name])
        # Only phrases keep their `{}`: scripts fill those in.
        english, japanese = _words()[name]
        return escape(japanese if language is Language.JAPANESE else english)

    return _MARK.sub(put, _template(template))


@cache
def _template(name: str) -> str:
    return (_FOLDER / "pages" / name).read_text(encoding="utf-8")


@cache
def _logo() -> str:
    return (_FOLDER / "static" / "icon.svg").read_text(encoding="utf-8").strip()


@cache
def _words() -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = json.loads((_FOLDER / "words.json").read_text(encoding="utf-8"))
    return found
