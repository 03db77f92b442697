# SPDX-License-Identifier: BSD-3-Clause
"""Small trees with the real scripts in them."""
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from lab import until

MESON = "project('none', 'c')\n"


class Tree:
    """A folder with the project's scripts and the files that a test adds, nothing else. `environment` is added to that of the scripts."""

    def __init__(self, directory, top):
        self.top, self.environment = directory, {"TMPDIR": str(directory / "tmp")}
        for name in ("scripts", "app/gremcctl"):  # the laboratory uses the client of gremcctl
            shutil.copytree(top / name, directory / name, ignore=shutil.ignore_patterns("__pycache__"))
        (directory / "tmp").mkdir()
        self.write("tests/conftest.py", (top / "tests/conftest.py").read_text())
        self.write("meson.build", MESON)

    def write(self, name, text):
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start(self, script, *arguments):
        """The script in a session of its own, where SIGINT has its default disposition, as under a terminal."""
        def prepare():
            os.setsid()
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        return subprocess.Popen([self.top / "scripts" / script, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, text=True, cwd="/", preexec_fn=prepare,
                                env={**os.environ, "CI": "", **self.environment})

    def finish(self, process, seconds=120):
        """(exit status, output)"""
        try:
            return process.communicate(timeout=seconds)[0], process.returncode
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def run(self, script, *arguments):
        text, status = self.finish(self.start(script, *arguments))
        return status, text

    def left(self):
        """The content of the folder for temporary files."""
        return sorted(path.name for path in (self.top / "tmp").iterdir())


@pytest.fixture
def tree(tmp_path, top):
    return Tree(Path(tmp_path), top)


@pytest.fixture
def tree_with_space(tmp_path, top):
    path = Path(tmp_path) / "it's a path, with (words)"
    path.mkdir()
    return Tree(path, top)


@pytest.fixture
def has_ended():
    """has_ended(pid): wait until a process has gone."""
    def wait(pid):
        until(lambda: not Path(f"/proc/{pid}").exists(), f"process {pid} ends")
    return wait
