"""The protocol methods that are used, typed by cdp-use.

The types are for the type checker only: importing cdp-use at run time costs 0.2 s and 11 MB
(measured), and its client is not used. Names are DOMAIN_METHOD.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from bykilt.browser.cdp.connection import Command

if TYPE_CHECKING:
    from cdp_use.cdp.browser.commands import (
        CancelDownloadParameters,
        GetVersionReturns,
        GrantPermissionsParameters,
        ResetPermissionsParameters,
        SetDownloadBehaviorParameters,
    )
    from cdp_use.cdp.dom.commands import (
        DescribeNodeParameters,
        DescribeNodeReturns,
        GetBoxModelParameters,
        GetBoxModelReturns,
        GetContentQuadsParameters,
        GetContentQuadsReturns,
        GetFrameOwnerParameters,
        GetFrameOwnerReturns,
        ResolveNodeParameters,
        ResolveNodeReturns,
        SetFileInputFilesParameters,
    )
    from cdp_use.cdp.domsnapshot.commands import CaptureSnapshotParameters, CaptureSnapshotReturns
    from cdp_use.cdp.emulation.commands import (
        SetDeviceMetricsOverrideParameters,
        SetEmulatedMediaParameters,
        SetFocusEmulationEnabledParameters,
        SetGeolocationOverrideParameters,
        SetLocaleOverrideParameters,
        SetTimezoneOverrideParameters,
        SetTouchEmulationEnabledParameters,
        SetUserAgentOverrideParameters,
    )
    from cdp_use.cdp.fetch.commands import (
        ContinueRequestParameters,
        ContinueResponseParameters,
        ContinueWithAuthParameters,
        FailRequestParameters,
        FulfillRequestParameters,
    )
    from cdp_use.cdp.fetch.commands import EnableParameters as FetchEnableParameters
    from cdp_use.cdp.fetch.commands import GetResponseBodyParameters as FetchGetResponseBodyParameters
    from cdp_use.cdp.fetch.commands import GetResponseBodyReturns as FetchGetResponseBodyReturns
    from cdp_use.cdp.input.commands import (
        DispatchDragEventParameters,
        DispatchKeyEventParameters,
        DispatchMouseEventParameters,
        InsertTextParameters,
        SetInterceptDragsParameters,
    )
    from cdp_use.cdp.network.commands import (
        EmulateNetworkConditionsParameters,
        GetResponseBodyParameters,
        GetResponseBodyReturns,
        SetBypassServiceWorkerParameters,
        SetExtraHTTPHeadersParameters,
    )
    from cdp_use.cdp.network.commands import EnableParameters as NetworkEnableParameters
    from cdp_use.cdp.network.commands import SetUserAgentOverrideParameters as NetworkSetUserAgentOverrideParameters
    from cdp_use.cdp.page.commands import (
        AddScriptToEvaluateOnNewDocumentParameters,
        AddScriptToEvaluateOnNewDocumentReturns,
        CaptureScreenshotParameters,
        CaptureScreenshotReturns,
        CreateIsolatedWorldParameters,
        CreateIsolatedWorldReturns,
        GetFrameTreeReturns,
        GetLayoutMetricsReturns,
        GetNavigationHistoryReturns,
        HandleJavaScriptDialogParameters,
        NavigateParameters,
        NavigateReturns,
        NavigateToHistoryEntryParameters,
        ReloadParameters,
        ScreencastFrameAckParameters,
        SetInterceptFileChooserDialogParameters,
        SetLifecycleEventsEnabledParameters,
        StartScreencastParameters,
    )
    from cdp_use.cdp.page.commands import (
        EnableParameters as PageEnableParameters,
    )
    from cdp_use.cdp.runtime.commands import (
        AddBindingParameters,
        CallFunctionOnParameters,
        CallFunctionOnReturns,
        EvaluateParameters,
        EvaluateReturns,
        GetPropertiesParameters,
        GetPropertiesReturns,
        ReleaseObjectGroupParameters,
        ReleaseObjectParameters,
    )
    from cdp_use.cdp.storage.commands import GetCookiesParameters, GetCookiesReturns, SetCookiesParameters
    from cdp_use.cdp.target.commands import (
        ActivateTargetParameters,
        AttachToTargetParameters,
        AttachToTargetReturns,
        CloseTargetParameters,
        CloseTargetReturns,
        CreateBrowserContextParameters,
        CreateBrowserContextReturns,
        CreateTargetParameters,
        CreateTargetReturns,
        DetachFromTargetParameters,
        DisposeBrowserContextParameters,
        GetTargetsParameters,
        GetTargetsReturns,
        SetAutoAttachParameters,
        SetDiscoverTargetsParameters,
    )

Nothing: TypeAlias = dict[str, Any]

ACCESSIBILITY_ENABLE: Command[Nothing, Nothing] = Command("Accessibility.enable")
BROWSER_CANCEL_DOWNLOAD: Command[CancelDownloadParameters, Nothing] = Command("Browser.cancelDownload")
BROWSER_CLOSE: Command[Nothing, Nothing] = Command("Browser.close")
BROWSER_GET_VERSION: Command[Nothing, GetVersionReturns] = Command("Browser.getVersion")
BROWSER_GRANT_PERMISSIONS: Command[GrantPermissionsParameters, Nothing] = Command("Browser.grantPermissions")
BROWSER_RESET_PERMISSIONS: Command[ResetPermissionsParameters, Nothing] = Command("Browser.resetPermissions")
BROWSER_SET_DOWNLOAD_BEHAVIOR: Command[SetDownloadBehaviorParameters, Nothing] = Command("Browser.setDownloadBehavior")
DOM_DESCRIBE_NODE: Command[DescribeNodeParameters, DescribeNodeReturns] = Command("DOM.describeNode")
DOM_GET_BOX_MODEL: Command[GetBoxModelParameters, GetBoxModelReturns] = Command("DOM.getBoxModel")
DOM_GET_CONTENT_QUADS: Command[GetContentQuadsParameters, GetContentQuadsReturns] = Command("DOM.getContentQuads")
DOM_GET_FRAME_OWNER: Command[GetFrameOwnerParameters, GetFrameOwnerReturns] = Command("DOM.getFrameOwner")
DOM_RESOLVE_NODE: Command[ResolveNodeParameters, ResolveNodeReturns] = Command("DOM.resolveNode")
DOM_SET_FILE_INPUT_FILES: Command[SetFileInputFilesParameters, Nothing] = Command("DOM.setFileInputFiles")
DOM_SNAPSHOT_CAPTURE_SNAPSHOT: Command[CaptureSnapshotParameters, CaptureSnapshotReturns] = Command(
    "DOMSnapshot.captureSnapshot"
)
EMULATION_CLEAR_GEOLOCATION_OVERRIDE: Command[Nothing, Nothing] = Command("Emulation.clearGeolocationOverride")
EMULATION_SET_DEVICE_METRICS_OVERRIDE: Command[SetDeviceMetricsOverrideParameters, Nothing] = Command(
    "Emulation.setDeviceMetricsOverride"
)
EMULATION_SET_EMULATED_MEDIA: Command[SetEmulatedMediaParameters, Nothing] = Command("Emulation.setEmulatedMedia")
EMULATION_SET_FOCUS_EMULATION_ENABLED: Command[SetFocusEmulationEnabledParameters, Nothing] = Command(
    "Emulation.setFocusEmulationEnabled"
)
EMULATION_SET_GEOLOCATION_OVERRIDE: Command[SetGeolocationOverrideParameters, Nothing] = Command(
    "Emulation.setGeolocationOverride"
)
EMULATION_SET_LOCALE_OVERRIDE: Command[SetLocaleOverrideParameters, Nothing] = Command("Emulation.setLocaleOverride")
EMULATION_SET_TIMEZONE_OVERRIDE: Command[SetTimezoneOverrideParameters, Nothing] = Command(
    "Emulation.setTimezoneOverride"
)
EMULATION_SET_TOUCH_EMULATION_ENABLED: Command[SetTouchEmulationEnabledParameters, Nothing] = Command(
    "Emulation.setTouchEmulationEnabled"
)
EMULATION_SET_USER_AGENT_OVERRIDE: Command[SetUserAgentOverrideParameters, Nothing] = Command(
    "Emulation.setUserAgentOverride"
)
FETCH_CONTINUE_REQUEST: Command[ContinueRequestParameters, Nothing] = Command("Fetch.continueRequest")
FETCH_CONTINUE_RESPONSE: Command[ContinueResponseParameters, Nothing] = Command("Fetch.continueResponse")
FETCH_CONTINUE_WITH_AUTH: Command[ContinueWithAuthParameters, Nothing] = Command("Fetch.continueWithAuth")
FETCH_DISABLE: Command[Nothing, Nothing] = Command("Fetch.disable")
FETCH_ENABLE: Command[FetchEnableParameters, Nothing] = Command("Fetch.enable")
FETCH_FAIL_REQUEST: Command[FailRequestParameters, Nothing] = Command("Fetch.failRequest")
FETCH_FULFILL_REQUEST: Command[FulfillRequestParameters, Nothing] = Command("Fetch.fulfillRequest")
FETCH_GET_RESPONSE_BODY: Command[FetchGetResponseBodyParameters, FetchGetResponseBodyReturns] = Command(
    "Fetch.getResponseBody"
)
INPUT_DISPATCH_DRAG_EVENT: Command[DispatchDragEventParameters, Nothing] = Command("Input.dispatchDragEvent")
INPUT_DISPATCH_KEY_EVENT: Command[DispatchKeyEventParameters, Nothing] = Command("Input.dispatchKeyEvent")
INPUT_DISPATCH_MOUSE_EVENT: Command[DispatchMouseEventParameters, Nothing] = Command("Input.dispatchMouseEvent")
INPUT_INSERT_TEXT: Command[InsertTextParameters, Nothing] = Command("Input.insertText")
INPUT_SET_INTERCEPT_DRAGS: Command[SetInterceptDragsParameters, Nothing] = Command("Input.setInterceptDrags")
LOG_ENABLE: Command[Nothing, Nothing] = Command("Log.enable")
NETWORK_EMULATE_NETWORK_CONDITIONS: Command[EmulateNetworkConditionsParameters, Nothing] = Command(
    "Network.emulateNetworkConditions"
)
NETWORK_ENABLE: Command[NetworkEnableParameters, Nothing] = Command("Network.enable")
NETWORK_GET_RESPONSE_BODY: Command[GetResponseBodyParameters, GetResponseBodyReturns] = Command(
    "Network.getResponseBody"
)
NETWORK_SET_BYPASS_SERVICE_WORKER: Command[SetBypassServiceWorkerParameters, Nothing] = Command(
    "Network.setBypassServiceWorker"
)
NETWORK_SET_EXTRA_HTTP_HEADERS: Command[SetExtraHTTPHeadersParameters, Nothing] = Command("Network.setExtraHTTPHeaders")
NETWORK_SET_USER_AGENT_OVERRIDE: Command[NetworkSetUserAgentOverrideParameters, Nothing] = Command(
    "Network.setUserAgentOverride"
)
PAGE_ADD_SCRIPT_TO_EVALUATE_ON_NEW_DOCUMENT: Command[
    AddScriptToEvaluateOnNewDocumentParameters, AddScriptToEvaluateOnNewDocumentReturns
] = Command("Page.addScriptToEvaluateOnNewDocument")
PAGE_BRING_TO_FRONT: Command[Nothing, Nothing] = Command("Page.bringToFront")
PAGE_CAPTURE_SCREENSHOT: Command[CaptureScreenshotParameters, CaptureScreenshotReturns] = Command(
    "Page.captureScreenshot"
)
PAGE_CLOSE: Command[Nothing, Nothing] = Command("Page.close")
PAGE_CREATE_ISOLATED_WORLD: Command[CreateIsolatedWorldParameters, CreateIsolatedWorldReturns] = Command(
    "Page.createIsolatedWorld"
)
PAGE_ENABLE: Command[PageEnableParameters, Nothing] = Command("Page.enable")
PAGE_GET_FRAME_TREE: Command[Nothing, GetFrameTreeReturns] = Command("Page.getFrameTree")
PAGE_GET_LAYOUT_METRICS: Command[Nothing, GetLayoutMetricsReturns] = Command("Page.getLayoutMetrics")
PAGE_GET_NAVIGATION_HISTORY: Command[Nothing, GetNavigationHistoryReturns] = Command("Page.getNavigationHistory")
PAGE_HANDLE_JAVASCRIPT_DIALOG: Command[HandleJavaScriptDialogParameters, Nothing] = Command(
    "Page.handleJavaScriptDialog"
)
PAGE_NAVIGATE: Command[NavigateParameters, NavigateReturns] = Command("Page.navigate")
PAGE_NAVIGATE_TO_HISTORY_ENTRY: Command[NavigateToHistoryEntryParameters, Nothing] = Command(
    "Page.navigateToHistoryEntry"
)
PAGE_PRINT_TO_PDF: Command[Any, Any] = Command("Page.printToPDF")
PAGE_RELOAD: Command[ReloadParameters, Nothing] = Command("Page.reload")
PAGE_SCREENCAST_FRAME_ACK: Command[ScreencastFrameAckParameters, Nothing] = Command("Page.screencastFrameAck")
PAGE_SET_INTERCEPT_FILE_CHOOSER_DIALOG: Command[SetInterceptFileChooserDialogParameters, Nothing] = Command(
    "Page.setInterceptFileChooserDialog"
)
PAGE_SET_LIFECYCLE_EVENTS_ENABLED: Command[SetLifecycleEventsEnabledParameters, Nothing] = Command(
    "Page.setLifecycleEventsEnabled"
)
PAGE_START_SCREENCAST: Command[StartScreencastParameters, Nothing] = Command("Page.startScreencast")
PAGE_STOP_SCREENCAST: Command[Nothing, Nothing] = Command("Page.stopScreencast")
PAGE_STOP_LOADING: Command[Nothing, Nothing] = Command("Page.stopLoading")
RUNTIME_ADD_BINDING: Command[AddBindingParameters, Nothing] = Command("Runtime.addBinding")
RUNTIME_CALL_FUNCTION_ON: Command[CallFunctionOnParameters, CallFunctionOnReturns] = Command("Runtime.callFunctionOn")
RUNTIME_ENABLE: Command[Nothing, Nothing] = Command("Runtime.enable")
RUNTIME_EVALUATE: Command[EvaluateParameters, EvaluateReturns] = Command("Runtime.evaluate")
RUNTIME_GET_PROPERTIES: Command[GetPropertiesParameters, GetPropertiesReturns] = Command("Runtime.getProperties")
RUNTIME_RELEASE_OBJECT: Command[ReleaseObjectParameters, Nothing] = Command("Runtime.releaseObject")
RUNTIME_RELEASE_OBJECT_GROUP: Command[ReleaseObjectGroupParameters, Nothing] = Command("Runtime.releaseObjectGroup")
RUNTIME_RUN_IF_WAITING_FOR_DEBUGGER: Command[Nothing, Nothing] = Command("Runtime.runIfWaitingForDebugger")
RUNTIME_TERMINATE_EXECUTION: Command[Nothing, Nothing] = Command("Runtime.terminateExecution")
STORAGE_GET_COOKIES: Command[GetCookiesParameters, GetCookiesReturns] = Command("Storage.getCookies")
STORAGE_SET_COOKIES: Command[SetCookiesParameters, Nothing] = Command("Storage.setCookies")
TARGET_ACTIVATE_TARGET: Command[ActivateTargetParameters, Nothing] = Command("Target.activateTarget")
TARGET_ATTACH_TO_TARGET: Command[AttachToTargetParameters, AttachToTargetReturns] = Command("Target.attachToTarget")
TARGET_CLOSE_TARGET: Command[CloseTargetParameters, CloseTargetReturns] = Command("Target.closeTarget")
TARGET_CREATE_BROWSER_CONTEXT: Command[CreateBrowserContextParameters, CreateBrowserContextReturns] = Command(
    "Target.createBrowserContext"
)
TARGET_CREATE_TARGET: Command[CreateTargetParameters, CreateTargetReturns] = Command("Target.createTarget")
TARGET_DETACH_FROM_TARGET: Command[DetachFromTargetParameters, Nothing] = Command("Target.detachFromTarget")
TARGET_DISPOSE_BROWSER_CONTEXT: Command[DisposeBrowserContextParameters, Nothing] = Command(
    "Target.disposeBrowserContext"
)
TARGET_GET_TARGETS: Command[GetTargetsParameters, GetTargetsReturns] = Command("Target.getTargets")
TARGET_SET_AUTO_ATTACH: Command[SetAutoAttachParameters, Nothing] = Command("Target.setAutoAttach")
TARGET_SET_DISCOVER_TARGETS: Command[SetDiscoverTargetsParameters, Nothing] = Command("Target.setDiscoverTargets")
