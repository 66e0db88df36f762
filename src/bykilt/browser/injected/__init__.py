"""The JavaScript that both engines run in a world of its own beside the page: selectors, visibility, reading, forms.

Knows which scripts there are, in which order they go, and how to wrap them. Does not know any engine, and does not
know what the scripts do: each says so itself, and installs one frozen object on `globalThis` when it is evaluated.
Evaluating one twice does nothing the second time.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

# A script uses those before it.
NAMES = (
    "tree",
    "visibility",
    "css",
    "text",
    "roles",
    "names",
    "selectors",
    "extract",
    "form_controls",
    "state",
)


@cache
def source(*names: str) -> str:
    """Return the text of the named scripts, joined in the order given; of all when none is named."""
    folder = resources.files(__name__)
    return "\n".join((folder / f"{name}.js").read_text(encoding="utf-8") for name in names or NAMES)


def private_scope() -> str:
    """Return an expression for an object that holds what the scripts install, with nothing left on `globalThis`.

    For a world that is not ours: `(await frame.evaluate(f"({private_scope()}).bykiltExtract.read(document, …)"))`.
    """
    return f"((globalThis) => {{\n{source()}\nreturn globalThis;\n}})({{}})"


def playwright_selector_engine(all_matches: bool) -> str:
    """Return the script of a Playwright selector engine; its selectors are JSON lists of alternatives.

    The one with `all_matches` yields every match, the other only the element to act on. Register both, with
    `content_script=True`: Playwright evaluates them in its own world of every frame (never in the page's), where the
    second uses what the first has installed on `globalThis`.
    """
    if all_matches:
        return (
            "{ query: (root, selector) => globalThis.bykiltSelectors.pick(root, selector),"
            " queryAll: (root, selector) => globalThis.bykiltSelectors.queryAll(root, selector) }"
        )
    return (
        f"(() => {{\n{source()}\n"
        "const query = (root, selector) => globalThis.bykiltSelectors.pick(root, selector);\n"
        "return { query, queryAll: (root, selector) => [query(root, selector)].filter(Boolean) };\n})()"
    )


def __getattr__(name: str) -> str:
    if name == "BUNDLE":
        return source()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
