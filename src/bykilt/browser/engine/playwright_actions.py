"""Which handler carries out which action on the Playwright engine."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

from bykilt.browser.engine import actions, playwright_evidence, playwright_network
from bykilt.browser.engine.actions import Action, HandleDialog
from bykilt.browser.engine.browser_engine import ActionOutput
from bykilt.browser.engine.dialogs import handle_dialog
from bykilt.browser.engine.playwright_cookies import HANDLERS as COOKIES
from bykilt.browser.engine.playwright_documents import (
    close_tab,
    evaluate_js,
    extract,
    go_back,
    go_forward,
    navigate,
    new_tab,
    reload,
    switch_tab,
    wait_for,
)
from bykilt.browser.engine.playwright_emulation import HANDLERS as EMULATION
from bykilt.browser.engine.playwright_files import HANDLERS as FILES
from bykilt.browser.engine.playwright_forms import (
    fill,
    focus,
    key_down,
    key_up,
    press,
    select_option,
    type_text,
)
from bykilt.browser.engine.playwright_pictures import screenshot
from bykilt.browser.engine.playwright_pointer import check, click, double_click, drag, hover, mouse, scroll, uncheck
from bykilt.browser.engine.playwright_storage import HANDLERS as STORAGE
from bykilt.browser.engine.playwright_uploads import upload
from bykilt.browser.engine.progress import Progress

if TYPE_CHECKING:
    from bykilt.browser.engine.playwright_engine import PlaywrightEngine


async def _handle_dialog(engine: PlaywrightEngine, action: HandleDialog, progress: Progress) -> ActionOutput:
    return await handle_dialog(engine, action, progress)


Handler = Callable[["PlaywrightEngine", Any, Progress], Awaitable[ActionOutput]]

HANDLERS: Mapping[type[Action], Handler] = {
    actions.Navigate: navigate,
    actions.GoBack: go_back,
    actions.GoForward: go_forward,
    actions.Reload: reload,
    actions.Click: click,
    actions.DoubleClick: double_click,
    actions.Hover: hover,
    actions.Focus: focus,
    actions.Fill: fill,
    actions.Type: type_text,
    actions.Press: press,
    actions.KeyDown: key_down,
    actions.KeyUp: key_up,
    actions.Mouse: mouse,
    actions.SelectOption: select_option,
    actions.Check: check,
    actions.Uncheck: uncheck,
    actions.Scroll: scroll,
    actions.Drag: drag,
    actions.FileUpload: upload,
    actions.WaitFor: wait_for,
    actions.EvaluateJs: evaluate_js,
    actions.Extract: extract,
    actions.Screenshot: screenshot,
    actions.NewTab: new_tab,
    actions.SwitchTab: switch_tab,
    actions.CloseTab: close_tab,
    **playwright_network.HANDLERS,
    **FILES,
    **playwright_evidence.HANDLERS,
    **COOKIES,
    **EMULATION,
    **STORAGE,
    actions.HandleDialog: _handle_dialog,
}
