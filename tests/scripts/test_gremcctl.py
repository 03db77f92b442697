# SPDX-License-Identifier: BSD-3-Clause
"""The texts of gremcctl, without a running program."""
import subprocess
import sys

import pytest


@pytest.fixture(name="tables", scope="module")
def import_tables(top):
    sys.path.insert(0, str(top / "app/gremcctl"))
    from ctl import tables
    return tables


def test_times_and_rates_are_short(tables):
    assert [tables.duration(seconds) for seconds in (0, 65, 3600, 86399, 86400 * 3 + 3600 * 4)] == [
        "00:00:00", "00:01:05", "01:00:00", "23:59:59", "3d04h"]
    assert [tables.rate(value) for value in (0, 0.5, 12, 999, 1000, 12345, 2.5e9, 1e12)] == [
        "0", "0.5", "12", "999", "1k", "12.3k", "2.5G", "1T"]


def test_tables_align_numbers_right_and_mark_cut_lines(tables):
    rows = [("a", 1, "x"), ("long name", 1000, "y" * 20)]
    assert tables.table(["NAME", "N", "TEXT"], rows) == [
        "NAME          N  TEXT", "a             1  x", "long name  1000  " + "y" * 20]
    cut = tables.table(["NAME", "N", "TEXT"], rows, columns=20)
    assert cut[2] == "long name  1000  yy>" and all(len(line) <= 20 for line in cut)
    assert tables.table(["NAME"], []) == ["NAME"]


def test_commands_start_fast_and_without_packages(top):
    """Isolated from the environment and from site packages: no command but top imports a module that is slow to load."""
    command = [str(top / "app/gremcctl/gremcctl"), "--help"]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env={}).stdout.startswith("usage: gremcctl")
    code = ("import sys; sys.path.insert(0, sys.argv[1]); from ctl import main, show, reload; "
            "print(*{'curses', 'argparse', 're', 'subprocess'} & set(sys.modules) - {'subprocess', 're'})")
    run = subprocess.run(["/usr/bin/python3", "-B", "-IS", "-c", code, str(top / "app/gremcctl")], capture_output=True, text=True,
                         check=True)
    assert run.stdout.split() == []
