"""Hypothesis profiles, and the rule that nothing is skipped in CI."""

import gc
import os
import signal
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING

import hypothesis
import pytest

if TYPE_CHECKING:
    from postgres_server import Schemas

IN_CI = bool(os.environ.get("CI"))

# Reasons, word for word, for which a test may be skipped even in CI.
ALLOWED_SKIPS: frozenset[str] = frozenset(
    {"strace is not installed, or may not trace", "no file system may be mounted here"}
)

hypothesis.settings.register_profile("default", deadline=None, max_examples=100)
hypothesis.settings.register_profile(
    "ci",
    deadline=None,
    max_examples=100,
    derandomize=True,  # a red build is about its own change; nightly runs look for new examples
    print_blob=True,
)
hypothesis.settings.register_profile(
    "nightly",
    deadline=None,
    max_examples=2_000,
    print_blob=True,
)
hypothesis.settings.register_profile(
    "mutants",  # thousands of runs, each of which must end alike when it is repeated
    deadline=None,
    max_examples=30,
    derandomize=True,
    database=None,
)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if IN_CI else "default")
)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    refuse_skip(report)
    return report


def refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn a skip into a failure in CI, unless its reason is an allowed one."""
    if not IN_CI or not report.skipped or hasattr(report, "wasxfail"):
        return
    path, line, reason = skipped_at(report)
    if reason not in ALLOWED_SKIPS:
        report.outcome = "failed"
        report.longrepr = f"{path}:{line}: skipped in CI, where everything must run: {reason}"


def skipped_at(report: pytest.TestReport | pytest.CollectReport) -> tuple[str, int, str]:
    """Return where a report was skipped, and why."""
    if not isinstance(report.longrepr, tuple):
        return report.nodeid, 0, str(report.longrepr)
    path, line, reason = report.longrepr
    return path, line, reason.removeprefix("Skipped: ")


@pytest.fixture(scope="session", autouse=True)
def heard_signals() -> None:
    """Hear the signals that tests send: `nohup` and `&` in a script let processes ignore them."""
    for name, handler in (
        ("SIGINT", signal.default_int_handler),
        ("SIGHUP", signal.SIG_DFL),
        ("SIGTERM", signal.SIG_DFL),
    ):
        number = getattr(signal, name, None)  # no SIGHUP on Windows
        if number is not None and signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(scope="session")
def postgres_schemas() -> Iterator["Schemas"]:
    """Run one PostgreSQL for all tests of a session."""
    from postgres_server import postgres  # noqa: PLC0415 - few tests need its driver

    yield from postgres()


def pytest_collection_finish() -> None:
    """Let no collection walk through 16,000 tests again: many tests collect to find leaks."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None]:
    """Forget what a test kept: pytest keeps its instance, and each collection walks through it."""
    yield
    instance = getattr(item, "instance", None)
    if instance is not None:
        vars(instance).clear()
