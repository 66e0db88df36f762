"""Selectors that reach into closed shadow roots: how to tell that one is meant. Knows no browser."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

ADOPT = "bykiltTree.adopt"
"""The injected function that is to be given a node of every closed root before such a selector is tried."""

SLICE_MS = 250.0
"""For how long a page waits by itself for such a selector: what has a new closed root is not seen without us."""

_PIERCING = re.compile(r"(?:^|>>)\s*pierce=")


def is_piercing(value: object) -> bool:
    """Whether a selector anywhere in what is asked of the page reaches into closed shadow roots."""
    if isinstance(value, str):
        return "pierce=" in value and _PIERCING.search(value) is not None
    if isinstance(value, Mapping):
        return any(is_piercing(each) for each in value.values())
    return isinstance(value, Sequence) and any(is_piercing(each) for each in value)
