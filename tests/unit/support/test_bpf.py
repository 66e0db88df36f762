"""The interpreter that the seccomp filters are tested with says what a kernel would say."""

import struct

import pytest

from tests.support.bpf import Action, Call, NotAFilter, Verdict, run, run_all

ALLOW, ERRNO, KILL = 0x7FFF0000, 0x50000, 0x80000000


def _program(*instructions: tuple[int, int, int, int]) -> bytes:
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in instructions)


def _always(value: int) -> bytes:
    return _program((0x06, 0, 0, value))


def test_a_program_reads_the_number_and_jumps() -> None:
    program = _program((0x20, 0, 0, 0), (0x15, 0, 1, 39), (0x06, 0, 0, ERRNO | 13), (0x06, 0, 0, ALLOW))
    assert run(program, Call(39, (), 0)) == Verdict(Action.ERRNO, 13)
    assert run(program, Call(40, (), 0)).allows


def test_both_halves_of_an_argument_are_there() -> None:
    low, high = 16 + 8, 16 + 8 + 4  # of the second argument
    for offset, argument in ((low, 0x00000000_00000005), (high, 0x00000005_00000000)):
        program = _program(
            (0x20, 0, 0, offset), (0x54, 0, 0, 0xFF), (0x15, 0, 1, 5), (0x06, 0, 0, 0), (0x06, 0, 0, ALLOW)
        )
        assert run(program, Call(0, (0, argument), 0)).action is Action.KILL_THREAD
        assert run(program, Call(0, (argument, 0), 0)).allows


def test_the_sternest_of_several_counts_and_among_errors_the_last() -> None:
    call = Call(0, (), 0)
    assert run_all([_always(ALLOW), _always(ERRNO | 1)], call) == Verdict(Action.ERRNO, 1)
    assert run_all([_always(ERRNO | 1), _always(ALLOW)], call) == Verdict(Action.ERRNO, 1)
    assert run_all([_always(ERRNO | 38), _always(ERRNO | 1)], call) == Verdict(Action.ERRNO, 1)
    assert run_all([_always(KILL), _always(ERRNO | 1)], call).action is Action.KILL_PROCESS


@pytest.mark.parametrize("program", [b"", _program((0x20, 0, 0, 0)), _program((0x07, 0, 0, 0), (0x06, 0, 0, 0))])
def test_what_is_no_filter_is_refused(program: bytes) -> None:
    with pytest.raises(NotAFilter):
        run(program, Call(0, (), 0))
