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


@pytest.fixture(name="trace", scope="module")
def import_trace(top):
    sys.path.insert(0, str(top / "app/gremcctl"))
    from ctl import trace
    return trace


def test_cut_and_wrong_packets_have_a_line(trace):
    """Every prefix of a packet, and bytes that are no packet."""
    packet = bytes.fromhex("02000000000102010000000008004500003900010000402ff691c0000202c00002010000080045000021000100004011"
                           "77b70a010101ef09090903e81388000da17d68656c6c6f")
    whole = "192.0.2.2 > 192.0.2.1 GRE: 10.1.1.1 > 239.9.9.9 UDP 1000 > 5000, TTL 64"
    for count in range(len(packet) + 1):
        entry = {"begins_with": "ethernet", "age_us": 0, "bytes_0": packet[:count].hex()}
        text = trace.packet_text(trace.Sample(entry, 0))
        assert text and (text == whole) == (count >= 62), (count, text)
    for data, text in ((b"\x60" + bytes(40), "no IPv4 header (60000000)"), (b"", "no IPv4 header (no bytes)")):
        assert trace.ip_text(data) == text
    key = bytes.fromhex("20000800000000070000")
    assert trace.gre_text(key) == " key 7: no IPv4 header (0000)"


def test_commands_start_fast_and_without_packages(top):
    """Isolated from the environment and from site packages: no command but top imports a module that is slow to load."""
    command = [str(top / "app/gremcctl/gremcctl"), "--help"]
    assert subprocess.run(command, capture_output=True, text=True, check=True, env={}).stdout.startswith("usage: gremcctl")
    code = ("import sys; sys.path.insert(0, sys.argv[1]); from ctl import main, show, reload, trace; "
            "print(*{'curses', 'argparse', 're', 'subprocess'} & set(sys.modules) - {'subprocess', 're'})")
    run = subprocess.run(["/usr/bin/python3", "-B", "-IS", "-c", code, str(top / "app/gremcctl")], capture_output=True, text=True,
                         check=True)
    assert run.stdout.split() == []
