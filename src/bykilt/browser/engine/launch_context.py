"""What a caller may ask of a browser before it starts. Knows the settings and their checks, not their effect."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from bykilt.browser.engine.action_model import parse_action
from bykilt.browser.engine.actions_emulation import Emulate
from bykilt.browser.engine.actions_state import DialogPolicy
from bykilt.browser.engine.download_limits import DownloadLimits
from bykilt.browser.engine.proxy import parse_proxy
from bykilt.browser.engine.storage_state import read_storage_state
from bykilt.browser.engine.upload_files import UploadLimits
from bykilt.browser.sandbox.profile import BrowserFlavor, FilesystemMode, SandboxLimits, SandboxProfile
from bykilt.errors import InvalidInput
from bykilt.json_types import JsonValue

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_HEADER = re.compile(r"[^\t\x20-\x7e\xa0-\xff]")


class HarMode(StrEnum):
    """What of the requests is written into `network.har`."""

    OFF = "off"
    HEADERS = "headers"
    BODIES = "bodies"


@dataclass(frozen=True, slots=True)
class Viewport:
    """The size of the page area, in CSS pixels."""

    width: int = 1280
    height: int = 720


@dataclass(frozen=True, kw_only=True)
class LaunchContext:
    """Settings for one launch.

    `viewport` may be given as `{"width": …, "height": …}` or `(width, height)`; `timeout_ms` is the deadline
    of every action that names none. `cdp_url` attaches to a browser that runs elsewhere instead of starting one;
    `cdp_headers` go with every request to it, for instance to log in, and are never shown.
    With `trace_enabled`, each action leaves pictures, and with `trace_dom` also what the frames held;
    the limits are for one frame, and one over them leaves its picture only.
    With `record_har`, `network.har` is written into the artifact folder at shutdown, and with `record_video`,
    `video.webm`, which ends early when it has reached `video_max_bytes`.
    `storage_state` is what `save_storage_state` wrote, as a file or a document; the browser begins with it.
    A `proxy` is `http://user:password@host:port`, `socks5://host:port` or the like.
    `emulation` holds the fields of the action `emulate`; they hold from the first page on.
    `dialog_policy` is `dismiss`, `accept` (prompts get `dialog_text`) or `fail`: the dialog fails the action.
    `download_types` are suffixes and media types such as `.pdf` and `image/*`; None allows all.
    `upload_folders` are the folders, or single files, that uploads may come from; None allows any.
    The browser runs in a sandbox unless `sandbox_mode` is false. `sandbox_network_mode` is `none`, `restricted` (to
    `allowed_hosts`; the default where there are any), `open` (every public host; the default otherwise) or `host`.
    `enable_apparmor` demands AppArmor's profile; None uses it where it is loaded.
    `hidden_elements` are CSS selectors of what no picture, video or DOM snapshot may show.
    `webgl` has a software rasteriser started; `browser_flavor` is `chromium` or `headless-shell`.
    """

    headless: bool = True
    browser_type: str = "chromium"
    viewport: Viewport | Mapping[str, int] | Sequence[int] = field(default_factory=Viewport)
    user_agent: str | None = None
    proxy: str | None = field(default=None, repr=False)
    timeout_ms: float = 30_000
    trace_enabled: bool = False
    trace_dom: bool = True
    trace_dom_max_nodes: int = 20_000
    trace_dom_max_chars: int = 4_000_000
    hidden_elements: Sequence[str] = ()
    sandbox_mode: bool = True
    extra_args: Sequence[str] = ()
    sandbox_network_mode: str | None = None
    sandbox_filesystem_mode: str = FilesystemMode.READONLY
    enable_seccomp: bool = True
    enable_apparmor: bool | None = None
    allowed_hosts: Sequence[str] = ()
    sandbox_limits: SandboxLimits = field(default_factory=SandboxLimits)
    webgl: bool = False
    browser_flavor: str = BrowserFlavor.CHROMIUM
    cdp_url: str | None = None
    cdp_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    user_data_dir: str | Path | None = None
    storage_state: str | Path | Mapping[str, Any] | None = field(default=None, repr=False)
    emulation: Mapping[str, JsonValue] | None = field(default=None, repr=False)
    dialog_policy: str = DialogPolicy.DISMISS
    dialog_text: str | None = None
    record_har: str = HarMode.OFF
    har_max_body_bytes: int = 1 << 20
    har_max_total_bytes: int = 64 << 20
    record_video: bool = False
    video_max_bytes: int = 256 << 20
    download_max_bytes: int = 1 << 30
    download_types: Sequence[str] | None = None
    upload_folders: Sequence[str | Path] | None = None
    upload_max_bytes: int | None = None

    @property
    def viewport_size(self) -> Viewport:
        """The viewport in its one form.

        Raises:
            InvalidInput: It has no positive width and height.
        """
        given = self.viewport
        try:
            if isinstance(given, Viewport):
                size = given
            elif isinstance(given, Mapping):
                size = Viewport(int(given["width"]), int(given["height"]))
            else:
                width, height = given
                size = Viewport(int(width), int(height))
        except (KeyError, TypeError, ValueError):
            raise InvalidInput(
                f"viewport {given!r} has no width and height", hint='use {"width": 1280, "height": 720}'
            ) from None
        if not (0 < size.width <= 10_000 and 0 < size.height <= 10_000):
            raise InvalidInput(f"viewport {size.width}x{size.height} is out of range", hint="use 1 to 10000 pixels")
        return size

    @property
    def sandbox_profile(self) -> SandboxProfile:
        """The policy of the sandbox; for a browser that runs elsewhere, that there is none.

        Raises:
            InvalidInput: A setting is impossible, contradicts another one, or cannot be enforced.
        """
        elsewhere = self.cdp_url is not None
        if elsewhere and (self.sandbox_network_mode is not None or self.allowed_hosts):
            raise InvalidInput(
                "the network of a browser that runs elsewhere cannot be limited from here",
                hint="leave out the network mode and the allowed hosts, or limit its network where it runs",
            )
        return SandboxProfile.of(
            self.sandbox_network_mode,
            self.allowed_hosts,
            enabled=self.sandbox_mode and not elsewhere,
            filesystem=self.sandbox_filesystem_mode,
            upload_folders=self.upload_folders,
            seccomp=self.enable_seccomp,
            apparmor=self.enable_apparmor,
            webgl=self.webgl,
            browser=self.browser_flavor,
            limits=self.sandbox_limits,
        )

    @property
    def emulate_action(self) -> Emulate | None:
        """What is to be emulated.

        Raises:
            InvalidAction: A value makes no sense.
        """
        if self.emulation is None:
            return None
        action = parse_action({"type": Emulate.type, **self.emulation})
        assert isinstance(action, Emulate)
        return action

    @property
    def download_limits(self) -> DownloadLimits:
        """What may be downloaded.

        Raises:
            InvalidInput: A limit is impossible.
        """
        most = min(self.download_max_bytes, self.sandbox_limits.download_bytes)
        return DownloadLimits.of(most, self.download_types)

    @property
    def upload_limits(self) -> UploadLimits:
        """What may be uploaded.

        Raises:
            InvalidInput: A limit is impossible.
        """
        return UploadLimits.of(self.upload_folders, self.upload_max_bytes)

    def check(self) -> None:
        """Raise `InvalidInput` where a setting is impossible, or cannot be enforced and so must not be promised."""
        _ = self.viewport_size
        _ = self.emulate_action
        _ = parse_proxy(self.proxy)
        if self.storage_state is not None:
            read_storage_state(self.storage_state)
        _ = self.download_limits
        _ = self.upload_limits
        self._check_headers()
        self._check_hidden()
        if self.browser_type not in ("chromium", "chrome"):
            raise InvalidInput(f"browser_type {self.browser_type!r} is not supported", hint="use 'chromium'")
        if self.timeout_ms <= 0:
            raise InvalidInput(f"timeout_ms must be above 0, got {self.timeout_ms:g}", hint="30000 is the default")
        if self.dialog_policy not in list(DialogPolicy):
            raise InvalidInput(
                f"dialog_policy {self.dialog_policy!r} is unknown", hint=f"use one of {', '.join(DialogPolicy)}"
            )
        if self.record_har not in list(HarMode):
            raise InvalidInput(f"record_har {self.record_har!r} is unknown", hint=f"use one of {', '.join(HarMode)}")
        if self.har_max_body_bytes < 0 or self.har_max_total_bytes < 0:
            raise InvalidInput("the limits of the HAR must not be below 0", hint="leave them out for the defaults")
        if not (0 < self.trace_dom_max_nodes <= 100_000 and 0 < self.trace_dom_max_chars <= 20_000_000):
            raise InvalidInput("a limit of trace_dom is out of range", hint="leave it out for the default")
        if self.video_max_bytes <= 0:
            raise InvalidInput(
                f"video_max_bytes must be above 0, got {self.video_max_bytes}", hint="leave it out for the default"
            )
        profile = self.sandbox_profile
        if profile.browser is BrowserFlavor.HEADLESS_SHELL and not self.headless:
            raise InvalidInput("headless-shell can show no window", hint="use browser_flavor 'chromium', or no window")

    def _check_hidden(self) -> None:
        if isinstance(self.hidden_elements, str) or not all(map(str.strip, self.hidden_elements)):
            raise InvalidInput("hidden_elements is no list of CSS selectors", hint="for instance ['#iban', '.card']")

    def _check_headers(self) -> None:
        if self.cdp_headers and self.cdp_url is None:
            raise InvalidInput("cdp_headers are for a browser that is attached to", hint="name it in cdp_url")
        for name, value in self.cdp_headers.items():
            # What is wrong with a value is not shown: it may be a password.
            if not _HEADER_NAME.fullmatch(name) or _NOT_IN_HEADER.search(value):
                raise InvalidInput(
                    f"the header {name!r} of cdp_headers cannot be sent",
                    hint="a name is one word, and a value is one line of printable Latin characters",
                )
