# SPDX-License-Identifier: BSD-3-Clause
"""scripts/test: only a run in which all tests ran and passed is a success."""
import os
import signal
from pathlib import Path

import pytest
from lab import until

GOOD = "def test_good(): pass\n"
WAITS = """import pytest


@pytest.mark.waits
def test_waits(): pass
"""
# Waits in its second test; {ready} holds its pid then, {cleaned} is made by its fixture.
SLOW = """import os, pathlib, threading
import pytest


@pytest.fixture
def thing():
    yield
    pathlib.Path({cleaned!r}).touch()


def test_a(): pass


def test_b(thing):
    pathlib.Path({ready!r} + ".new").write_text(str(os.getpid()))
    os.rename({ready!r} + ".new", {ready!r})
    threading.Event().wait(100)


def test_c(): assert False
"""
FIRST_TIME = """import os
import pathlib


def test_once():
    path = pathlib.Path({path!r})
    was = path.exists()
    path.touch()
    assert was, "not the first time"
"""


def last(text):
    return text.strip().splitlines()[-1]


def slow(tree):
    ready, cleaned = tree.top / "ready", tree.top / "cleaned"
    tree.write("tests/style/test_style.py", SLOW.format(ready=str(ready), cleaned=str(cleaned)))
    tree.write("tests/bench/test_gate.py", GOOD)
    return ready, cleaned


def test_good_run_passes(tree):
    tree.write("tests/style/test_style.py", GOOD)
    status, text = tree.run("test", "style")
    assert (status, last(text)) == (0, "1 passed, 0 failed, 0 skipped"), text
    assert tree.left() == []


@pytest.mark.parametrize("content, says", [
    ("", "no test ran"),
    ("def test_it(:\n", "could not be loaded"),
    ("import nothing_of_this_name\n", "could not be loaded"),
    ("def test_a(): pass\n\n\ndef test_b():\n    import os\n    os._exit(0)\n", "no test ran"),
    ("def test_a(): pass\n\n\ndef test_b():\n    import os\n    os.kill(os.getpid(), 9)\n", "signal 9 ended it"),
    ("def test_a(): pass\n\n\ndef test_b():\n    import pytest\n    pytest.exit('enough', 0)\n\n\ndef test_c(): assert False\n", "not all tests ran"),
])
def test_suite_that_does_not_run_fails(tree, content, says):
    tree.write("tests/style/test_style.py", content)
    tree.write("tests/bench/test_gate.py", GOOD)
    status, text = tree.run("test", "style", "gate")
    assert status == 1 and f"style: FAILED: " in text and says in text, text
    assert "gate: 1 passed" in text and " 0 failed" not in last(text)


@pytest.mark.parametrize("meson, says", [
    ("test('a', find_program('true'), suite: 'model')\n", "no test ran"),
    ("", "no test ran"),
    ("test('a', find_program('false'), suite: 'unit')\n", "1 failed"),
    ("test('a', find_program('sh'), args: ['-c', 'kill -9 $$'], suite: 'unit')\n", "1 failed"),
    ("test('a', find_program('sh'), args: ['-c', 'kill -9 $PPID'], suite: 'unit')\n", "signal 9 ended it"),
])
def test_unit_suite_that_does_not_run_fails(tree, meson, says):
    tree.write("meson.build", "project('none', 'c')\n" + meson)
    status, text = tree.run("test", "unit")
    assert status == 1 and says in text, text


@pytest.mark.parametrize("how", ["ctrl-c", "SIGTERM", "SIGHUP"])
def test_interrupted_run_cleans_up(tree, how):
    """It ends soon, with status 1, prints the reason, lets the tests clean up, and begins no other suite."""
    ready, cleaned = slow(tree)
    process = tree.start("test", "style", "gate")
    until(ready.exists, "the second test runs")
    if how == "ctrl-c":
        os.killpg(process.pid, signal.SIGINT)
    else:
        process.send_signal(signal.Signals[how])
    text, status = tree.finish(process, 60)
    assert status == 1 and "test: interrupted" in text and "FAILED: it was interrupted" in text, text
    assert "gate: FAILED: it did not come to its end" in text and "gate ..." not in text
    assert last(text).startswith("1 passed, ") and " 0 failed" not in last(text)
    assert cleaned.exists() and tree.left() == []


def test_killed_run_is_cleaned_up(tree, has_ended):
    """After kill -9 of the script its tests end, too, and the next run removes its remains."""
    ready, cleaned = slow(tree)
    process = tree.start("test", "style")
    until(ready.exists, "the second test runs")
    process.kill()
    process.wait()
    has_ended(int(ready.read_text()))
    assert cleaned.exists() and len(tree.left()) == 1
    tree.write("tests/style/test_style.py", GOOD)
    status, text = tree.run("test", "style")
    assert status == 0 and tree.left() == [], text


def test_killed_run_ends_suites_in_the_background(tree, has_ended):
    """The tests that run beside others end, too."""
    ready, cleaned = tree.top / "ready", tree.top / "cleaned"
    slow_test = SLOW.format(ready=str(ready), cleaned=str(cleaned))
    tree.write("tests/e2e/test_waits.py", slow_test.replace("def test_b", "@pytest.mark.waits\ndef test_b"))
    process = tree.start("test", "e2e")
    until(ready.exists, "the test in the background runs")
    process.kill()
    process.wait()
    has_ended(int(ready.read_text()))
    assert cleaned.exists()


def test_second_run_is_a_diagnosis(tree):
    """A test that passes when it runs again is shown; with CI=true it fails the run."""
    path = tree.top / "was here"
    tree.write("tests/e2e/test_flaky.py", FIRST_TIME.format(path=str(path)))
    tree.write("tests/e2e/test_waits.py", WAITS)
    for ci, wanted, line in (("", 0, "2 passed, 0 failed, 0 skipped"), ("true", 1, "1 passed, 1 failed, 0 skipped")):
        path.unlink(missing_ok=True)
        tree.environment["CI"] = ci
        status, text = tree.run("test", "e2e")
        assert "alone 1 of 1 passed: such tests are NOT RELIABLE" in text, text
        assert (status, last(text)) == (wanted, line), text


def test_skips_fail_on_ci(tree):
    tree.write("tests/style/test_style.py", GOOD + "\n\ndef test_skipped():\n    import pytest\n    pytest.skip('not here')\n")
    assert tree.run("test", "style")[0] == 0
    tree.environment["CI"] = "true"
    status, text = tree.run("test", "style")
    assert status == 1 and "skipped: on CI that is a failure" in text


def test_unknown_suite_is_refused(tree):
    status, text = tree.run("test", "stile")
    assert status == 2 and "no suite 'stile'" in text


def test_every_suite_is_in_the_usage(top):
    """And has a function."""
    text = (top / "scripts/test").read_text()
    usage = text.split("set -u")[0]
    for suite in text.split('ALL="')[1].split('"')[0].split():
        assert f" {suite} " in usage and f"suite_{suite}() {{" in text, suite


def test_path_with_a_space_works(tree_with_space):
    tree = tree_with_space
    tree.write("tests/style/test_style.py", GOOD)
    tree.write("meson.build", "project('none', 'c')\ntest('a', find_program('true'), suite: 'unit')\n")
    status, text = tree.run("test", "style", "unit")
    assert (status, last(text)) == (0, "2 passed, 0 failed, 0 skipped"), text
    assert tree.left() == [] and Path(tree.top, "build-test/build.ninja").exists()
