# SPDX-License-Identifier: BSD-3-Clause
"""The owner of a thing that outlives a killed process: a namespace, a folder, a daemon.

Its name begins with gremc-PID-START-, where START is the time at which process PID began, in clock ticks after boot: a
pid that has another process meanwhile does not count as the owner. A child has PID-START in its environment, so that
daemons that have left the process tree are found, too. Names of earlier versions have no START: there the pid alone counts.
"""
import contextlib
import os
import re
import shutil
import signal
import tempfile
from pathlib import Path

PREFIX = "gremc-"
VARIABLE = "GREMC_LAB_OWNER"
# A START is long: a label such as hub0, or the number of a forwarder, is not taken for one.
NAME = re.compile(r"^gremc-(?P<pid>\d+)(?:-(?P<start>\d{3,}))?-")


def start_of(pid):
    """When a process began, as text; None: there is none."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return None


def mine():
    """PID-START of this process."""
    return f"{os.getpid()}-{start_of(os.getpid())}"


def label(name):
    """A name of this process's things."""
    return f"{PREFIX}{mine()}-{name}"


def is_orphan(name):
    """Does a name tell an owner, and has that ended?"""
    match = NAME.match(name)
    if not match:
        return False
    started = start_of(match["pid"])
    return started is None or (match["start"] is not None and match["start"] != started)


def temporary_root():
    """Where temporary files go whose paths are in device arguments, a kernel's command line or LD_PRELOAD: no path there may
    have a space, a comma or a colon, as TMPDIR may."""
    roots = [path for path in (tempfile.gettempdir(), "/tmp", "/var/tmp") if re.fullmatch(r"[\w./-]+", path)]
    return roots[0]


def temporary_folder(name):
    """A new folder for the caller to remove; a sweep removes it when this process has ended without doing so."""
    return Path(tempfile.mkdtemp(prefix=label(name) + "-", dir=temporary_root()))


def temporary_roots():
    return {Path(p) for p in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm") if os.path.isdir(p)}


def remove(path):
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def sweep_folders(roots):
    """Remove the files and folders of owners that have ended."""
    for root in roots:
        for path in root.glob(PREFIX + "*"):
            # of this user: a name is no proof in a folder that all may write to
            with contextlib.suppress(OSError):
                if is_orphan(path.name) and path.lstat().st_uid == os.getuid():
                    remove(path)


def kill(pid, is_it):
    """SIGKILL to a process if is_it() holds once its pid can no longer become another's."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return
    with contextlib.suppress(OSError):
        if is_it():
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    os.close(handle)


def _owner_of(pid):
    """PID-START of the process that has started this one, or None."""
    try:
        words = Path("/proc", str(pid), "environ").read_bytes().split(b"\0")
    except OSError:
        return None
    found = [word.split(b"=", 1)[1].decode() for word in words if word.startswith(VARIABLE.encode() + b"=")]
    return found[0] if found else None


def sweep_processes():
    """End the processes whose owner has ended."""
    for path in Path("/proc").glob("[0-9]*"):
        def is_left(pid=int(path.name)):
            owner = _owner_of(pid)
            return owner is not None and is_orphan(f"{PREFIX}{owner}-")
        if is_left():
            kill(int(path.name), is_left)


os.environ[VARIABLE] = mine()
