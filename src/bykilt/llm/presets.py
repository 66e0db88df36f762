"""Where well-known providers take OpenAI's chat completions. Addresses alone: prices change, so they are the user's.

Sources: each provider's own documentation of its OpenAI-compatible endpoint. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProviderKind(StrEnum):
    """A provider whose address is known."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    DEEPSEEK = "deepseek"
    GROQ = "groq"
    OLLAMA = "ollama"
    VLLM = "vllm"
    LLAMACPP = "llamacpp"


@dataclass(frozen=True, slots=True)
class Preset:
    """An address, and whether it is on this machine, where a program of the user's listens."""

    url: str
    is_private: bool = False


PRESETS = {
    ProviderKind.OPENAI: Preset("https://api.openai.com/v1"),
    ProviderKind.ANTHROPIC: Preset("https://api.anthropic.com/v1"),
    ProviderKind.GEMINI: Preset("https://generativelanguage.googleapis.com/v1beta/openai"),
    ProviderKind.DEEPSEEK: Preset("https://api.deepseek.com/v1"),
    ProviderKind.GROQ: Preset("https://api.groq.com/openai/v1"),
    ProviderKind.OLLAMA: Preset("http://127.0.0.1:11434/v1", is_private=True),
    ProviderKind.VLLM: Preset("http://127.0.0.1:8000/v1", is_private=True),
    ProviderKind.LLAMACPP: Preset("http://127.0.0.1:8080/v1", is_private=True),
}
