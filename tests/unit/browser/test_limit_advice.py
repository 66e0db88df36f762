"""What a failed step says of the sandbox's limits: which one, and what to change."""

from __future__ import annotations

from bykilt.browser.engine.errors import ElementNotFound, PageCrashed, ScriptFailed
from bykilt.browser.engine.limit_advice import explain_by_limits, explain_by_own_memory
from bykilt.browser.sandbox.profile import MIB, SandboxLimits

LIMITS = SandboxLimits(memory_bytes=1536 * MIB, processes=400, home_bytes=100 * MIB)


def test_a_crash_names_every_limit_that_may_have_caused_it() -> None:
    error = PageCrashed("page@1")

    assert explain_by_limits(error, {"memory": 2, "processes": 1, "cpu": 9}, LIMITS)

    assert str(error) == (
        "the renderer of page page@1 crashed; the sandbox's memory limit of 1536 MiB"
        " and its limit of 400 processes and threads was hit"
    )
    assert error.hint.startswith("raise limits.memory_mib or limits.processes in the sandbox profile")


def test_a_script_that_failed_is_told_of_room_alone() -> None:
    """No script throws because another renderer was ended."""
    error = ScriptFailed("QuotaExceededError")
    assert not explain_by_limits(error, {"memory": 1}, LIMITS)

    assert explain_by_limits(error, {"memory": 1, "home": 1}, LIMITS)

    assert str(error) == "QuotaExceededError; the sandbox's limit of 100 MiB for what pages store was hit"


def test_where_nobody_counts_a_crash_names_what_each_process_may_have() -> None:
    error, other = PageCrashed("page@1"), ScriptFailed("x")

    explain_by_own_memory(error, LIMITS)
    explain_by_own_memory(other, LIMITS)

    assert "each process may have 1536 MiB at most" in error.hint
    assert "MiB" not in other.hint


def test_an_error_that_no_limit_causes_stays_as_it_is() -> None:
    error = ElementNotFound("#x", 1.0)
    before = str(error), error.hint

    assert not explain_by_limits(error, {"memory": 1, "home": 1}, LIMITS)

    assert (str(error), error.hint) == before
