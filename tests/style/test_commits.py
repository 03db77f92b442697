# SPDX-License-Identifier: BSD-3-Clause
"""scripts/commit-check finds messages that break the form of CONTRIBUTING.md."""
import subprocess

import pytest


def check(top, tmp_path, message):
    path = tmp_path / "COMMIT_EDITMSG"
    path.write_text(message)
    run = subprocess.run([top / "scripts/commit-check", path], capture_output=True, text=True)
    return run.returncode, run.stderr


@pytest.mark.parametrize("message", [
    "gre: add checksums on output\n\nRFC 2784 allows them.\n",
    "lib/port, docs: pass the reason\n",
    "tests: need no root\n\n# a comment of Git that is much longer than a line of a message may be, " + 40 * "x" + "\n",
    "Revert \"gre: add checksums\"\n\nThis reverts commit 1234567.\n",
])
def test_good_message_passes(top, tmp_path, message):
    assert check(top, tmp_path, message) == (0, "")


@pytest.mark.parametrize("message, finding", [
    ("add checksums\n", "module: imperative"),
    ("gre: added checksums\n", "imperative verb"),
    ("gre: adds checksums\n", "imperative verb"),
    ("gre: adding checksums\n", "imperative verb"),
    ("gre: add checksums.\n", "full stop"),
    (f"gre: add {64 * 'x'}\n", "73 characters"),
    ("gre: add checksums\nwithout a space\n", "second line"),
    (f"gre: add checksums\n\n{60 * 'x'} {60 * 'y'}\n", "line 3 has 121"),
    ("fixup! gre: add checksums\n", "squash"),
    ("", "module: imperative"),
])
def test_bad_message_is_found(top, tmp_path, message, finding):
    status, text = check(top, tmp_path, message)
    assert status == 1 and finding in text, text


def test_range_and_hook(top, tmp_path):
    def git(*arguments, **options):
        return subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=tmp_path, text=True,
                              capture_output=True, **options)

    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts/commit-check"
    script.write_bytes((top / "scripts/commit-check").read_bytes())
    script.chmod(0o755)
    git("init", "-q", check=True)
    git("commit", "-q", "--allow-empty", "-m", "gre: add one", check=True)
    git("commit", "-q", "--allow-empty", "-m", "gre: added two", check=True)
    run = subprocess.run([script, "HEAD~1..HEAD"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1 and "'added'" in run.stderr
    assert subprocess.run([script, "HEAD..HEAD"], cwd=tmp_path).returncode == 0
    assert subprocess.run([script, "nothing..HEAD"], cwd=tmp_path, capture_output=True).returncode == 2
    subprocess.run([script, "--install"], check=True)
    assert git("commit", "-q", "--allow-empty", "-m", "gre: added three").returncode != 0
    assert git("commit", "-q", "--allow-empty", "-m", "gre: add three").returncode == 0
