"""Models run by llama.cpp's own library, called by its C interface. Opens no socket.

Knows the functions and structures of exactly the library that is locked (`llama-cpp-py-sync`, of whose Python only the
maker of grammars is used). Its structures change with its version: their sizes are of this one alone.

Source: include/llama.h of llama.cpp at commit 0ce8cd11416c8840498e6701bcbe39ad4b858c2b
"""

from __future__ import annotations

import codecs
import ctypes
import importlib.util
from collections.abc import Callable, Sequence
from ctypes import POINTER, Structure, c_bool, c_char_p, c_float, c_int32, c_size_t, c_uint32, c_void_p
from typing import Any

from bykilt.llm.worker.engine import BATCH_TOKENS, Decoder, RefusedCall, Sampler

FOLDER = "/opt/llm/llama_cpp_py_sync"
_ABORTED = 2
_PIECE_BYTES = 256
_AbortCallback = ctypes.CFUNCTYPE(c_bool, c_void_p)
_LogCallback = ctypes.CFUNCTYPE(None, ctypes.c_int, c_char_p, c_void_p)


class _ModelParams(Structure):
    _fields_ = [
        ("devices", c_void_p), ("tensor_buft_overrides", c_void_p), ("n_gpu_layers", c_int32), ("split_mode", c_int32),
        ("load_mode", c_int32), ("lazy_mode", c_int32), ("main_gpu", c_int32), ("tensor_split", c_void_p),
        ("progress_callback", c_void_p), ("progress_callback_user_data", c_void_p), ("kv_overrides", c_void_p),
        ("vocab_only", c_bool), ("check_tensors", c_bool), ("use_extra_bufts", c_bool), ("no_host", c_bool),
        ("no_alloc", c_bool), ("load_mtp", c_bool),
    ]  # fmt: skip


class _ContextParams(Structure):
    _fields_ = [
        ("n_ctx", c_uint32), ("n_batch", c_uint32), ("n_ubatch", c_uint32), ("n_seq_max", c_uint32),
        ("n_rs_seq", c_uint32), ("n_outputs_max", c_uint32), ("n_outputs_max_per_seq", c_uint32),
        ("n_threads", c_int32), ("n_threads_batch", c_int32), ("ctx_type", c_int32), ("rope_scaling_type", c_int32),
        ("pooling_type", c_int32), ("attention_type", c_int32), ("flash_attn_type", c_int32),
        ("rope_freq_base", c_float), ("rope_freq_scale", c_float), ("yarn_ext_factor", c_float),
        ("yarn_attn_factor", c_float), ("yarn_beta_fast", c_float), ("yarn_beta_slow", c_float),
        ("yarn_orig_ctx", c_uint32), ("defrag_thold", c_float), ("cb_eval", c_void_p), ("cb_eval_user_data", c_void_p),
        ("type_k", c_int32), ("type_v", c_int32), ("moe_cache_size", c_size_t), ("abort_callback", _AbortCallback),
        ("abort_callback_data", c_void_p), ("embeddings", c_bool), ("offload_kqv", c_bool), ("no_perf", c_bool),
        ("op_offload", c_bool), ("swa_full", c_bool), ("kv_unified", c_bool), ("samplers", c_void_p),
        ("n_samplers", c_size_t), ("ctx_other", c_void_p),
    ]  # fmt: skip


class _Batch(Structure):
    _fields_ = [
        ("n_tokens", c_int32), ("token", c_void_p), ("embd", c_void_p), ("pos", c_void_p), ("n_seq_id", c_void_p),
        ("seq_id", c_void_p), ("logits", c_void_p),
    ]  # fmt: skip


class _ChatMessage(Structure):
    _fields_ = [("role", c_char_p), ("content", c_char_p)]


class _ChainParams(Structure):
    _fields_ = [("no_perf", c_bool)]


_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "llama_model_default_params": (_ModelParams, []),
    "llama_context_default_params": (_ContextParams, []),
    "llama_sampler_chain_default_params": (_ChainParams, []),
    "llama_log_set": (None, [_LogCallback, c_void_p]),
    "llama_model_load_from_file": (c_void_p, [c_char_p, _ModelParams]),
    "llama_init_from_model": (c_void_p, [c_void_p, _ContextParams]),
    "llama_model_get_vocab": (c_void_p, [c_void_p]),
    "llama_model_chat_template": (c_char_p, [c_void_p, c_char_p]),
    "llama_chat_apply_template": (c_int32, [c_char_p, POINTER(_ChatMessage), c_size_t, c_bool, c_char_p, c_int32]),
    "llama_tokenize": (c_int32, [c_void_p, c_char_p, c_int32, POINTER(c_int32), c_int32, c_bool, c_bool]),
    "llama_token_to_piece": (c_int32, [c_void_p, c_int32, c_char_p, c_int32, c_int32, c_bool]),
    "llama_vocab_is_eog": (c_bool, [c_void_p, c_int32]),
    "llama_get_memory": (c_void_p, [c_void_p]),
    "llama_memory_seq_rm": (c_bool, [c_void_p, c_int32, c_int32, c_int32]),
    "llama_memory_clear": (None, [c_void_p, c_bool]),
    "llama_batch_get_one": (_Batch, [POINTER(c_int32), c_int32]),
    "llama_decode": (c_int32, [c_void_p, _Batch]),
    "llama_sampler_chain_init": (c_void_p, [_ChainParams]),
    "llama_sampler_chain_add": (None, [c_void_p, c_void_p]),
    "llama_sampler_init_greedy": (c_void_p, []),
    "llama_sampler_init_top_k": (c_void_p, [c_int32]),
    "llama_sampler_init_top_p": (c_void_p, [c_float, c_size_t]),
    "llama_sampler_init_temp": (c_void_p, [c_float]),
    "llama_sampler_init_dist": (c_void_p, [c_uint32]),
    "llama_sampler_init_grammar": (c_void_p, [c_void_p, c_char_p, c_char_p]),
    "llama_sampler_sample": (c_int32, [c_void_p, c_void_p, c_int32]),
    "llama_sampler_free": (None, [c_void_p]),
}


class LlamaLibrary:
    """An `Engine`."""

    def __init__(self, path: str, context_tokens: int) -> None:
        """Load the library and a model.

        Raises:
            OSError, RuntimeError: One of them cannot be loaded.
        """
        self._c = _library()
        self._grammar_of = _maker_of_grammars()
        self._is_cancelled = False
        self._chain: int | None = None
        # Whatever C keeps a pointer to has to be kept here.
        self._abort = _AbortCallback(lambda _: self._is_cancelled)
        self._log = _LogCallback(lambda level, text, data: None)
        self._c.llama_log_set(self._log, None)
        self._model = self._c.llama_model_load_from_file(path.encode(), self._c.llama_model_default_params())
        if not self._model:
            raise RuntimeError(f"Failed to load model from file: {path}")
        settings = self._c.llama_context_default_params()
        settings.n_ctx, settings.n_batch = context_tokens, BATCH_TOKENS
        settings.n_threads = settings.n_threads_batch = 1
        settings.abort_callback = self._abort
        self._context = self._c.llama_init_from_model(self._model, settings)
        if not self._context:
            raise RuntimeError("the model's memory could not be made")
        self._vocabulary = self._c.llama_model_get_vocab(self._model)
        self._memory = self._c.llama_get_memory(self._context)
        self.template = (self._c.llama_model_chat_template(self._model, None) or b"").decode("utf-8", "replace")

    def tokens(self, text: str, *, begins: bool, reads_marks: bool) -> list[int]:
        encoded = text.encode("utf-8", "replace")
        room = (c_int32 * (len(encoded) + 8))()
        count = self._c.llama_tokenize(self._vocabulary, encoded, len(encoded), room, len(room), begins, reads_marks)
        if count < 0:
            raise RefusedCall("bad_call", "the prompt cannot be made into tokens")
        return list(room[:count])

    def filled(self, messages: Sequence[dict[str, str]]) -> str:
        told = (_ChatMessage * len(messages))(
            *(_ChatMessage(one["role"].encode(), one["content"].encode("utf-8", "replace")) for one in messages)
        )
        room = ctypes.create_string_buffer(4096 + 2 * sum(len(one["content"].encode()) for one in messages))
        size = self._c.llama_chat_apply_template(self.template.encode(), told, len(told), True, room, len(room))
        if not 0 <= size <= len(room):
            raise ValueError("llama.cpp does not know this chat template")
        return room.raw[:size].decode("utf-8", "replace")

    def is_end(self, token: int) -> bool:
        return bool(self._c.llama_vocab_is_eog(self._vocabulary, token))

    def decoder(self) -> Decoder:
        return _Decoder(self._piece)

    def sampler(self, schema: Any, temperature: float, seed: int) -> Sampler:
        c = self._c
        grammar = self._grammar(schema) if schema is not None else None
        if self._chain is not None:
            c.llama_sampler_free(self._chain)
        self._chain = chain = c.llama_sampler_chain_init(c.llama_sampler_chain_default_params())
        if grammar is not None:
            c.llama_sampler_chain_add(chain, grammar)
        if temperature <= 0:
            c.llama_sampler_chain_add(chain, c.llama_sampler_init_greedy())
        else:
            c.llama_sampler_chain_add(chain, c.llama_sampler_init_top_k(40))
            c.llama_sampler_chain_add(chain, c.llama_sampler_init_top_p(0.95, 1))
            c.llama_sampler_chain_add(chain, c.llama_sampler_init_temp(temperature))
            c.llama_sampler_chain_add(chain, c.llama_sampler_init_dist(seed))
        return _Sampler(c, chain, self._context)

    def read(self, tokens: Sequence[int], at: int) -> None:
        block = (c_int32 * len(tokens))(*tokens)
        code = self._c.llama_decode(self._context, self._c.llama_batch_get_one(block, len(tokens)))
        if code == _ABORTED:
            raise InterruptedError
        if code != 0:
            raise RefusedCall("failed", f"the model could not go on ({code})")

    def forget(self, keep: int) -> bool:
        if keep and self._c.llama_memory_seq_rm(self._memory, 0, keep, -1):
            return True
        self._c.llama_memory_clear(self._memory, True)
        return keep == 0

    def cancel(self, is_cancelled: bool) -> None:
        self._is_cancelled = is_cancelled

    def _grammar(self, schema: Any) -> int:
        try:
            rules = self._grammar_of({"type": "json_schema", "json_schema": {"schema": schema}})
        except (LookupError, RecursionError, TypeError, ValueError) as error:
            raise RefusedCall("bad_schema", f"no grammar can be made of this schema: {error}") from error
        made = self._c.llama_sampler_init_grammar(self._vocabulary, str(rules).encode(), b"root")
        if not made:
            raise RefusedCall("bad_schema", "no grammar can be made of this schema")
        return int(made)

    def _piece(self, token: int) -> bytes:
        room = ctypes.create_string_buffer(_PIECE_BYTES)
        size = self._c.llama_token_to_piece(self._vocabulary, token, room, len(room), 0, False)
        return room.raw[: max(0, size)]


class _Decoder:
    def __init__(self, piece: Callable[[int], bytes]) -> None:
        self._piece = piece
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def decode(self, token: int) -> str:
        return self._decoder.decode(self._piece(token))

    def flush(self) -> str:
        return self._decoder.decode(b"", final=True)


class _Sampler:
    def __init__(self, c: ctypes.CDLL, chain: int, context: int) -> None:
        self._c = c
        self._chain = chain
        self._context = context

    def choose(self) -> int:
        return int(self._c.llama_sampler_sample(self._chain, self._context, -1))


def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(f"{FOLDER}/libllama.so.0")
    for name, (result, arguments) in _FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


def _maker_of_grammars() -> Callable[[dict[str, Any]], str | None]:
    """Return the function that makes a grammar of a schema; its package as a whole would want numpy and cffi."""
    described = importlib.util.spec_from_file_location("llama_constraints", f"{FOLDER}/constraints.py")
    if described is None or described.loader is None:
        raise OSError("the maker of grammars is not in the image")
    module = importlib.util.module_from_spec(described)
    described.loader.exec_module(module)
    made: Callable[[dict[str, Any]], str | None] = module.response_format_to_grammar
    return made
