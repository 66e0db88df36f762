"""For every action: a page on which it succeeds, and what has to happen there before. For the tests of faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.site import Site

Fields = dict[str, Any]
FieldsOf = Callable[[Site, str], Fields]

_FILE = str(Path(__file__))


@dataclass(frozen=True)
class Scene:
    """One action and what surrounds it. `moves_pages`: it opens or closes pages, or changes
    what is heard of them.

    `fields` may depend on the site and on the id of the current page.
    """

    type: str
    fields: FieldsOf | Fields
    page: str = "a.html"
    first: tuple[Fields, ...] = ()
    moves_pages: bool = False

    def before(self, site: Site) -> list[Fields]:
        """What to do first."""
        return [{"type": "navigate", "url": site.url(self.page)}, *self.first]

    def action(self, site: Site, page: str, timeout_ms: float) -> Fields:
        """The action itself, on the current page."""
        fields = self.fields if isinstance(self.fields, dict) else self.fields(site, page)
        return {"type": self.type, **fields, "timeout_ms": timeout_ms}


def _scenes(*scenes: Scene) -> dict[str, Scene]:
    return {scene.type: scene for scene in scenes}


_ELSEWHERE: Fields = {"type": "evaluate_js", "expression": "location.href = '/b.html'; null"}
_THERE: Fields = {"type": "wait_for", "url": "*b.html"}

SCENES = _scenes(
    Scene("navigate", lambda site, _: {"url": site.url("b.html")}),
    Scene("go_back", {}, first=(_ELSEWHERE, _THERE)),
    Scene("go_forward", {}, first=(_ELSEWHERE, _THERE, {"type": "go_back"})),
    Scene("reload", {}),
    Scene("click", {"selector": "#plain"}, "clicks.html"),
    Scene("dblclick", {"selector": "#plain"}, "clicks.html"),
    Scene("hover", {"selector": "#plain"}, "clicks.html"),
    Scene("focus", {"selector": "#name"}, "forms.html"),
    Scene("fill", {"selector": "#name", "text": "Aiko"}, "forms.html"),
    Scene("type", {"selector": "#email", "text": "ab"}, "forms.html"),
    Scene("press", {"selector": "#box", "key": "a"}, "keyboard.html"),
    Scene("key_down", {"key": "a"}, "keyboard.html"),
    Scene("key_up", {"key": "a"}, "keyboard.html"),
    Scene("mouse", {"kind": "click", "x": 5, "y": 5}, "clicks.html"),
    Scene("select_option", {"selector": "#city", "index": 1}, "forms.html"),
    Scene("check", {"selector": "#agree"}, "forms.html"),
    Scene("uncheck", {"selector": "#news"}, "forms.html"),
    Scene("scroll", {"selector": "#far"}, "scrolling.html"),
    Scene("drag", {"selector": "#card", "target": "#bin"}, "drag.html"),
    Scene("file_upload", {"selector": "#files", "files": [_FILE]}, "upload.html"),
    Scene("wait_for", {"selector": "#plain"}, "clicks.html"),
    Scene("evaluate_js", {"expression": "document.title"}),
    Scene("extract", {"selector": "body"}),
    Scene("screenshot", {"selector": "h1", "path": "fault.png"}),
    Scene("new_tab", lambda site, _: {"url": site.url("b.html")}, moves_pages=True),
    Scene("switch_tab", lambda _, page: {"page": page}, moves_pages=True),
    Scene("close_tab", {}, moves_pages=True),
    Scene("wait_for_popup", {"action": {"type": "click", "selector": "#tab"}}, "popups.html", moves_pages=True),
    Scene(
        "wait_for_download",
        {"action": {"type": "click", "selector": "#attachment"}},
        "downloads.html",
        moves_pages=True,
    ),
    Scene("emulate", {"timezone": "Asia/Tokyo"}, first=({"type": "emulate", "reset": True},)),
    Scene("save_storage_state", {"path": "fault.json"}, moves_pages=True),
    Scene("handle_dialog", {"action": {"type": "click", "selector": "#alert"}}, "dialogs.html"),
    Scene("accessibility_snapshot", {}, "forms.html"),
    Scene("pdf", {"path": "fault.pdf"}),
    Scene("set_cookie", {"name": "flavour", "value": "green"}),
    Scene("get_cookies", {}),
    Scene("clear_cookies", {}),
    Scene("intercept_network", {"patterns": ["*nowhere.example/*"]}, moves_pages=True),
)
