"""Every way an engine or an action can fail on purpose.

Knows the codes and the wording, the same for both engines. Does not know how an engine finds out.
`ActionError`s become failed `ActionResult`s in `BrowserEngine.dispatch`; other `EngineError`s are raised.
"""

from __future__ import annotations

from collections.abc import Sequence

from bykilt.errors import BykiltError, ExitCode, InvalidInput, MissingCapability


class EngineError(BykiltError):
    """The engine as a whole cannot do its work."""

    code = "engine_error"


class UnknownEngine(EngineError, InvalidInput):
    code = "unknown_engine"
    exit_code = ExitCode.BAD_INPUT

    def __init__(self, name: str, known: Sequence[str], origin: str) -> None:
        super().__init__(
            f"unknown engine {name!r} ({origin}); the engines are: {', '.join(known)}",
            hint=f"use one of {', '.join(known)}",
        )


class BrowserNotFound(EngineError, MissingCapability):
    code = "browser_not_found"
    exit_code = ExitCode.MISSING_CAPABILITY


class LaunchFailed(EngineError):
    code = "launch_failed"
    exit_code = ExitCode.MISSING_CAPABILITY


class SandboxRefused(LaunchFailed):
    """The browser cannot be sandboxed as asked, so it does not run."""

    code = "sandbox_unavailable"


class SandboxMismatch(LaunchFailed):
    """The sandbox was not what was promised, so the browser was ended."""

    code = "sandbox_broken"


class EngineNotRunning(EngineError):
    code = "engine_not_running"

    def __init__(self) -> None:
        super().__init__("the engine has no browser", hint="call launch() first, and nothing after shutdown()")


class ActionError(EngineError):
    """One action failed; the browser may well be fine."""

    code = "action_failed"


class InvalidAction(ActionError, InvalidInput):
    """The action itself is wrong: unknown type, unknown field, impossible value."""

    code = "invalid_action"
    exit_code = ExitCode.BAD_INPUT

    def __init__(self, message: str, *, field: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.field = field


class InvalidSelector(InvalidAction):
    code = "invalid_selector"


class BrowserGone(ActionError):
    """The browser ended or its connection broke; everything in flight failed."""

    code = "browser_gone"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"the browser is gone: {detail}",
            hint="see chromium.log in the run folder; memory limits and kill signals are the usual causes",
        )


class PageClosed(ActionError):
    code = "page_closed"

    def __init__(self, page: str) -> None:
        super().__init__(f"page {page} was closed", hint="open a page with new_tab, or switch to one that is open")


class PageCrashed(ActionError):
    code = "page_crashed"

    def __init__(self, page: str, detail: str = "") -> None:
        super().__init__(
            f"the renderer of page {page} crashed" + (f" ({detail})" if detail else ""),
            hint="reload the page to get a new renderer; a crash on every run usually means too little memory",
        )


class UnknownPage(ActionError):
    code = "unknown_page"

    def __init__(self, page: str, open_pages: Sequence[str]) -> None:
        super().__init__(
            f"there is no page {page!r}", hint=f"open pages: {', '.join(open_pages) if open_pages else 'none'}"
        )


class FrameNotFound(ActionError):
    code = "frame_not_found"

    def __init__(self, frame: str, waited_s: float) -> None:
        super().__init__(
            f"no frame matched {frame!r} within {waited_s:.1f} s",
            hint="name the frame by its name, by a pattern of its URL, or by a selector of its <iframe>",
        )


class FrameDetached(ActionError):
    code = "frame_detached"

    def __init__(self, frame: str, waited_s: float = 0.0) -> None:
        super().__init__(
            f"frame {frame!r} was removed from its page while the action ran ({waited_s:.1f} s in)",
            hint="wait for the page to settle before the step, for instance with wait_for",
        )


class NavigationFailed(ActionError):
    code = "navigation_failed"

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(f"{url} did not load: {reason}", hint="check the address and that the server answers")
        self.url = url


class AddressRefused(NavigationFailed):
    """The sandbox opens no address of this kind, whoever asks for it."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "in headless-shell, the sandbox opens web addresses only")
        self.hint = "use the browser 'chromium', or an address that begins with http:, https:, about:, data: or blob:"


class NavigationAborted(NavigationFailed):
    code = "navigation_aborted"


# What Chromium says where it makes the connection itself.
_NET_ERRORS = {
    "dns": "net::ERR_NAME_NOT_RESOLVED",
    "refused": "net::ERR_CONNECTION_REFUSED",
    "timeout": "net::ERR_CONNECTION_TIMED_OUT",
    "upstream_proxy": "net::ERR_PROXY_CONNECTION_FAILED",
}


class HostUnreachable(NavigationFailed):
    """The sandbox's proxy found no way to a host that may be reached; `cause` is one of its words for it."""

    def __init__(self, url: str, cause: str, reason: str) -> None:
        super().__init__(url, f"{_NET_ERRORS.get(cause, 'net::ERR_EMPTY_RESPONSE')} ({reason})")


class HostBlocked(ActionError):
    """The sandbox refused the way to a host; nothing was sent there."""

    code = "host_blocked"

    def __init__(self, host: str, port: int, reason: str) -> None:
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        super().__init__(
            f"the sandbox does not let the browser reach {where}: {reason}",
            hint=f"if it may, add {where!r} to allowed_hosts (`bykilt run --allow-host {where}`), or to the profile",
        )


class ActionTimeout(ActionError):
    """The deadline came and no more exact reason is known."""

    code = "timeout"

    def __init__(self, waiting_for: str, waited_s: float, *, hint: str = "") -> None:
        super().__init__(
            f"gave up after {waited_s:.1f} s while waiting for {waiting_for}",
            hint=hint or "raise `timeout_ms` if the page is only slow",
        )


class ScriptFailed(ActionError):
    """The page's own JavaScript threw; the message is the page's."""

    code = "script_error"

    def __init__(self, message: str, *, stack: str = "") -> None:
        super().__init__(message, hint="the expression failed inside the page; try it in the page's console")
        self.stack = stack


class NotJson(ActionError):
    code = "not_json"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"the value cannot be given back as JSON: {detail}",
            hint="return strings, numbers, booleans, null, lists and plain objects",
        )


class FileRejected(ActionError):
    """A path was refused before Chromium saw it."""

    code = "file_rejected"

    def __init__(self, path: str, reason: str, *, hint: str = "check the path; it is read on this machine") -> None:
        super().__init__(f"{path}: {reason}", hint=hint)


class DownloadFailed(ActionError):
    """A download began and did not come to its end."""

    code = "download_failed"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"the download of {name!r} failed: {reason}", hint="check that the server answers to its end")


class DownloadRefused(ActionError):
    """A download broke the limits of the launch; nothing of it was kept."""

    code = "download_refused"

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(
            f"the download of {name!r} was refused: {reason}",
            hint="see `download_max_bytes` and `download_types` of the launch",
        )


class OptionNotFound(ActionError):
    code = "option_not_found"


class ElementError(ActionError):
    """The element was not in the state that the action needs, as long as it waited."""

    code = "element_error"

    def __init__(self, selector: str, what: str, waited_s: float, *, hint: str) -> None:
        super().__init__(f"{selector}: {what} (waited {waited_s:.1f} s)", hint=hint)
        self.selector = selector
        self.waited_s = waited_s


class ElementNotFound(ElementError):
    code = "element_not_found"

    def __init__(self, selector: str, waited_s: float, *, where: str = "the page") -> None:
        super().__init__(
            selector,
            f"no element matched in {where}",
            waited_s,
            hint="compare the selector with the page in the trace; is it inside a frame (`frame`)?",
        )


class ElementNotVisible(ElementError):
    code = "element_not_visible"

    def __init__(self, selector: str, seen: str, waited_s: float) -> None:
        super().__init__(
            selector, f"the element is not visible: {seen}", waited_s, hint="open what hides it in an earlier step"
        )


class ElementNotStable(ElementError):
    code = "element_not_stable"

    def __init__(self, selector: str, seen: str, waited_s: float) -> None:
        super().__init__(
            selector,
            f"the element keeps moving: {seen}",
            waited_s,
            hint="wait for the animation to end, or use `force` if its place does not matter",
        )


class ElementDisabled(ElementError):
    code = "element_disabled"

    def __init__(self, selector: str, seen: str, waited_s: float) -> None:
        super().__init__(
            selector,
            f"the element is disabled: {seen}",
            waited_s,
            hint="fill in what the page requires before this step",
        )


class ElementNotEditable(ElementError):
    code = "element_not_editable"

    def __init__(self, selector: str, seen: str, waited_s: float) -> None:
        super().__init__(
            selector,
            f"the element cannot be edited: {seen}",
            waited_s,
            hint="point the selector at an input, a textarea, or an editable region",
        )


class ElementCovered(ElementError):
    code = "element_covered"

    def __init__(self, selector: str, seen: str, waited_s: float) -> None:
        super().__init__(
            selector,
            f"another element would receive the event: {seen}",
            waited_s,
            hint="close the overlay in an earlier step, or use `position` to hit a free part",
        )


class ElementOutsideViewport(ElementError):
    code = "element_outside_viewport"

    def __init__(self, selector: str, seen: str, waited_s: float) -> None:
        super().__init__(
            selector,
            f"the element cannot be scrolled into view: {seen}",
            waited_s,
            hint="enlarge the viewport, or scroll its container in an earlier step",
        )


class ElementDetached(ElementError):
    code = "element_detached"

    def __init__(self, selector: str, waited_s: float) -> None:
        super().__init__(
            selector,
            "the element was replaced again and again before the action reached it",
            waited_s,
            hint="wait until the page has stopped rendering before this step",
        )


class NoFileChooser(ElementError):
    """A click that was to open a file chooser opened none."""

    code = "no_file_chooser"

    def __init__(self, selector: str, clicked: str, waited_s: float) -> None:
        super().__init__(
            selector,
            f"{clicked} was clicked, but no file chooser opened that takes files from outside",
            waited_s,
            hint="point the selector at the <input type=file> itself, which may be hidden, or use `drop`; "
            "what opens by `showOpenFilePicker` takes none",
        )


class WrongElement(ElementError):
    """The element is of a kind that the action makes no sense for."""

    code = "wrong_element"

    def __init__(self, selector: str, seen: str, waited_s: float, *, hint: str) -> None:
        super().__init__(selector, seen, waited_s, hint=hint)
