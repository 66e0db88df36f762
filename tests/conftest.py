"""For all tests: the loopback site, and the known deviations from the contract. Knows no test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.expectations import BadExpectations, expect_failures, read_deviations, stale
from tests.support.site import Site
from tests.support.small_disk import run_where_mounting_is_allowed

_ROOT = Path(__file__).resolve().parents[1]

# How long an example takes says nothing: other tests run beside it.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture(scope="session")
def _running_site() -> Iterator[Site]:
    with Site() as running:
        yield running
    assert running.failures == ()


@pytest.fixture
def site(_running_site: Site) -> Iterator[Site]:
    """The loopback site, with nothing seen and nothing set yet."""
    _running_site.forget()
    yield _running_site
    _running_site.forget()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run elsewhere what cannot be run here."""
    return run_where_mounting_is_allowed(pyfuncitem)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(session: pytest.Session, config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the tests of `expectations.toml` fail; refuse an entry that no test answers to."""
    try:
        deviations = read_deviations(_ROOT / "tests" / "expectations.toml")
    except BadExpectations as error:
        raise pytest.UsageError(str(error)) from None
    expect_failures(items, deviations)
    selected = any("::" in argument for argument in config.args)
    whole_files = set() if selected else {item.nodeid.partition("::")[0] for item in items}
    unknown = stale(deviations, items, whole_files, _ROOT)
    if unknown:
        listed = "\n  ".join(str(deviation) for deviation in unknown)
        raise pytest.UsageError(f"expectations.toml speaks of tests that do not exist:\n  {listed}")
