"""The pages of the loopback site: the files in `pages/`, and those made to measure.

    huge.html?mb=50         about that many megabytes of HTML, in paragraphs of 1 KB
    table.html?rows=12      a table of that many records
    long.html?bands=12      coloured bands of 500 px each, for screenshots of the full page

In the files, `{{origin}}`, `{{other}}` and `{{cross_site}}` stand for the three origins.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path

from bykilt.practice.loopback import Request, Response

FOLDER = Path(__file__).parent / "pages"
BAND_COLOURS = ("#c0392b", "#2980b9", "#27ae60", "#f39c12", "#8e44ad", "#16a085")
BAND_HEIGHT_PX = 500

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
_CITIES = ("Kyoto", "Osaka", "Sapporo", "Nagoya", "Fukuoka")


def record(number: int) -> dict[str, str]:
    """Return row `number` (from 1) of `table.html`: what each cell says."""
    return {
        "id": f"R-{number:04d}",
        "name": f"Item {number}",
        "city": _CITIES[number % len(_CITIES)],
        "amount": f"{number * 37 % 1000}.50",
        "link": f"/a.html?record={number}",
    }


class Pages:
    """Finds a page by its path."""

    def __init__(self, *, origin: str, other: str, cross_site: str) -> None:
        """Take the three origins that pages may name."""
        self._names = {b"{{origin}}": origin, b"{{other}}": other, b"{{cross_site}}": cross_site}

    def find(self, request: Request) -> Response | None:
        """Return the page, or None when there is none of that name."""
        name = request.path.removeprefix("/") or "index.html"
        match name:
            case "huge.html":
                return Response(_huge(request.number("mb", 50)))
            case "table.html":
                return Response(_table(request.number("rows", 12)).encode())
            case "long.html":
                return Response(_long(request.number("bands", 12)).encode())
            case "index.html":
                return Response(_index().encode())
            case _:
                return self._file(name)

    def _file(self, name: str) -> Response | None:
        path = FOLDER / name
        if "/" in name or path.suffix not in _TYPES or not path.is_file():
            return None
        body = path.read_bytes()
        for mark, value in self._names.items():
            body = body.replace(mark, value.encode())
        return Response(body, content_type=_TYPES[path.suffix])


def _huge(megabytes: int) -> Iterator[bytes]:
    yield b"<!doctype html><meta charset=utf-8><title>Huge</title><button id=first>First</button>"
    for number in range(megabytes):
        yield "".join(_paragraph(number * 1000 + line) for line in range(1000)).encode()
    yield b"<button id=last onclick=\"fetch('/hit/last')\">Last</button>"


def _paragraph(number: int) -> str:
    # The filler is hidden: it is all there in the document, but laying it out takes several times as long.
    start = f'<p id="p{number}" class="paragraph"><b>{number}</b> of a very long page <i hidden>'
    return start + "x" * (996 - len(start)) + "</i>"


def _table(rows: int) -> str:
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Records</title>"
        "<link rel=stylesheet href=/page.css><h1>Records</h1><table id=records><thead><tr>"
        "<th>Id<th>Name<th>City<th>Amount<th>Open</tr></thead><tbody>"
        + "".join(_row(record(number)) for number in range(1, rows + 1))
        + "</tbody></table></html>"
    )


def _row(cells: dict[str, str]) -> str:
    return (
        f'<tr class="record" data-id="{cells["id"]}"><td class="id">{cells["id"]}</td>'
        f'<td class="name">{cells["name"]}</td><td class="city">{cells["city"]}</td>'
        f'<td class="amount">{cells["amount"]}</td>'
        f'<td><a class="link" href="{cells["link"]}">Open {cells["name"]}</a></td></tr>\n'
    )


def _long(bands: int) -> str:
    shown = "".join(
        f'<div class="band" id="band{number}" style="height:{BAND_HEIGHT_PX}px;'
        f'background:{BAND_COLOURS[number % len(BAND_COLOURS)]}">Band {number}</div>'
        for number in range(bands)
    )
    return f"<!doctype html><meta charset=utf-8><title>Long</title><style>body{{margin:0}}</style>{shown}"


def _index() -> str:
    names = [*sorted(path.name for path in FOLDER.glob("*.html")), "huge.html", "long.html", "table.html"]
    links = "".join(f'<li><a href="/{escape(name)}">{escape(name)}</a></li>' for name in names)
    return f"<!doctype html><meta charset=utf-8><title>Loopback site</title><h1>Pages</h1><ul>{links}</ul>"
