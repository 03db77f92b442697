# SPDX-License-Identifier: BSD-3-Clause
"""scripts/run, its second half: in any path, and honest about a step that fails."""
import os
import shutil

import pytest
from lab import run

# In front of the real one, for the sites: simulates a machine that lacks the program.
BROKEN = '#!/bin/sh\necho "this {name} is broken" >&2\nexit 3\n'


def demo(tree, binary, *wrapper, seconds="2"):
    return run(*wrapper, "/usr/bin/python3", "-B", tree.top / "scripts/lib/demo.py", "--binary", binary, "--config",
               tree.top / "config/lab.yaml", "--seconds", seconds, check=False, timeout=120, env={**os.environ, **tree.environment}, cwd="/")


@pytest.fixture
def with_config(top):
    def add(tree):
        shutil.copytree(top / "config", tree.top / "config")
        return tree
    return add


def test_path_with_a_space_works(tree_with_space, with_config, binary, laboratory):
    """The folder of temporary files has the space, too."""
    done = demo(with_config(tree_with_space), binary)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 of 3 sites ping the hub" in done.stdout and tree_with_space.left() == []


@pytest.mark.parametrize("name, path, says", [
    ("ping", "/usr/bin/ping", "this ping is broken"),
    ("mcast", "scripts/lib/mcast.py", "joins the group"),
])
def test_failed_step_ends_the_run(tree, with_config, binary, laboratory, tmp_path, name, path, says):
    """The run fails with the words of the command that failed."""
    wrapper = []
    if name == "ping":
        tree.write("broken", BROKEN.format(name=name)).chmod(0o755)
        wrapper = ["unshare", "--mount", "sh", "-c", 'mount --bind "$0" "$(readlink -f /usr/bin/ping)" && exec "$@"', tree.top / "broken"]
    else:
        tree.write(path, "import sys\nsys.exit('there is no multicast today')\n")
    done = demo(with_config(tree), binary, *wrapper)
    assert done.returncode == 1 and says in done.stderr, done.stdout + done.stderr
    assert name == "ping" or "there is no multicast today" in done.stderr
    assert "site 1 sent" not in done.stdout and tree.left() == []
