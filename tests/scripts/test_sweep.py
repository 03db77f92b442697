# SPDX-License-Identifier: BSD-3-Clause
"""The next run removes the remains of a killed one, and nothing else."""
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lab import Namespace, owner, run, sweep, until
from lab.process import Lines

# A run that is killed: a namespace with a TAP and a daemon of its own session, one outside of it, temporary files.
KILLED = """
import os, subprocess, sys
sys.path.insert(0, {lib!r})
from lab import Namespace, owner
from lab.telemetry import runtime_directory
ns = Namespace("left")
ns.ip("tuntap add dev tap9 mode tap", "link set tap9 up")
daemons = [subprocess.Popen([*argv, "sh", "-c", "exec tail -f /dev/null # " + str(os.getpid())], start_new_session=True)
           for argv in (ns.argv(), [])]
folder = owner.temporary_folder("left")
(folder / "file").touch()
prefix = runtime_directory() / owner.label("0")
prefix.mkdir(parents=True)
print(ns.name, folder, prefix, *(d.pid for d in daemons), flush=True)
sys.stdin.read()
"""


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture
def victim(laboratory, top):
    process = subprocess.Popen([sys.executable, "-B", "-c", KILLED.format(lib=str(top / "scripts/lib"))], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    found = Lines(process.stdout).wait(r"^gremc-.*")
    assert found
    yield process, found[0].group(0).split()
    process.kill()
    process.wait()
    sweep()


def things(words):
    namespace, folder, prefix, *pids = words
    return [Path("/run/netns", namespace).exists(), Path(folder).exists(), Path(prefix).exists(), *(alive(pid) for pid in pids)]


def test_leftovers_of_a_killed_run_are_removed(victim):
    process, words = victim
    sweep()
    assert all(things(words)), "its owner lives"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert all(things(words)), "nothing goes by itself"
    sweep()
    until(lambda: not any(things(words)), lambda: f"all are gone: {words} {things(words)}")


def test_reused_pid_is_not_killed(laboratory):
    """A name with this process's pid and another start is an orphan's."""
    mine, orphan = Namespace("mine"), f"gremc-{os.getpid()}-{int(owner.start_of(os.getpid())) - 50}-orphan0"
    try:
        run("ip", "netns", "add", orphan)
        sweep()
        assert Path("/run/netns", mine.name).exists() and not Path("/run/netns", orphan).exists()
    finally:
        mine.remove()
        run("ip", "netns", "del", orphan, check=False)


@pytest.mark.parametrize("name, wanted", [
    ("gremc-test.AbCdEf", False), ("gremc-case-x", False), ("gremc-", False), ("gremc-x-1-y", False), ("something", False),
    ("gremc-{pid}-{start}-hub0", False), ("gremc-{pid}-hub0", False), ("gremc-{pid}-0", False), ("gremc-{pid}-123-hub0", True),
    ("gremc-{none}-{start}-hub0", True), ("gremc-{none}-hub0", True),
])
def test_names_of_other_programs_stay(name, wanted):
    none = int(Path("/proc/sys/kernel/pid_max").read_text())
    assert owner.is_orphan(name.format(pid=os.getpid(), start=owner.start_of(os.getpid()), none=none)) == wanted


def test_files_of_other_users_stay(laboratory, tmp_path):
    none = int(Path("/proc/sys/kernel/pid_max").read_text())
    foreign, mine = (tmp_path / f"gremc-{none}-12345-{name}" for name in ("foreign", "mine"))
    for path in (foreign, mine):
        path.mkdir()
    os.chown(foreign, 65534, 65534)
    owner.sweep_folders([tmp_path])
    assert foreign.exists() and not mine.exists()
