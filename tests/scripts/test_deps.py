# SPDX-License-Identifier: BSD-3-Clause
"""scripts/deps lists the package of each program that scripts and tests run, and installs without starting services."""
import ast
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from lab import run

# Programs by package. Those of essential packages (bash, coreutils, sed, grep, findutils, dpkg, apt's own) need no line.
PACKAGES = {
    "iproute2": "ip ss bridge tc", "iputils-ping": "ping", "ethtool": "ethtool", "procps": "sysctl ps pgrep pkill kill", "kmod": "modprobe",
    "util-linux": "unshare nsenter setpriv flock taskset mount", "mount": "mount", "perl-base": "perl", "python3": "/usr/bin/python3 python3",
    "user-mode-linux": "linux.uml", "gcc": "gcc", "meson": "meson", "ninja-build": "ninja", "pkg-config": "pkg-config",
    "openvswitch-switch": "ovs-vswitchd ovs-vsctl ovs-appctl ovs-ofctl ovsdb-server ovsdb-tool", "frr": "vtysh zebra pimd ospfd",
    "smcroute": "smcrouted smcroutectl", "valgrind": "valgrind", "gnuplot-nox": "gnuplot", "clang": "clang", "clang-format": "clang-format",
    "tcpdump": "tcpdump", "tshark": "tshark dumpcap", "git": "git", "iperf3": "iperf3", "debootstrap": "debootstrap",
    "tmux": "tmux",
}
ESSENTIAL = set("awk base64 basename bash cat chgrp chmod chown cmp cp cut date dd df diff dirname dpkg-query du echo env expr false find grep gzip "
                "head hostname id install ln ls md5sum mkdir mkfifo mktemp mv nice nohup nproc od paste printf readlink realpath rm rmdir sed seq "
                "sh sha256sum sort split stat stty sync tail tar tee test timeout touch tr true truncate uname uniq wc xargs yes apt-get".split())
PROGRAM_OF = {program: package for package, programs in PACKAGES.items() for program in programs.split()}
# The groups that are installed before these run: scripts/SCRIPT names them.
GROUPS = {"scripts/lib": "build run", "scripts/lib/style.py": "build run test",
          "scripts/lib/loadtest.py": "build run peers router", "scripts/lib/lab": "build run peers router",
          "tests": "build run test peers dpdk24", "tests/bench": "build run test bench", "tests/bench/report.py": "build bench",
          "tests/bench/binary.py": "build bench"}
CALLS = {"run", "start", "Popen", "argv", "check_output", "which"}


def packages(top, groups):
    text = (top / "scripts/deps").read_text()
    found = set()
    for group in groups.split():
        found |= set(re.search(rf"^\t{group}\) echo (.*) ;;", text, re.M).group(1).split())
    return found


def commands(tree):
    """The programs that Python code calls: the first text of run(...), start([...]), namespace.argv(...) and the like."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        first = node.args[0]
        if isinstance(first, (ast.List, ast.Tuple)) and first.elts:
            first = first.elts[0]
        if name in ("sh", "spawn"):
            text = first.values[0] if isinstance(first, ast.JoinedStr) and first.values else first
            if isinstance(text, ast.Constant):
                yield from (part.split()[0] for part in re.split(r"&&|\|\|?|;", str(text.value)) if part.split())
        elif name in CALLS and isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield first.value


def groups_of(name):
    return max((place for place in GROUPS if name.startswith(place)), key=len)


def python_files(top):
    return [p for folder in ("scripts/lib", "tests") for p in sorted((top / folder).rglob("*.py")) if p.parent != top / "tests/scripts"]


def test_programs_that_python_runs_are_installed(top):
    unknown, missing, seen = set(), set(), set()
    own = {path.stem for path in (*(top / "scripts").iterdir(), *(top / "scripts/lib").glob("*.py"), top / "app/gremcctl/gremcctl")}
    for path in python_files(top):
        name = str(path.relative_to(top))
        there = packages(top, GROUPS[groups_of(name)])
        for program in commands(ast.parse(path.read_text())):
            if program in ESSENTIAL or program in own or not re.fullmatch(r"[a-z/][\w./+-]*", program) or program.startswith(("/usr/lib/frr", "exec")):
                continue
            seen.add(program)
            if program not in PROGRAM_OF:
                unknown.add((name, program))
            elif PROGRAM_OF[program] not in there:
                missing.add((name, program))
    assert not unknown, "which packages have them? (PACKAGES above)"
    assert not missing, "scripts/deps does not install these"
    assert {"ip", "ping", "ethtool", "sysctl", "gcc", "tshark"} <= seen, "the search finds them"


@pytest.mark.parametrize("script, groups", [
    ("run", "build run"), ("loadtest", "build run"), ("test", "build run test"), ("lib/common.sh", "build run"), ("lib/uml/init", "run"),
    ("lib/trixie", "run dpdk24"), ("bench", "build bench")])
def test_programs_that_shell_scripts_run_are_installed(top, script, groups):
    """Each program of the table that stands where a command may stand."""
    text = re.sub(r"^\s*#.*$", "", (top / "scripts" / script).read_text(), flags=re.M)
    there = packages(top, groups)
    used = {word for word in PROGRAM_OF
            if re.search(rf"(?:^|[;&|(`!]|\bthen|\bdo|\belse|\bexec|\bif|\bsupervised|SUPERVISED:-\}})\s*{re.escape(word)}\s", text, re.M)}
    assert not {word for word in used if PROGRAM_OF[word] not in there and f"command -v {word}" not in text}


# ---- services ----

@pytest.fixture
def install(top, tmp_path):
    """install(command): the output of scripts/lib/install, with a policy file of the test's."""
    policy = tmp_path / "sbin/policy-rc.d"
    policy.parent.mkdir()

    def call(*command):
        return run(top / "scripts/lib/install", *command, check=False,
                   env={**os.environ, "GREMC_POLICY_RC_D": str(policy), "GREMC_POLICY_LOCK": str(tmp_path / "lock")})
    call.policy = policy
    return call


def test_no_service_starts_during_the_installation(install):
    """Packages ask policy-rc.d; 101 denies. The file is gone afterwards, also when apt-get fails or is interrupted."""
    ask = 'test -x "$1" && "$1" smcroute start; echo "answer $?"; '
    for end, status in (("", 0), ("exit 100", 100), ("kill -TERM $PPID; kill -9 $$", 143)):
        done = install("sh", "-c", ask + end, "sh", str(install.policy))
        assert "answer 101" in done.stdout and done.returncode == status, done
        assert not install.policy.exists()


@pytest.mark.parametrize("kind", ["file", "broken link"])
def test_policy_of_the_machine_stays(install, kind):
    if kind == "file":
        install.policy.write_text("#!/bin/sh\nexit 0\n")
    else:
        install.policy.symlink_to("nowhere")
    assert install("true").returncode == 0
    assert install.policy.is_symlink() == (kind == "broken link")
    assert kind != "file" or install.policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_policy_of_a_killed_one_is_removed(install):
    done = install("sh", "-c", "kill -9 $PPID")
    assert done.returncode == -9 and install.policy.exists()
    assert install("true").returncode == 0 and not install.policy.exists()


def test_second_run_waits_for_the_first(install, top, tmp_path):
    """The second waits, and finds the policy of its own, not the end of the first one's."""
    env = {**os.environ, "GREMC_POLICY_RC_D": str(install.policy), "GREMC_POLICY_LOCK": str(tmp_path / "lock")}
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    first = subprocess.Popen([top / "scripts/lib/install", "sh", "-c", f"cat {shlex.quote(str(fifo))}"], env=env)
    second = subprocess.Popen([top / "scripts/lib/install", "sh", "-c", f"test -x {shlex.quote(str(install.policy))}"], env=env)
    with fifo.open("w") as end:
        end.write("go on")
    assert first.wait(20) == 0 and second.wait(20) == 0
    assert not install.policy.exists()
