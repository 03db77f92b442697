# SPDX-License-Identifier: BSD-3-Clause
"""The instruction-count regression test: it fails if the instructions of the fast path per packet or per replica grow.

callgrind counts the instructions inside bench_forward() for N packets and for 2 N; the difference is the cost of N packets. It is
the same in every run and on every machine, because the build has fixed flags, is for no special processor, and does not depend
on the processor's features. So the figures are for one compiler and one version of DPDK, which gate.txt names.

  /usr/bin/python3 tests/bench/test_gate.py            print the present table
  /usr/bin/python3 tests/bench/test_gate.py --write    write it to gate.txt
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TOP / "scripts" / "lib"))

from lab import owner  # noqa: E402

FIGURES = Path(__file__).with_name("gate.txt")
BUILD = Path(os.environ.get("GREMC_GATE_BUILD", TOP / "build-gate"))
TOLERANCE = 0.02
PACKETS = 256
COMPILER = "gcc 12"
DPDK = "22.11"
HEAD = f"""\
# Instructions of the fast path, from classify to the counters, without receiving: 64 bytes, bursts of 32.
# Built by {COMPILER} for Debian 12's DPDK {DPDK}, release, no -march=native; tests/bench/test_gate.py compares, and --write
# writes this file.
# mode   fan-out    an input  a replica
"""


class Missing(Exception):
    """A requirement that this machine does not meet."""


def run(*argv, **options):
    result = subprocess.run([str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900,
                            check=False, **options)
    if result.returncode:
        raise RuntimeError(f"`{' '.join(map(str, argv))}` failed:\n{result.stdout}{result.stderr}")
    return result.stdout


def compiler():
    """Return the path of a gcc of the version of the figures."""
    for name in ("gcc-12", "gcc"):
        path = shutil.which(name)
        if path and f"gcc {run(path, '-dumpversion').split('.')[0].strip()}" == COMPILER:
            return path
    raise Missing(f"the figures are for {COMPILER}, which is not installed")


def build():
    """Build gremc-bench with fixed flags and return its path."""
    if not shutil.which("valgrind"):
        raise Missing("valgrind is not installed (scripts/deps bench installs it)")
    cc = compiler()
    dpdk = run("pkg-config", "--modversion", "libdpdk").strip()
    if not dpdk.startswith(DPDK + "."):
        raise Missing(f"the figures are for DPDK {DPDK}, and this is {dpdk}")
    if not (BUILD / "build.ninja").exists():
        # Flags of the environment would change the code.
        clean = {name: value for name, value in os.environ.items() if name not in ("CFLAGS", "LDFLAGS", "CPPFLAGS")}
        run("meson", "setup", BUILD, TOP, "-Dbuildtype=release", "-Dnative=false", env={**clean, "CC": cc})
    run("ninja", "-C", BUILD, "tests/bench/gremc-bench")
    return BUILD / "tests" / "bench" / "gremc-bench"


def totals(directory):
    """Return the instructions between each mark and the previous one."""
    parts = sorted(directory.glob("out.*"), key=lambda path: int(path.suffix[1:]))
    return [int(re.search(r"^totals: (\d+)", part.read_text(), re.MULTILINE).group(1)) for part in parts]


def count():
    """Return {(input, fan-out): instructions per input packet}; fan-out 0: an input that is dropped."""
    bench = build()
    with tempfile.TemporaryDirectory(prefix=owner.label("gate-")) as directory:
        said = run("valgrind", "--tool=callgrind", "--toggle-collect=bench_forward", "--dump-before=bench_callgrind_mark",
                   f"--callgrind-out-file={directory}/out", bench, "count", "--no-huge", "--packets", PACKETS)
        parts = totals(Path(directory))
    if f"; DPDK {DPDK}." not in said or not re.search(rf"; {COMPILER}[.0-9]*, release;", said):
        raise RuntimeError(f"{bench} is not built like that of the figures: remove {BUILD}\n{said}")
    rows = re.findall(r"^count (\w+) (\d+) (\d+)$", said, re.MULTILINE)
    assert len(parts) == 3 * len(rows), f"{len(parts)} counts for {len(rows)} rows"
    counted = {}
    for i, (what, fanout, packets) in enumerate(rows):
        _, once, twice = parts[3 * i:3 * i + 3]
        counted[what, int(fanout)] = (twice - once) / int(packets)
    return counted


def table(counted):
    text = HEAD
    for (what, fanout), value in good(counted).items():
        text += f"{what:<8} {fanout:>7} {value:11.2f} {value / fanout:10.2f}\n"
    return text


def good(counted):
    """Return the counts of packets that are forwarded."""
    return {row: value for row, value in counted.items() if row[1] > 0}


def figures():
    known = {}
    for line in FIGURES.read_text().splitlines():
        if not line.startswith("#"):
            what, fanout, value, _ = line.split()
            known[what, int(fanout)] = float(value)
    return known


@pytest.fixture(scope="module")
def counted():
    try:
        return count()
    except Missing as reason:
        # A skip is easily overlooked, and without this test no other one detects a slower fast path.
        warnings.warn(f"instructions are NOT counted on this machine: {reason}", stacklevel=1)
        return pytest.skip(f"instructions are not counted: {reason}")


@pytest.mark.parametrize("what, fanout", figures(), ids=lambda value: str(value))
def test_instructions_stay(counted, what, fanout):
    known, now = figures()[what, fanout], counted[what, fanout]
    change = now / known - 1
    row = f"{what}, fan-out {fanout}: {now:.2f} instructions an input, {abs(change):.1%}"
    if change > TOLERANCE:
        pytest.fail(f"{row} more than the {known:.2f} of {FIGURES.name}", pytrace=False)
    if change < -TOLERANCE:
        pytest.fail(f"{row} less than the {known:.2f} of {FIGURES.name}: lower the figure, to keep the gain: "
                    f"/usr/bin/python3 tests/bench/test_gate.py --write", pytrace=False)


def test_every_count_has_a_figure(counted):
    assert set(good(counted)) == set(figures())


def test_malformed_packets_cost_less_than_good_ones(counted):
    limit = counted["copy", 1]
    dear = {what: value for (what, fanout), value in counted.items() if fanout == 0 and value >= limit}
    assert not dear, f"a good packet of fan-out 1 takes {limit:.0f} instructions"


if __name__ == "__main__":
    try:
        new = table(count())
    except (Missing, RuntimeError) as error:
        sys.exit(f"test_gate: {error}")
    print(new, end="")
    if "--write" in sys.argv[1:]:
        FIGURES.write_text(new)
