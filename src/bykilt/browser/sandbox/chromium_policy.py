"""Chromium's enterprise policy inside the sandbox: a second lock on what flags and namespaces already close.

Knows the policies and where each make of Chromium looks for them. Pure.
Source: https://chromeenterprise.google/policies/
"""

from __future__ import annotations

import json

from bykilt.json_types import JsonValue

PLACES = (
    "/etc/chromium/policies/managed/bykilt.json",
    "/etc/opt/chrome/policies/managed/bykilt.json",
    "/etc/opt/chrome_for_testing/policies/managed/bykilt.json",
)
# `devtools:` is missing: no page gets there anyway, and with it Chromium would refuse to try out a crash.
_OWN_PAGES = ("chrome://*", "view-source:*", "chrome-extension://*", "chrome-untrusted://*")


def policy_document(*, proxy: str | None) -> str:
    """Return the policy; with `proxy`, `host:port`, everything goes through it, loopback addresses too."""
    policy: dict[str, JsonValue] = {
        "URLBlocklist": ["file://*", "ftp://*", "filesystem:*", *_OWN_PAGES],
        # Where the state of Chromium's own sandbox is looked at, and how a crash is tried out: only we get there,
        # no page does.
        "URLAllowlist": ["chrome://sandbox", "chrome://version", "chrome://crash"],
        "AllowFileSelectionDialogs": True,
        # Chromium would ask its maker what each form is for, and whether each password has leaked.
        "AutofillAddressEnabled": False,
        "AutofillCreditCardEnabled": False,
        "PasswordLeakDetectionEnabled": False,
        "BackgroundModeEnabled": False,
        "BrowserNetworkTimeQueriesEnabled": False,
        "BrowserSignin": 0,
        "BuiltInDnsClientEnabled": False,
        "ComponentUpdatesEnabled": False,
        "DefaultFileSystemReadGuardSetting": 2,
        "DefaultFileSystemWriteGuardSetting": 2,
        "DefaultSerialGuardSetting": 2,
        "DefaultWebBluetoothGuardSetting": 2,
        "DefaultWebHidGuardSetting": 2,
        "DefaultWebUsbGuardSetting": 2,
        "DnsOverHttpsMode": "off",
        "ExtensionInstallBlocklist": ["*"],
        "MetricsReportingEnabled": False,
        "NetworkPredictionOptions": 2,
        "PasswordManagerEnabled": False,
        "QuicAllowed": False,
        "SafeBrowsingProtectionLevel": 0,
        "SearchSuggestEnabled": False,
        "SyncDisabled": True,
        "TranslateEnabled": False,
        "WebRtcIPHandling": "disable_non_proxied_udp",
    }
    if proxy is not None:
        policy["ProxySettings"] = {
            "ProxyMode": "fixed_servers",
            "ProxyServer": f"http://{proxy}",
            "ProxyBypassList": "<-loopback>",
        }
    return json.dumps(policy, indent=1)
