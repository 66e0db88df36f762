"""The JavaScript that both engines run in a world of its own beside the page: selectors, visibility, reading, forms.

Knows which scripts there are, in which order they go, and how to wrap them. Does not know any engine, and does not
know what the scripts do: each says so itself, and installs one frozen object on `globalThis` when it is evaluated.
Evaluating one twice does nothing the second time.
"""

from __future__ import annotations

from functools import cache
from importlib import resources

# A script uses those before it. These only look when they are asked.
PASSIVE = (
    "tree",
    "visibility",
    "css",
    "text",
    "roles",
    "names",
    "references",
    "selectors",
    "extract",
    "form_controls",
    "files",
    "state",
    "snapshot",
)
# These listen to the events of their frame from the moment they are evaluated.
NAMES = (*PASSIVE, "pointer", "element_actions")
# Needed by none of them; installed in a document when the trace asks for it.
SNAPSHOT = "dom_snapshot"
# Needs the passive ones; installed in a document when a secret is to go into one of its fields.
SECRETS = "secret_fields"
# Needs nothing; runs in every document where there is something to hide.
COVERS = "covers"


@cache
def source(*names: str) -> str:
    """Return the text of the named scripts, joined in the order given; of all when none is named."""
    folder = resources.files(__name__)
    return "\n".join((folder / f"{name}.js").read_text(encoding="utf-8") for name in names or NAMES)


def private_scope() -> str:
    """Return an expression for an object with the passive scripts' objects, which leaves nothing on `globalThis`.

    For a world that is not ours: `await frame.evaluate(f"({private_scope()}).bykiltExtract.read(document, spec)")`.
    """
    return f"((globalThis) => {{\n{source(*PASSIVE)}\nreturn globalThis;\n}})({{}})"


def playwright_selector_engine(all_matches: bool) -> str:
    """Return the script of a Playwright selector engine; its selectors are JSON lists of alternatives.

    With `all_matches` it yields every match, else only the element to act on. Register it with `content_script=True`:
    Playwright then resolves selectors in its own world of a frame, but for `Locator.evaluate_all` in the page's.
    So the engine leaves nothing on `globalThis`, and compiles when it is first used.
    """
    matches = "selectors().queryAll(root, text)" if all_matches else "[selectors().pick(root, text)].filter(Boolean)"
    return (
        "(() => {\nlet loaded = null;\n"
        f"const load = () => {private_scope()};\n"
        "const selectors = () => (loaded ??= load()).bykiltSelectors;\n"
        f"return {{ query: (root, text) => selectors().pick(root, text), queryAll: (root, text) => {matches} }};\n"
        "})()"
    )


def __getattr__(name: str) -> str:
    if name == "BUNDLE":
        return source()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
