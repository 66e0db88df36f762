"""The list of system calls: every name once, every name with a reason, and its conditions mean what they say."""

from collections import Counter

import pyseccomp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bykilt.browser.sandbox.seccomp_policy import (
    ALLOWED,
    CHECKED,
    LOW_HALF,
    REFUSED,
    Architecture,
    Condition,
    Conditions,
    all_but,
)

NUMBERS = {Architecture.X86_64: pyseccomp.Arch.X86_64, Architecture.AARCH64: pyseccomp.Arch.AARCH64}
# What came after the oldest libseccomp that we build with: there these calls just do not exist.
YOUNG = {
    *[
        "getxattrat",
        "listxattrat",
        "setxattrat",
        "removexattrat",
        "fchmodat2",
        "cachestat",
        "mseal",
        "map_shadow_stack",
    ],
    *["futex_wait", "futex_wake", "futex_requeue", "futex_waitv", "process_mrelease", "memfd_secret", "quotactl_fd"],
    *["open_tree_attr", "statmount", "listmount", "listns", "set_mempolicy_home_node"],
    *["lsm_get_self_attr", "lsm_set_self_attr", "lsm_list_modules"],
}


def test_every_name_stands_once() -> None:
    names = [name for group in (*ALLOWED, *REFUSED) for name in group.names.split()]
    names += [call.name for call in CHECKED]
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_every_name_has_a_reason() -> None:
    assert [group.names for group in (*ALLOWED, *REFUSED) if len(group.reason.split()) < 2] == []
    assert [call.name for call in CHECKED if len(call.reason.split()) < 2] == []


def test_what_is_refused_has_an_error_and_what_is_allowed_has_none() -> None:
    assert all(group.error for group in REFUSED)
    assert not any(group.error for group in ALLOWED)
    assert all(refusal.error for call in CHECKED for refusal in call.refused)


@pytest.mark.parametrize("architecture", Architecture)
def test_every_name_is_a_system_call_of_its_architecture(architecture: Architecture) -> None:
    """A slip of the pen would be a call that is missing, or one that gets by."""
    names = [name for group in (*ALLOWED, *REFUSED) for name in group.names_on(architecture)]
    names += [call.name for call in CHECKED]
    resolved = {name: pyseccomp.resolve_syscall(NUMBERS[architecture], name) for name in names}
    assert {name for name, number in resolved.items() if number < 0} <= YOUNG


def test_a_name_marked_as_of_one_architecture_is_missing_on_the_other() -> None:
    marked = [(group.only, name) for group in (*ALLOWED, *REFUSED) if group.only for name in group.names.split()]
    assert marked
    for only, name in marked:
        others = [number for architecture, number in NUMBERS.items() if architecture is not only]
        assert [pyseccomp.resolve_syscall(number, name) >= 0 for number in others] == [False], name


def test_no_condition_looks_beyond_the_half_that_the_kernel_reads() -> None:
    alternatives: list[Conditions] = [conditions for call in CHECKED for conditions in call.permitted]
    alternatives += [refusal.conditions for call in CHECKED for refusal in call.refused]
    for conditions in alternatives:
        assert all(condition.mask <= LOW_HALF for condition in conditions)
        assert all(condition.value & condition.mask == condition.value for condition in conditions)


@given(
    values=st.sets(st.integers(0, 0xF), min_size=1, max_size=15),
    argument=st.integers(0, 0xFFFF_FFFF_FFFF_FFFF),
)
def test_all_but_a_few_values_leaves_out_those_and_no_other(values: set[int], argument: int) -> None:
    matching = [each for each in all_but(0, *values, mask=0xF) if _holds(each, argument)]
    assert len(matching) == (0 if argument & 0xF in values else 1)


@given(values=st.sets(st.integers(0, LOW_HALF), min_size=1, max_size=6), data=st.data())
def test_all_but_works_over_the_whole_half(values: set[int], data: st.DataObject) -> None:
    near = st.builds(lambda value, bit: value ^ 1 << bit, st.sampled_from(sorted(values)), st.integers(0, 31))
    low = data.draw(st.one_of(st.sampled_from(sorted(values)), near, st.integers(0, LOW_HALF)))
    argument = low | data.draw(st.integers(0, LOW_HALF)) << 32
    matching = [each for each in all_but(0, *values) if _holds(each, argument)]
    assert len(matching) == (0 if low in values else 1)


def _holds(condition: Condition, argument: int) -> bool:
    return argument & condition.mask == condition.value
