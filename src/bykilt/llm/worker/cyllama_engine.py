"""Models run by cyllama, which holds llama.cpp in this process and opens no socket.

The only module that knows this library.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from bykilt.llm.worker.engine import BATCH_TOKENS, Decoder, RefusedCall, Sampler


class CyllamaEngine:
    """An `Engine`."""

    def __init__(self, path: str, context_tokens: int) -> None:
        """Load a model.

        Raises:
            OSError, RuntimeError, ValueError: It cannot be loaded.
        """
        from cyllama.llama import llama_cpp as llama
        from cyllama.llama.token_decoder import TokenDecoder

        self._llama = llama
        self._new_decoder = TokenDecoder
        llama.disable_logging()
        llama.ggml_backend_load_all()
        self._model = llama.LlamaModel(path, llama.LlamaModelParams())
        self._vocabulary = self._model.get_vocab()
        self.template = self._model.get_default_chat_template() or ""
        settings = llama.LlamaContextParams()
        settings.n_ctx, settings.n_batch = context_tokens, BATCH_TOKENS
        # More threads than processors of the quota make each token many times dearer: they spin on barriers.
        settings.n_threads = settings.n_threads_batch = 1
        self._context = llama.LlamaContext(self._model, settings)
        self._context.install_cancel_callback()

    def tokens(self, text: str, *, begins: bool, reads_marks: bool) -> list[int]:
        return list(self._vocabulary.tokenize(text, add_special=begins, parse_special=reads_marks))

    def filled(self, messages: Sequence[dict[str, str]]) -> str:
        told = [self._llama.LlamaChatMessage(role=one["role"], content=one["content"]) for one in messages]
        try:
            return str(self._model.chat_apply_template(self.template, told, True))
        except RuntimeError as error:
            raise ValueError(str(error)) from error

    def is_end(self, token: int) -> bool:
        return bool(self._vocabulary.is_eog(token))

    def decoder(self) -> Decoder:
        made: Decoder = self._new_decoder(self._vocabulary)
        return made

    def sampler(self, schema: Any, temperature: float, seed: int) -> Sampler:
        sampler = self._llama.LlamaSampler(self._llama.LlamaSamplerChainParams())
        if schema is not None:
            try:
                grammar = self._llama.json_schema_to_grammar(json.dumps(schema))
                sampler.add_grammar(self._vocabulary, grammar, "root")
            except (AssertionError, LookupError, RecursionError, RuntimeError, TypeError, ValueError) as error:
                raise RefusedCall("bad_schema", f"no grammar can be made of this schema: {error}") from error
        if temperature <= 0:
            sampler.add_greedy()
        else:
            sampler.add_top_k(40)
            sampler.add_top_p(0.95, 1)
            sampler.add_temp(temperature)
            sampler.add_dist(seed)
        return _Sampler(sampler, self._context)

    def read(self, tokens: Sequence[int], at: int) -> None:
        self._context.decode(self._llama.llama_batch_get_one(list(tokens), at))

    def forget(self, keep: int) -> bool:
        if keep and self._context.memory_seq_rm(0, keep, -1):
            return True
        self._context.kv_cache_clear()
        return keep == 0

    def cancel(self, is_cancelled: bool) -> None:
        self._context.cancel = is_cancelled


class _Sampler:
    def __init__(self, sampler: Any, context: Any) -> None:
        self._sampler = sampler
        self._context = context

    def choose(self) -> int:
        return int(self._sampler.sample(self._context, -1))
