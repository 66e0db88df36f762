"""The words of the practice site: complete in both languages, and none too many."""

from __future__ import annotations

import json
import re
from pathlib import Path

import bykilt.practice.pages as pages

FOLDER = Path(pages.__file__).parent
WORDS: dict[str, list[str]] = json.loads((FOLDER / "words.json").read_text(encoding="utf-8"))
TEMPLATES = {path.name: path.read_text(encoding="utf-8") for path in (FOLDER / "pages").glob("*.html")}


def test_every_word_has_both_languages_with_the_same_gaps() -> None:
    for key, (english, japanese) in WORDS.items():
        assert english, key
        assert japanese, key
        assert english.count("{}") == japanese.count("{}"), key


def test_templates_use_only_words_that_are_there() -> None:
    used = {name for text in TEMPLATES.values() for name in re.findall(r"\{\{(\w+)\}\}", text)}

    assert used <= WORDS.keys()


def test_no_word_is_unused() -> None:
    python = (FOLDER / "pages.py").read_text(encoding="utf-8")
    used = {name for text in TEMPLATES.values() for name in re.findall(r"\{\{(\w+)\}\}", text)}
    hints = {f"{key}_hint" for key in WORDS}

    assert {key for key in WORDS if key not in used and f'"{key}"' not in python and key not in hints} == set()


def test_templates_load_nothing_from_elsewhere() -> None:
    for name, text in TEMPLATES.items():
        assert not re.search(r"https?:|//[a-z]", text), name
