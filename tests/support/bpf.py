"""An interpreter for seccomp filters: what the kernel would answer, found out without a kernel.

Knows the classic BPF instructions that a seccomp filter may hold. Knows no policy.
Source: seccomp(2); linux/filter.h, linux/bpf_common.h
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

_INSTRUCTION = struct.Struct("=HBBI")
_DATA = struct.Struct("=IIQ6Q")


class _Code(IntEnum):
    LOAD_WORD = 0x20
    RETURN = 0x06
    AND = 0x54
    JUMP = 0x05
    IF_EQUAL = 0x15
    IF_GREATER = 0x25
    IF_AT_LEAST = 0x35
    IF_ANY_BIT = 0x45


class Action(IntEnum):
    """What becomes of a call. Of two filters the smaller (as a signed number) counts."""

    KILL_PROCESS = -0x80000000
    KILL_THREAD = 0
    TRAP = 0x30000
    ERRNO = 0x50000
    ALLOW = 0x7FFF0000


@dataclass(frozen=True, slots=True)
class Verdict:
    """The action, and with ERRNO the number of the error."""

    action: Action
    error: int = 0

    @property
    def allows(self) -> bool:
        return self.action is Action.ALLOW


@dataclass(frozen=True, slots=True)
class Call:
    """A system call as a filter sees it; `architecture` is the audit number."""

    number: int
    arguments: Sequence[int]
    architecture: int


class NotAFilter(Exception):
    """The bytes are no program that a kernel would take."""


def run(program: bytes, call: Call) -> Verdict:
    """Return what one filter says to a call.

    Raises:
        NotAFilter: It has an instruction that seccomp does not allow, or runs past its end.
    """
    padded = [argument & 0xFFFFFFFFFFFFFFFF for argument in (*call.arguments, 0, 0, 0, 0, 0, 0)[:6]]
    data = _DATA.pack(call.number & 0xFFFFFFFF, call.architecture, 0, *padded)
    accumulator = position = 0
    while True:
        if not 0 <= position * _INSTRUCTION.size < len(program):
            raise NotAFilter(f"it runs past its end, at {position}")
        code, if_true, if_false, constant = _INSTRUCTION.unpack_from(program, position * _INSTRUCTION.size)
        position += 1
        match code:
            case _Code.LOAD_WORD:
                (accumulator,) = struct.unpack_from("=I", data, constant)
            case _Code.RETURN:
                return _verdict(constant)
            case _Code.AND:
                accumulator &= constant
            case _Code.JUMP:
                position += constant
            case _:
                position += if_true if _holds(code, accumulator, constant) else if_false


def run_all(programs: Sequence[bytes], call: Call) -> Verdict:
    """Return what filters say together, installed in this order: the sternest, among equals the one installed last."""
    return min(reversed([run(program, call) for program in programs]), key=lambda verdict: verdict.action)


def _holds(code: int, accumulator: int, constant: int) -> bool:
    match code:
        case _Code.IF_EQUAL:
            return accumulator == constant
        case _Code.IF_GREATER:
            return accumulator > constant
        case _Code.IF_AT_LEAST:
            return accumulator >= constant
        case _Code.IF_ANY_BIT:
            return accumulator & constant != 0
        case _:
            raise NotAFilter(f"instruction {code:#x}")


def _verdict(value: int) -> Verdict:
    action = value & 0xFFFF0000
    return Verdict(Action(action - (1 << 32) if action >> 31 else action), value & 0xFFFF)
