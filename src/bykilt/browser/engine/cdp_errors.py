"""From errors of the protocol client to errors of the contract. Knows both vocabularies and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bykilt.browser.cdp.errors import CommandTimeout, ConnectionClosed, ProtocolError, SessionClosed, TargetCrashed
from bykilt.browser.cdp.frame_manager import FrameGone
from bykilt.browser.cdp.realms import JavaScriptError, RealmLost, UnserializableValue
from bykilt.browser.engine.errors import (
    ActionError,
    ActionTimeout,
    BrowserGone,
    FrameDetached,
    InvalidSelector,
    NotJson,
    PageClosed,
    PageCrashed,
    ScriptFailed,
)
from bykilt.browser.engine.progress import Progress

_INVALID_SELECTOR = "bykilt:invalid-selector:"


@contextmanager
def translated(why_gone: Callable[[], str], progress: Progress, page: str) -> Iterator[None]:
    """Turn what the protocol client raises inside into an `ActionError`; `page` is the one that is worked on."""
    try:
        yield
    except TargetCrashed as error:
        raise PageCrashed(page) from error
    except SessionClosed as error:
        raise PageClosed(page) from error
    except ConnectionClosed as error:
        raise BrowserGone(why_gone()) from error
    except CommandTimeout as error:
        raise ActionTimeout(f"the browser's answer to {error.method}", progress.waited_s) from error
    except FrameGone as error:
        raise FrameDetached(error.message, progress.waited_s) from error
    except RealmLost as error:
        raise ScriptFailed("the page navigated away while the script ran") from error
    except UnserializableValue as error:
        raise NotJson(error.message) from error
    except JavaScriptError as error:
        raise script_error(error) from error
    except ProtocolError as error:
        raise ActionError(error.message, hint="the browser refused a command of the engine") from error


def script_error(error: JavaScriptError) -> ActionError:
    """Return the contract's error for something that JavaScript threw."""
    _, marked, reason = error.message.partition(_INVALID_SELECTOR)
    if marked:
        return InvalidSelector(reason.strip(), field="selector", hint="see the reference of selectors")
    return ScriptFailed(error.message, stack=error.stack)
