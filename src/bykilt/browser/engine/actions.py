"""The vocabulary: one frozen dataclass per action.

Knows every action's fields, their defaults and which go together. Does not know how any is carried out.
`selector` is a tuple of alternatives; the first that matches anything wins.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from bykilt.browser.engine.action_model import (
    Action,
    FieldSpec,
    action_types,
    exactly_one,
    fields_of,
    find_action,
    hide,
    parse_action,
    read_field,
    register,
    to_json,
)
from bykilt.browser.engine.actions_emulation import Emulate
from bykilt.browser.engine.actions_evidence import AccessibilitySnapshot, Pdf
from bykilt.browser.engine.actions_files import WaitForDownload, WaitForPopup
from bykilt.browser.engine.actions_network import InterceptNetwork
from bykilt.browser.engine.actions_state import ClearCookies, GetCookies, HandleDialog, SaveStorageState, SetCookie
from bykilt.browser.engine.errors import InvalidAction
from bykilt.browser.engine.field_kinds import (
    AnyJson,
    Button,
    ButtonField,
    Choices,
    ClickCount,
    ElementState,
    ExtractKind,
    ExtractKindField,
    Flag,
    FormatField,
    ImageFormat,
    Indexes,
    Limit,
    Milliseconds,
    Modifiers,
    MouseKindField,
    NonEmpty,
    Number,
    Paths,
    Percent,
    PositionField,
    RecordsField,
    Selector,
    StateField,
    Steps,
    Text,
    TypedText,
    WaitUntil,
    WaitUntilField,
)
from bykilt.browser.engine.secret_text import SecretReference
from bykilt.json_types import JsonValue


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Navigate(Action):
    type: ClassVar[str] = "navigate"
    summary: ClassVar[str] = "Open an address in the page and wait until it has loaded."
    url: NonEmpty
    wait_until: WaitUntilField = WaitUntil.LOAD


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class GoBack(Action):
    type: ClassVar[str] = "go_back"
    summary: ClassVar[str] = "Go one entry back in the page's history."
    wait_until: WaitUntilField = WaitUntil.LOAD


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class GoForward(Action):
    type: ClassVar[str] = "go_forward"
    summary: ClassVar[str] = "Go one entry forward in the page's history."
    wait_until: WaitUntilField = WaitUntil.LOAD


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Reload(Action):
    type: ClassVar[str] = "reload"
    summary: ClassVar[str] = "Load the page again."
    wait_until: WaitUntilField = WaitUntil.LOAD


@dataclass(frozen=True, slots=True, kw_only=True)
class PointerAction(Action):
    """An action that the pointer carries out on one element."""

    selector: Selector
    position: PositionField | None = None
    modifiers: Modifiers = ()
    force: Flag = False


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Click(PointerAction):
    type: ClassVar[str] = "click"
    summary: ClassVar[str] = "Click an element once it is visible, still, enabled and not covered."
    button: ButtonField = Button.LEFT
    click_count: ClickCount = 1
    no_wait_after: Flag = False


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class DoubleClick(PointerAction):
    type: ClassVar[str] = "dblclick"
    summary: ClassVar[str] = "Double-click an element."


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Hover(PointerAction):
    type: ClassVar[str] = "hover"
    summary: ClassVar[str] = "Move the pointer over an element."


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Focus(Action):
    type: ClassVar[str] = "focus"
    summary: ClassVar[str] = "Give an element the keyboard focus."
    selector: Selector


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Fill(Action):
    type: ClassVar[str] = "fill"
    summary: ClassVar[str] = "Replace the value of an input, a textarea or an editable region."
    selector: Selector
    text: TypedText


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Type(Action):
    type: ClassVar[str] = "type"
    summary: ClassVar[str] = "Type text key by key into an element, or into what has the focus."
    selector: Selector | None = None
    text: TypedText
    delay_ms: Milliseconds = 0

    def check(self) -> None:
        if isinstance(self.text, SecretReference) and self.selector is None:
            raise InvalidAction(
                "type: a secret goes into a field that the action names, not into whatever has the focus",
                field="selector",
                hint="add the selector of the field",
            )


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Press(Action):
    type: ClassVar[str] = "press"
    summary: ClassVar[str] = "Press a key or a combination such as Control+a."
    selector: Selector | None = None
    key: NonEmpty


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class KeyDown(Action):
    type: ClassVar[str] = "key_down"
    summary: ClassVar[str] = "Press a key and hold it."
    key: NonEmpty


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUp(Action):
    type: ClassVar[str] = "key_up"
    summary: ClassVar[str] = "Release a held key."
    key: NonEmpty


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Mouse(Action):
    type: ClassVar[str] = "mouse"
    summary: ClassVar[str] = "Move, press, release or turn the wheel at a place in the viewport."
    kind: MouseKindField
    x: Number = 0
    y: Number = 0
    button: ButtonField = Button.LEFT
    delta_x: Number = 0
    delta_y: Number = 0
    steps: Steps = 1


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class SelectOption(Action):
    type: ClassVar[str] = "select_option"
    summary: ClassVar[str] = "Choose options of a select by value, label or index."
    selector: Selector
    value: Choices | None = None
    label: Choices | None = None
    index: Indexes | None = None

    def check(self) -> None:
        exactly_one(self, "value", "label", "index")


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Action):
    type: ClassVar[str] = "check"
    summary: ClassVar[str] = "Tick a checkbox or choose a radio button."
    selector: Selector


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Uncheck(Action):
    type: ClassVar[str] = "uncheck"
    summary: ClassVar[str] = "Clear a checkbox."
    selector: Selector


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Scroll(Action):
    type: ClassVar[str] = "scroll"
    summary: ClassVar[str] = "Scroll an element into view, or scroll by pixels."
    selector: Selector | None = None
    x: Number | None = None
    y: Number | None = None

    def check(self) -> None:
        if self.selector is None and self.x is None and self.y is None:
            raise InvalidAction(
                "scroll needs a selector, or x and y",
                field="selector",
                hint="name the element, or the distance in pixels",
            )


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Drag(Action):
    type: ClassVar[str] = "drag"
    summary: ClassVar[str] = "Drag an element onto another."
    selector: Selector
    target: Selector
    source_position: PositionField | None = None
    target_position: PositionField | None = None


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class FileUpload(Action):
    type: ClassVar[str] = "file_upload"
    summary: ClassVar[str] = "Put files into a file input or the file chooser that a click opens, or drop them."
    selector: Selector
    files: Paths
    drop: Flag = False


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class WaitFor(Action):
    type: ClassVar[str] = "wait_for"
    summary: ClassVar[str] = "Wait for an element's state, a text, an address, an expression, or a time."
    only_looks: ClassVar[bool] = True
    selector: Selector | None = None
    state: StateField = ElementState.VISIBLE
    text: NonEmpty | None = None
    url: NonEmpty | None = None
    expression: NonEmpty | None = None
    ms: Milliseconds | None = None

    def check(self) -> None:
        exactly_one(self, "selector", "text", "url", "expression", "ms")


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateJs(Action):
    type: ClassVar[str] = "evaluate_js"
    summary: ClassVar[str] = "Evaluate JavaScript in the page and give back its JSON value."
    expression: NonEmpty
    arg: AnyJson = None


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Extract(Action):
    type: ClassVar[str] = "extract"
    summary: ClassVar[str] = "Read text, HTML, attributes, counts or whole records from the page."
    only_looks: ClassVar[bool] = True
    selector: Selector
    kind: ExtractKindField = ExtractKind.TEXT
    attribute: NonEmpty | None = None
    all: Flag = False
    records: RecordsField | None = None
    limit: Limit = 0

    @classmethod
    def unfold(cls, given: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """Let `fields` and `limit` stand beside `selector` as well as inside `records`."""
        if "fields" not in given:
            return given
        full = {key: value for key, value in given.items() if key != "fields"}
        full.setdefault("records", {"fields": given["fields"], "limit": given.get("limit", 0)})
        return full

    def check(self) -> None:
        if self.kind is ExtractKind.ATTRIBUTE and self.attribute is None and self.records is None:
            raise InvalidAction(
                "extract of kind 'attribute' needs the attribute's name",
                field="attribute",
                hint='add for instance "attribute": "href"',
            )


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class Screenshot(Action):
    type: ClassVar[str] = "screenshot"
    summary: ClassVar[str] = "Take a picture of the viewport, the whole page or one element."
    only_looks: ClassVar[bool] = True
    path: NonEmpty | None = None
    full_page: Flag = False
    selector: Selector | None = None
    format: FormatField = ImageFormat.PNG
    quality: Percent | None = None
    mask: Selector | None = None

    def check(self) -> None:
        if self.quality is not None and self.format is not ImageFormat.JPEG:
            raise InvalidAction("quality is for jpeg only", field="quality", hint='add "format": "jpeg"')
        if self.full_page and self.selector is not None:
            raise InvalidAction(
                "full_page and selector exclude each other", field="full_page", hint="leave one of them out"
            )


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class NewTab(Action):
    type: ClassVar[str] = "new_tab"
    summary: ClassVar[str] = "Open a page beside the others and make it the current one."
    url: Text = ""
    wait_until: WaitUntilField = WaitUntil.LOAD


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchTab(Action):
    type: ClassVar[str] = "switch_tab"
    summary: ClassVar[str] = "Make another open page the current one."

    def check(self) -> None:
        if self.page is None:
            raise InvalidAction("switch_tab needs a page", field="page", hint="page ids come from new_tab")


@register
@dataclass(frozen=True, slots=True, kw_only=True)
class CloseTab(Action):
    type: ClassVar[str] = "close_tab"
    summary: ClassVar[str] = "Close a page; the one opened before it becomes the current one."


__all__ = [
    "AccessibilitySnapshot",
    "Action",
    "Check",
    "ClearCookies",
    "Click",
    "CloseTab",
    "DoubleClick",
    "Drag",
    "Emulate",
    "EvaluateJs",
    "Extract",
    "FieldSpec",
    "FileUpload",
    "Fill",
    "Focus",
    "GetCookies",
    "GoBack",
    "GoForward",
    "HandleDialog",
    "Hover",
    "InterceptNetwork",
    "KeyDown",
    "KeyUp",
    "Mouse",
    "Navigate",
    "NewTab",
    "Pdf",
    "PointerAction",
    "Press",
    "Reload",
    "SaveStorageState",
    "Screenshot",
    "Scroll",
    "SelectOption",
    "SetCookie",
    "SwitchTab",
    "Type",
    "Uncheck",
    "WaitFor",
    "WaitForDownload",
    "WaitForPopup",
    "action_types",
    "fields_of",
    "find_action",
    "hide",
    "parse_action",
    "read_field",
    "to_json",
]
