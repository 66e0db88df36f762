"""Chromium's command line, as a pure function of the settings.

Knows every flag and why it is there, and which flags nobody may pass. Chromium's own sandbox always stays on.
Source: https://peter.sh/experiments/chromium-command-line-switches/ and the switches files of Chromium
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bykilt.browser.launch.settings import ChromiumSettings
from bykilt.browser.sandbox.attendant import PROXY_PORT
from bykilt.browser.sandbox.profile import NetworkMode
from bykilt.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag that is always passed, and the reason."""

    text: str
    reason: str


ALWAYS = (
    # The same behaviour on every machine and every day
    Flag("--disable-field-trial-config", "no experiments of the day"),
    Flag("--no-first-run", "no welcome page"),
    Flag("--no-default-browser-check", "no question about the default browser"),
    Flag("--no-service-autorun", "no services beside the browser"),
    Flag("--disable-search-engine-choice-screen", "no question about a search engine"),
    Flag("--disable-infobars", "no bars that shift the page"),
    Flag("--disable-default-apps", "nothing installed into the new profile"),
    Flag("--disable-component-extensions-with-background-pages", "no extensions of its own in the background"),
    Flag("--force-color-profile=srgb", "the same colours in every picture"),
    Flag("--disable-back-forward-cache", "going back loads the page anew, on every site alike"),
    Flag("--disable-quic", "a proxy sees all traffic, and recordings look alike"),
    # No traffic of the browser's own
    Flag("--disable-background-networking", "no traffic that the page did not ask for"),
    Flag("--disable-component-update", "no downloads of components"),
    Flag("--disable-sync", "no account"),
    Flag("--disable-breakpad", "no crash reports sent"),
    Flag("--metrics-recording-only", "no usage reports sent"),
    # A page in the background runs as fast as one in front
    Flag("--disable-background-timer-throttling", "timers of hidden pages keep their pace"),
    Flag("--disable-backgrounding-occluded-windows", "a covered window keeps rendering"),
    Flag("--disable-renderer-backgrounding", "hidden pages keep their priority"),
    Flag("--disable-ipc-flooding-protection", "many quick navigations are meant"),
    Flag("--disable-hang-monitor", "no dialog about a slow page"),
    Flag("--disable-prompt-on-repost", "reloading a posted form asks nothing"),
    Flag("--disable-popup-blocking", "a page's new window opens, and the run sees it"),
    Flag("--allow-pre-commit-input", "input right after a navigation is not dropped"),
    # Nothing of the user's
    Flag("--password-store=basic", "the user's keyring is left alone"),
    Flag("--use-mock-keychain", "the same on other systems"),
    Flag("--enable-unsafe-swiftshader", "WebGL also where there is no graphics card"),
)

HEADLESS = (
    Flag("--headless=new", "the full browser without a window"),
    Flag("--hide-scrollbars", "pictures do not depend on the width of scroll bars"),
    Flag("--mute-audio", "no sound"),
    Flag(
        "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
        "pages see a mouse although none is attached",
    ),
)

DISABLED_FEATURES = {
    "AutofillServerCommunication": "nobody is asked what the fields of a form mean",
    "AvoidUnnecessaryBeforeUnloadCheckSync": "a page's beforeunload is always asked",
    "DialMediaRouteProvider": "no search for devices in the local network",
    "GlobalMediaControls": "no media controls in the browser's frame",
    "HttpsFirstBalancedModeAutoEnable": "http stays http",
    "HttpsUpgrades": "http stays http",
    "LensOverlay": "no overlay of the browser on the page",
    "MediaRouter": "no search for devices in the local network",
    "NetworkTimeServiceQuerying": "no questions about the time",
    "OptimizationHints": "no downloads of hints",
    "PaintHolding": "the first frame of a new page is shown at once",
    "PreconnectToSearch": "no connection to a search engine",
    "Translate": "no offer to translate, which would cover the page",
}

_REFUSED = {
    "no-sandbox": "Chromium's sandbox stays on",
    "disable-setuid-sandbox": "Chromium's sandbox stays on",
    "disable-namespace-sandbox": "Chromium's sandbox stays on",
    "disable-seccomp-filter-sandbox": "Chromium's sandbox stays on",
    "disable-gpu-sandbox": "Chromium's sandbox stays on",
    "no-zygote-sandbox": "Chromium's sandbox stays on",
    "no-zygote": "it switches Chromium's sandbox off",
    "single-process": "it switches Chromium's sandbox off",
    "service-sandbox-type": "Chromium's sandbox stays on",
    "renderer-cmd-prefix": "it starts programs outside Chromium's sandbox",
    "utility-cmd-prefix": "it starts programs outside Chromium's sandbox",
    "gpu-launcher": "it starts programs outside Chromium's sandbox",
    "ppapi-plugin-launcher": "it starts programs outside Chromium's sandbox",
    "user-data-dir": "the profile is set by `user_data_dir`",
}
_REFUSED_START = "remote-debugging-"

# Below this, a page with many canvases fills the shared memory and its renderer crashes.
_MIN_SHM_BYTES = 512 << 20


def chromium_arguments(settings: ChromiumSettings, profile: Path, *, small_shm: bool | None = None) -> list[str]:
    """Return the arguments after the executable, for `--remote-debugging-pipe`.

    Raises:
        InvalidInput: An extra argument would weaken the sandbox, or take over what the launcher decides.
    """
    extra, disabled, enabled = _sort_extra(checked_extra(settings.extra_args))
    result = [flag.text for flag in ALWAYS]
    if settings.headless:
        result += [flag.text for flag in HEADLESS]
    # Inside the outer sandbox there is a /dev/shm of its own.
    if settings.sandbox is None and (is_shm_small() if small_shm is None else small_shm):
        result.append("--disable-dev-shm-usage")
    result.append(f"--window-size={settings.width},{settings.height}")
    if settings.user_agent is not None:
        result.append(f"--user-agent={settings.user_agent}")
    result += network_arguments(settings) + sandbox_arguments(settings)
    enabled += sandbox_features(settings)
    result.append("--disable-features=" + ",".join((*DISABLED_FEATURES, *disabled)))
    if enabled:
        result.append("--enable-features=" + ",".join(enabled))
    result += extra
    result += [f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"]
    return result


def extra_arguments(settings: ChromiumSettings) -> list[str]:
    """Return only what the settings add to a command line that somebody else makes.

    Raises:
        InvalidInput: As for `chromium_arguments`.
    """
    extra, disabled, enabled = _sort_extra(checked_extra(settings.extra_args))
    enabled += sandbox_features(settings)
    result = [f"--window-size={settings.width},{settings.height}", *network_arguments(settings)]
    result += [*sandbox_arguments(settings), *extra]
    # A list of features takes the place of the one before it, so ours has to be in it.
    if disabled:
        result.append("--disable-features=" + ",".join((*DISABLED_FEATURES, *disabled)))
    if enabled:
        result.append("--enable-features=" + ",".join(enabled))
    return result


def checked_extra(extra: Sequence[str]) -> list[str]:
    """Return the extra arguments.

    Raises:
        InvalidInput: One of them is not a flag, or one that nobody may pass.
    """
    for argument in extra:
        if not argument.startswith("--") or "\0" in argument:
            raise InvalidInput(f"extra_args: {argument!r} is not a flag", hint="flags begin with '--'")
        name = argument[2:].partition("=")[0]
        reason = "the launcher decides how it is driven" if name.startswith(_REFUSED_START) else _REFUSED.get(name)
        if reason:
            raise InvalidInput(f"extra_args: --{name} is refused: {reason}", hint="leave it out")
    return list(extra)


def weakens_sandbox(argument: str) -> bool:
    """Return whether an argument switches off some of Chromium's sandbox; a wrapper drops such."""
    return argument[2:].partition("=")[0] in SANDBOX_SWITCHES


SANDBOX_SWITCHES = tuple(name for name, reason in _REFUSED.items() if "sandbox" in reason)


def _sort_extra(extra: Iterable[str]) -> tuple[list[str], list[str], list[str]]:
    """Split off the lists of features: Chromium heeds only the last flag of each kind."""
    rest: list[str] = []
    lists: dict[str, list[str]] = {"--disable-features": [], "--enable-features": []}
    for argument in extra:
        name, _, value = argument.partition("=")
        if name in lists:
            lists[name] += [feature for feature in value.split(",") if feature]
        else:
            rest.append(argument)
    return rest, lists["--disable-features"], lists["--enable-features"]


# Names are looked up outside, after the policy; the way out is a proxy, and nothing goes by it.
_EGRESS = (
    Flag(f"--proxy-server=http://127.0.0.1:{PROXY_PORT}", "the only way out"),
    Flag("--proxy-bypass-list=<-loopback>", "Chromium passes loopback and link-local addresses by its proxy otherwise"),
    Flag("--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "no name is looked up inside"),
    Flag("--webrtc-ip-handling-policy=disable_non_proxied_udp", "WebRTC has no way of its own"),
)


def network_arguments(settings: ChromiumSettings) -> list[str]:
    """Return the flags for the way out: the sandbox's own proxy, or the one that was asked for.

    Raises:
        InvalidInput: The address of the proxy makes no sense.
    """
    if settings.sandbox is not None and settings.sandbox.network is not NetworkMode.HOST:
        return [flag.text for flag in _EGRESS]
    return proxy_arguments(settings)


def sandbox_arguments(settings: ChromiumSettings) -> list[str]:
    """Return the flags that make Chromium's own sandbox cover more of its processes."""
    if settings.sandbox is None or settings.sandbox.webgl:
        return []
    # The software rasteriser runs in a GPU process without any filter.
    return ["--disable-software-rasterizer"]


def sandbox_features(settings: ChromiumSettings) -> list[str]:
    """Return the features that do the same."""
    return [] if settings.sandbox is None else ["NetworkServiceSandbox"]


def proxy_arguments(settings: ChromiumSettings) -> list[str]:
    """Return the flags for the proxy.

    Raises:
        InvalidInput: The address makes no sense, or holds a password, which Chromium would ignore.
    """
    if settings.proxy is None:
        return []
    address = settings.proxy if "://" in settings.proxy else f"http://{settings.proxy}"
    try:
        parts = urlsplit(address)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidInput(f"proxy {settings.proxy!r} is no address: {error}", hint="http://host:port") from None
    if not host or parts.scheme not in ("http", "https", "socks4", "socks5") or "," in address or ";" in address:
        raise InvalidInput(f"proxy {settings.proxy!r} is no address", hint="use http://host:port or socks5://host:port")
    if parts.username is not None:
        raise InvalidInput(
            f"proxy {parts.scheme}://…@{host}: Chromium takes no user name or password in the address",
            hint="use a proxy on this machine that adds them",
        )
    result = [f"--proxy-server={address}"]
    if settings.proxy_loopback:
        # Chromium passes loopback and link-local addresses by its proxy otherwise.
        result.append("--proxy-bypass-list=<-loopback>")
    return result


def is_shm_small() -> bool:
    """Return whether /dev/shm, where Chromium keeps shared memory, is smaller than a page may need."""
    try:
        status = os.statvfs("/dev/shm")
    except OSError:
        return True
    return status.f_bavail * status.f_frsize < _MIN_SHM_BYTES
