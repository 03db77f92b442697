# SPDX-License-Identifier: BSD-3-Clause
"""Processes: run one to its end, or keep one and wait for its output."""
import ctypes
import os
import re
import signal
import subprocess
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG = 1

# Prefix of a command: highest priority, where that is allowed, so that other work of the machine does not count as
# a loss of the forwarder. Niceness counts within a session only, unless the session has it, too. Not a real-time class: the
# kernel takes the CPU from one that polls for 50 ms of each second.
FIRST = ("sh", "-c", '{ echo -20 >/proc/self/autogroup; } 2>/dev/null; exec nice -n -20 "$@"', "sh")


class LabError(Exception):
    """Something did not work; the text is a sentence for the user."""


def die_with_parent():
    """Between fork and exec: any end of this program ends the child too."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def run(*argv, check=True, timeout=60, **options):
    """Run to the end; the result has returncode, stdout and stderr (text)."""
    try:
        result = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                timeout=timeout, check=False, **options)
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]}: no such program") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"`{' '.join(map(str, argv))}` did not end within {timeout} s") from error
    if check and result.returncode:
        raise LabError(f"`{' '.join(map(str, argv))}` failed: {(result.stderr or result.stdout).strip()}")
    return result


def start(argv, **options):
    """Start a process that does not outlive this one. It is in a session of its own: Ctrl-C is for this process,
    which ends the others in its own order."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.Popen([str(a) for a in argv], preexec_fn=die_with_parent, start_new_session=True, **options)


# The limit of all waits for a condition. It detects a condition that never becomes true; a test does not measure a time by
# it, and passes on a machine that is busy with other work.
PATIENCE = 60.0


def until(condition, what, seconds=PATIENCE, every=0.02):
    """Wait until condition() is true and return it; LabError when the deadline passes. `what` is a text, or a function
    that reports the progress."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise LabError(f"{what() if callable(what) else what}: not within {seconds:g} s")
        pause.wait(every)


def lcores(count):
    """EAL arguments for `count` lcores, spread over the CPUs this process may use: several on one where there are
    fewer CPUs."""
    cpus = sorted(os.sched_getaffinity(0))
    if count <= len(cpus):
        return ["-l", ",".join(map(str, cpus[:count]))]
    return ["--lcores", ",".join(f"{i}@{cpus[i % len(cpus)]}" for i in range(count))]


class Lines:
    """The lines that a process writes, collected by a thread, and a way to wait for one."""

    def __init__(self, stream):
        self.lines = []
        self.ended = False
        self._changed = threading.Condition()
        self._stream = stream
        self._thread = threading.Thread(target=self._collect, daemon=True)
        self._thread.start()

    def _collect(self):
        for line in self._stream:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self.ended = True
            self._changed.notify_all()

    def wait(self, pattern, seconds=PATIENCE, since=0):
        """The first line from index `since` on that matches: the match and the next index. None: the stream
        ended, or the time did."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while True:
                while since < len(self.lines):
                    match = re.search(pattern, self.lines[since])
                    since += 1
                    if match:
                        return match, since
                left = deadline - time.monotonic()
                if self.ended or left <= 0:
                    return None
                self._changed.wait(left)

    def join(self, seconds=PATIENCE):
        self._thread.join(seconds)
        return "\n".join(self.lines)
