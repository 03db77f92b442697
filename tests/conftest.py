# SPDX-License-Identifier: BSD-3-Clause
"""Shared by all Python tests: the path of the binary, and the laboratory of scripts/lib."""
import os
import signal
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(TOP / "scripts" / "lib"), str(TOP / "tests" / "e2e")]
os.environ["PATH"] = "/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ["PATH"]


def pytest_addoption(parser):
    parser.addoption("--binary", default=os.environ.get("GREMC_BINARY", str(TOP / "build/app/dpdk-gremc/dpdk-gremc")),
                     help="the dpdk-gremc to test")


def interrupt_once(*_):
    """The first signal ends the run as Ctrl-C does: fixtures clean up. A second one must not interrupt that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def pytest_configure(config):
    # scripts/test runs this in the background, where a shell has SIGINT ignored
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt_once)
    config.pluginmanager.register(Completeness())
    config.addinivalue_line("markers", "waits: waits for a minute and more, for timers of others: runs beside the other tests")
    config.addinivalue_line("markers", "sanitizers: beside the smoke test, what the sanitizers run")
    config.addinivalue_line("markers", "smoke: the one test that other builds (sanitizers, other DPDKs) run, too")


class Completeness:
    """A run that ends before all tests have run is no success, even with status 0 (pytest.exit)."""

    def __init__(self):
        self.due = self.ran = 0

    def pytest_collection_finish(self, session):
        self.due = len(session.items)

    def pytest_runtest_logfinish(self):
        self.ran += 1

    def pytest_sessionfinish(self, session, exitstatus):
        if exitstatus == 0 and self.ran < self.due and not session.config.option.collectonly:
            session.exitstatus = pytest.ExitCode.INTERRUPTED


@pytest.fixture(scope="session")
def top():
    return TOP


@pytest.fixture(scope="session")
def binary(request):
    path = Path(request.config.getoption("--binary"))
    if not path.exists():
        pytest.fail(f"{path} does not exist: build it, or name another by --binary", pytrace=False)
    return path


@pytest.fixture(scope="session")
def laboratory():
    """Namespaces can be made here, and none of an earlier run are left."""
    from lab import sweep
    if os.getuid() != 0:
        pytest.fail("these tests make network namespaces: run them as root", pytrace=False)
    sweep()
