"""The actions as methods of an engine, for Python callers.

Knows which action each method stands for; all of them go through `dispatch`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, cast

from bykilt.browser.engine.action_result import ActionResult
from bykilt.browser.engine.actions import Action
from bykilt.browser.engine.errors import ActionError
from bykilt.browser.engine.request_record import RequestRecord
from bykilt.json_types import JsonValue


class ActionMethods:
    """Mixed into `BrowserEngine`, which provides `dispatch`."""

    @abstractmethod
    async def dispatch(self, action: Action | Mapping[str, JsonValue]) -> ActionResult:
        """Carry out one action within its deadline and say how it ended."""

    @property
    @abstractmethod
    def request_record(self) -> RequestRecord:
        """What the network interception has seen and done since it was set up last."""

    async def execute_many(
        self, actions: Sequence[Action | Mapping[str, JsonValue]], *, stop_on_failure: bool = True
    ) -> list[ActionResult]:
        """Carry out actions one after the other; return a result for each that was begun.

        The list ends with the first failure, unless `stop_on_failure` is false.

        Raises:
            EngineNotRunning: There is no browser. Everything else is in the results.
        """
        results: list[ActionResult] = []
        for action in actions:
            results.append(await self.dispatch(action))
            if stop_on_failure and not results[-1].success:
                break
        return results

    async def navigate(self, url: str, wait_until: str = "load", timeout_ms: float | None = None) -> ActionResult:
        """Open an address; see the action `navigate`."""
        return await self.dispatch({"type": "navigate", "url": url, "wait_until": wait_until, "timeout_ms": timeout_ms})

    async def upload_file(self, selector: str | Sequence[str], file_paths: Sequence[str]) -> ActionResult:
        """Put files into a file input; see the action `file_upload`."""
        chosen = cast(JsonValue, selector if isinstance(selector, str) else list(selector))
        return await self.dispatch({"type": "file_upload", "selector": chosen, "files": list(file_paths)})

    async def wait_for_popup(self, action: Mapping[str, JsonValue], timeout_ms: float | None = None) -> ActionResult:
        """Carry out an action and wait for the page that it opens; see the action `wait_for_popup`."""
        return await self.dispatch({"type": "wait_for_popup", "action": dict(action), "timeout_ms": timeout_ms})

    async def enable_network_interception(
        self, patterns: Sequence[str] = ("*",), rules: Sequence[Mapping[str, JsonValue]] = ()
    ) -> ActionResult:
        """Observe the requests that fit a pattern and treat them by the rules; see `intercept_network`."""
        wanted: dict[str, Any] = {"patterns": list(patterns), "rules": [dict(rule) for rule in rules]}
        return await self.dispatch({"type": "intercept_network", **wanted})

    async def disable_network_interception(self) -> ActionResult:
        """Leave the network alone again; what was recorded can still be asked for."""
        return await self.dispatch({"type": "intercept_network", "patterns": []})

    async def get_intercepted_requests(self) -> list[dict[str, Any]]:
        """Return the requests seen since the interception was set up (the latest 2,000), oldest first.

        Each has url, method, resource_type, headers (credentials hidden), status, response_headers, done
        (`observed`, `blocked`, `failed`, `fulfilled`, `changed`), the number of the rule, delayed_ms, failure,
        timing and page. WebSockets have their frames.
        """
        return self.request_record.as_dicts()

    async def set_cookie(
        self,
        name: str,
        value: str,
        domain: str | None = None,
        path: str = "/",
        secure: bool = False,
        http_only: bool = False,
        same_site: str | None = None,
        expires: float | None = None,
    ) -> ActionResult:
        """Set a cookie, by default for the current page's host; `expires` is in seconds since 1970."""
        return await self.dispatch(
            {
                "type": "set_cookie",
                "name": name,
                "value": value,
                "domain": domain,
                "path": path,
                "secure": secure,
                "http_only": http_only,
                "same_site": same_site,
                "expires": expires,
            }
        )

    async def get_cookies(
        self, urls: Sequence[str] | None = None, *, name: str | None = None, domain: str | None = None
    ) -> list[dict[str, JsonValue]]:
        """Return the cookies that fit all of what is given, in the words of `set_cookie`.

        Raises:
            ActionError: The browser is gone, or an address is none.
        """
        wanted = list(urls) if urls else None
        result = await self.dispatch({"type": "get_cookies", "urls": wanted, "name": name, "domain": domain})
        cookies: list[dict[str, JsonValue]] = metadata_of(result)["cookies"]
        return cookies

    async def delete_cookie(self, name: str, domain: str | None = None) -> ActionResult:
        """Delete the cookies of a name, on every path; see the action `clear_cookies`."""
        return await self.dispatch({"type": "clear_cookies", "name": name, "domain": domain})

    async def clear_cookies(self) -> ActionResult:
        """Delete every cookie of the context."""
        return await self.dispatch({"type": "clear_cookies"})

    async def handle_dialog(
        self, policy: str = "dismiss", text: str | None = None, action: Mapping[str, JsonValue] | None = None
    ) -> ActionResult:
        """Answer the dialog that an action opens, or all that follow; see the action `handle_dialog`."""
        inner = dict(action) if action is not None else None
        return await self.dispatch({"type": "handle_dialog", "policy": policy, "text": text, "action": inner})

    async def emulate(self, **fields: JsonValue) -> ActionResult:
        """Let pages believe in another device, place, language or network; see the action `emulate`."""
        return await self.dispatch({"type": "emulate", **fields})

    async def save_storage_state(self, path: str | None = None) -> ActionResult:
        """Write cookies and storage into a file for `LaunchContext.storage_state`; see `save_storage_state`."""
        return await self.dispatch({"type": "save_storage_state", "path": path})

    async def wait_for_download(self, action: Mapping[str, JsonValue], timeout_ms: float | None = None) -> ActionResult:
        """Carry out an action and keep the file that it downloads; see the action `wait_for_download`."""
        return await self.dispatch({"type": "wait_for_download", "action": dict(action), "timeout_ms": timeout_ms})


def metadata_of(result: ActionResult) -> dict[str, Any]:
    """Return what an action gave.

    Raises:
        ActionError: It failed; the code is in `result.metadata["error_code"]`.
    """
    if not result.success:
        raise ActionError(result.error or "the action failed", hint=str(result.metadata.get("hint", "")))
    return result.metadata
