"""The pages of the heavier benchmark beside those of the usual one."""

from __future__ import annotations

from bench.site import Handler, Site

ROWS = 5_000
_TABLE = "<!doctype html><title>Table</title><meta charset=utf-8><table id=rows>" + "".join(
    f"<tr><td class=number>{number}</td><td class=name>Customer {number:05d}</td><td class=state>open</td></tr>"
    for number in range(ROWS)
)
_NOISE = """<!doctype html><title>Noise</title><style>body{margin:0}canvas{display:block}</style>
<canvas id=c width=1280 height=2600></canvas><script>
const c=document.getElementById('c').getContext('2d'),d=c.createImageData(1280,2600);
for(let at=0;at<d.data.length;at+=65536)crypto.getRandomValues(d.data.subarray(at,at+65536));
for(let at=3;at<d.data.length;at+=4)d.data[at]=255;c.putImageData(d,0,0)</script>"""


class _Handler(Handler):
    # Else an answer waits 40 ms for the acknowledgement of its own headers, and nothing else is seen.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        page = {"/table": _TABLE, "/noise": _NOISE}.get(self.path)
        if page is not None:
            self.send_page(page)
        elif self.path.startswith("/small?"):
            self.send_page("ok")
        else:
            super().do_GET()


class HeavySite(Site):
    """A context manager; `url` is its address."""

    handler = _Handler
