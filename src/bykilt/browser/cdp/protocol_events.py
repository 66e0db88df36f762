"""The protocol events that are listened to, typed by cdp-use (for the type checker only, see `commands`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from bykilt.browser.cdp.connection import EventName

if TYPE_CHECKING:
    from cdp_use.cdp.browser.events import DownloadProgressEvent, DownloadWillBeginEvent
    from cdp_use.cdp.fetch.events import AuthRequiredEvent, RequestPausedEvent
    from cdp_use.cdp.input.events import DragInterceptedEvent
    from cdp_use.cdp.inspector.events import TargetCrashedEvent as InspectorCrashedEvent
    from cdp_use.cdp.log.events import EntryAddedEvent
    from cdp_use.cdp.network.events import (
        LoadingFailedEvent,
        LoadingFinishedEvent,
        RequestServedFromCacheEvent,
        RequestWillBeSentEvent,
        ResponseReceivedEvent,
        WebSocketClosedEvent,
        WebSocketCreatedEvent,
        WebSocketFrameReceivedEvent,
        WebSocketFrameSentEvent,
        WebSocketHandshakeResponseReceivedEvent,
    )
    from cdp_use.cdp.page.events import (
        FileChooserOpenedEvent,
        FrameAttachedEvent,
        FrameClearedScheduledNavigationEvent,
        FrameDetachedEvent,
        FrameNavigatedEvent,
        FrameRequestedNavigationEvent,
        FrameScheduledNavigationEvent,
        FrameStartedLoadingEvent,
        FrameStartedNavigatingEvent,
        FrameStoppedLoadingEvent,
        JavascriptDialogClosedEvent,
        JavascriptDialogOpeningEvent,
        LifecycleEventEvent,
        LoadEventFiredEvent,
        NavigatedWithinDocumentEvent,
        ScreencastFrameEvent,
    )
    from cdp_use.cdp.runtime.events import (
        BindingCalledEvent,
        ConsoleAPICalledEvent,
        ExceptionThrownEvent,
        ExecutionContextCreatedEvent,
        ExecutionContextDestroyedEvent,
        ExecutionContextsClearedEvent,
    )
    from cdp_use.cdp.target.events import (
        AttachedToTargetEvent,
        DetachedFromTargetEvent,
        TargetCrashedEvent,
        TargetCreatedEvent,
        TargetDestroyedEvent,
        TargetInfoChangedEvent,
    )

Nothing: TypeAlias = dict[str, Any]

FETCH_AUTH_REQUIRED: EventName[AuthRequiredEvent] = EventName("Fetch.authRequired")
FETCH_REQUEST_PAUSED: EventName[RequestPausedEvent] = EventName("Fetch.requestPaused")
BROWSER_DOWNLOAD_PROGRESS: EventName[DownloadProgressEvent] = EventName("Browser.downloadProgress")
BROWSER_DOWNLOAD_WILL_BEGIN: EventName[DownloadWillBeginEvent] = EventName("Browser.downloadWillBegin")
INPUT_DRAG_INTERCEPTED: EventName[DragInterceptedEvent] = EventName("Input.dragIntercepted")
INSPECTOR_TARGET_CRASHED: EventName[InspectorCrashedEvent] = EventName("Inspector.targetCrashed")
LOG_ENTRY_ADDED: EventName[EntryAddedEvent] = EventName("Log.entryAdded")
NETWORK_LOADING_FAILED: EventName[LoadingFailedEvent] = EventName("Network.loadingFailed")
NETWORK_LOADING_FINISHED: EventName[LoadingFinishedEvent] = EventName("Network.loadingFinished")
NETWORK_REQUEST_SERVED_FROM_CACHE: EventName[RequestServedFromCacheEvent] = EventName("Network.requestServedFromCache")
NETWORK_REQUEST_WILL_BE_SENT: EventName[RequestWillBeSentEvent] = EventName("Network.requestWillBeSent")
NETWORK_RESPONSE_RECEIVED: EventName[ResponseReceivedEvent] = EventName("Network.responseReceived")
NETWORK_WEB_SOCKET_CLOSED: EventName[WebSocketClosedEvent] = EventName("Network.webSocketClosed")
NETWORK_WEB_SOCKET_CREATED: EventName[WebSocketCreatedEvent] = EventName("Network.webSocketCreated")
NETWORK_WEB_SOCKET_FRAME_RECEIVED: EventName[WebSocketFrameReceivedEvent] = EventName("Network.webSocketFrameReceived")
NETWORK_WEB_SOCKET_FRAME_SENT: EventName[WebSocketFrameSentEvent] = EventName("Network.webSocketFrameSent")
NETWORK_WEB_SOCKET_HANDSHAKE_RESPONSE_RECEIVED: EventName[WebSocketHandshakeResponseReceivedEvent] = EventName(
    "Network.webSocketHandshakeResponseReceived"
)
PAGE_FILE_CHOOSER_OPENED: EventName[FileChooserOpenedEvent] = EventName("Page.fileChooserOpened")
PAGE_FRAME_ATTACHED: EventName[FrameAttachedEvent] = EventName("Page.frameAttached")
PAGE_FRAME_CLEARED_SCHEDULED_NAVIGATION: EventName[FrameClearedScheduledNavigationEvent] = EventName(
    "Page.frameClearedScheduledNavigation"
)
PAGE_FRAME_DETACHED: EventName[FrameDetachedEvent] = EventName("Page.frameDetached")
PAGE_FRAME_NAVIGATED: EventName[FrameNavigatedEvent] = EventName("Page.frameNavigated")
PAGE_FRAME_REQUESTED_NAVIGATION: EventName[FrameRequestedNavigationEvent] = EventName("Page.frameRequestedNavigation")
PAGE_FRAME_SCHEDULED_NAVIGATION: EventName[FrameScheduledNavigationEvent] = EventName("Page.frameScheduledNavigation")
PAGE_FRAME_STARTED_LOADING: EventName[FrameStartedLoadingEvent] = EventName("Page.frameStartedLoading")
PAGE_FRAME_STARTED_NAVIGATING: EventName[FrameStartedNavigatingEvent] = EventName("Page.frameStartedNavigating")
PAGE_FRAME_STOPPED_LOADING: EventName[FrameStoppedLoadingEvent] = EventName("Page.frameStoppedLoading")
PAGE_JAVASCRIPT_DIALOG_CLOSED: EventName[JavascriptDialogClosedEvent] = EventName("Page.javascriptDialogClosed")
PAGE_JAVASCRIPT_DIALOG_OPENING: EventName[JavascriptDialogOpeningEvent] = EventName("Page.javascriptDialogOpening")
PAGE_LOAD_EVENT_FIRED: EventName[LoadEventFiredEvent] = EventName("Page.loadEventFired")
PAGE_LIFECYCLE_EVENT: EventName[LifecycleEventEvent] = EventName("Page.lifecycleEvent")
PAGE_NAVIGATED_WITHIN_DOCUMENT: EventName[NavigatedWithinDocumentEvent] = EventName("Page.navigatedWithinDocument")
PAGE_SCREENCAST_FRAME: EventName[ScreencastFrameEvent] = EventName("Page.screencastFrame")
RUNTIME_BINDING_CALLED: EventName[BindingCalledEvent] = EventName("Runtime.bindingCalled")
RUNTIME_CONSOLE_API_CALLED: EventName[ConsoleAPICalledEvent] = EventName("Runtime.consoleAPICalled")
RUNTIME_EXCEPTION_THROWN: EventName[ExceptionThrownEvent] = EventName("Runtime.exceptionThrown")
RUNTIME_EXECUTION_CONTEXTS_CLEARED: EventName[ExecutionContextsClearedEvent] = EventName(
    "Runtime.executionContextsCleared"
)
RUNTIME_EXECUTION_CONTEXT_CREATED: EventName[ExecutionContextCreatedEvent] = EventName(
    "Runtime.executionContextCreated"
)
RUNTIME_EXECUTION_CONTEXT_DESTROYED: EventName[ExecutionContextDestroyedEvent] = EventName(
    "Runtime.executionContextDestroyed"
)
TARGET_ATTACHED_TO_TARGET: EventName[AttachedToTargetEvent] = EventName("Target.attachedToTarget")
TARGET_DETACHED_FROM_TARGET: EventName[DetachedFromTargetEvent] = EventName("Target.detachedFromTarget")
TARGET_TARGET_CRASHED: EventName[TargetCrashedEvent] = EventName("Target.targetCrashed")
TARGET_TARGET_CREATED: EventName[TargetCreatedEvent] = EventName("Target.targetCreated")
TARGET_TARGET_DESTROYED: EventName[TargetDestroyedEvent] = EventName("Target.targetDestroyed")
TARGET_TARGET_INFO_CHANGED: EventName[TargetInfoChangedEvent] = EventName("Target.targetInfoChanged")
