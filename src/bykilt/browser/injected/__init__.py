"""The JavaScript that both engines run in a world of its own beside the page: selectors, visibility, reading, forms.

Knows which scripts there are, in which order they go, and how to wrap them. Does not know any engine, and does not
know what the scripts do: each says so itself, and installs one frozen object on `globalThis` when it is evaluated.
Evaluating one twice does nothing the second time.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

# A script uses those before it.
NAMES = ("tree", "visibility", "css", "text", "roles", "names", "selectors")


@cache
def source(*names: str) -> str:
    """Return the text of the named scripts, joined in the order given; of all when none is named."""
    folder = resources.files(__name__)
    return "\n".join((folder / f"{name}.js").read_text(encoding="utf-8") for name in names or NAMES)


def playwright_selector_engine(all_matches: bool) -> str:
    """Return the script of a Playwright selector engine; its selectors are JSON lists of alternatives.

    With `all_matches` it yields every match, else only the one to act on. Register it with `content_script=True`:
    Playwright then evaluates it once per frame in its own world, where the scripts stay on `globalThis`.
    """
    every = "queryAll(root, selector) { return globalThis.bykiltSelectors.queryAll(root, selector); }"
    one = (
        "queryAll(root, selector) { const found = globalThis.bykiltSelectors.pick(root, selector);"
        " return found ? [found] : []; }"
    )
    first = "query(root, selector) { return globalThis.bykiltSelectors.pick(root, selector); }"
    return f"(() => {{\n{source()}\nreturn {{ {first}, {every if all_matches else one} }};\n}})()"


def __getattr__(name: str) -> str:
    if name == "BUNDLE":
        return source()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
