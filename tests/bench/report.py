#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Run gremc-bench and the whole program, and write their figures as JSON, Markdown tables and plots.

scripts/bench builds and calls this.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TOP / "scripts" / "lib"), str(TOP / "tests" / "bench")]

from lab import LabError, owner, sweep  # noqa: E402
from lab.process import die_with_parent  # noqa: E402

import binary  # noqa: E402

# The columns of each table: heading, key, format.
POINT_COLUMNS = [("fan-out", "fanout", "{}"), ("size", "size", "{}"), ("groups", "groups", "{}"), ("tunnels", "tunnels", "{}"),
                 ("burst", "burst", "{}"), ("mode", "mode", "{}"), ("cycles per replica", "cycles_per_replica", "{:.1f}"),
                 ("median", "cycles_per_replica_median", "{:.1f}"), ("cycles per input", "cycles_per_input", "{:.0f}"),
                 ("baseline", "baseline_cycles", "{:.1f}"), ("ratio", "ratio", "{:.2f}"), ("million replicas/s", "mreplicas_per_s", "{:.1f}"), ("quiet", "quiet", "{}")]
MALFORMED_COLUMNS = [("input", "input", "{}"), ("cycles per packet", "cycles_per_input", "{:.1f}"),
                   ("median", "cycles_per_input_median", "{:.1f}"), ("ratio to a good one", "of_good", "{:.2f}")]
MEMORY_COLUMNS = [("fan-out", "fanout", "{}"), ("mroutes", "entries", "{}"), ("bytes an mroute", "bytes_per_entry", "{:.1f}"),
                  ("resident", "resident_bytes_per_entry", "{:.1f}")]
CHANGE_COLUMNS = [("change", "operation", "{}"), ("mroutes", "entries", "{}"), ("changes a call", "batch", "{}"),
                  ("a second", "per_second", "{:.0f}"), ("longest call, ms", "longest_call_ms", "{:.2f}"),
                  ("worker meanwhile, Mpackets/s", "reader_mpps", "{:.2f}")]
PUBLISH_COLUMNS = [("groups", "groups", "{}"), ("rounds", "rounds", "{}"), ("p50, µs", "p50_us", "{:.1f}"), ("p99, µs", "p99_us", "{:.1f}"),
                   ("max, µs", "max_us", "{:.1f}"), ("call alone, p50", "apply_p50_us", "{:.2f}"), ("p99", "apply_p99_us", "{:.2f}")]
SHARD_COLUMNS = [("fan-out", "fanout", "{}"), ("size", "size", "{}"), ("cycles a replica, one lcore", "cycles_per_replica", "{:.1f}"),
                 ("median", "cycles_per_replica_median", "{:.1f}"), ("two lcores", "two_lcores", "{:.1f}"),
                 ("median", "two_lcores_median", "{:.1f}"), ("times as fast", "speedup", "{:.2f}"), ("median", "speedup_median", "{:.2f}")]
BINARY_COLUMNS = [("fan-out", "fanout", "{}"), ("size", "size", "{}"), ("groups", "groups", "{}"), ("tunnels", "tunnels", "{}"),
                  ("cycles per replica", "cycles_per_replica", "{:.1f}"), ("cycles per input", "cycles_per_input", "{:.0f}"),
                  ("million replicas/s", "mreplicas_per_s", "{:.1f}"), ("lost", "lost", "{}")]
MODE_COLUMNS = [("size", "size", "{}"), ("copied", "copy", "{:.1f}"), ("shared", "share", "{:.1f}")]
FIGURES_BEGIN, FIGURES_END = "<!-- figures: written by scripts/bench --docs -->", "<!-- end of figures -->"
TABLES = [("points", "Cost of a replica", POINT_COLUMNS), ("modes", "Copy or share: cycles per replica at fan-out 16", MODE_COLUMNS),
          ("malformed", "Packets that are not forwarded", MALFORMED_COLUMNS),
          ("binary", "The whole program", BINARY_COLUMNS), ("table_memory", "Memory of an mroute", MEMORY_COLUMNS),
          ("table_changes", "Changes of the table, while a worker forwards", CHANGE_COLUMNS),
          ("publish", "From a new mroute to its first replica", PUBLISH_COLUMNS),
          ("shard", "One mroute's oil shared by two lcores", SHARD_COLUMNS),
          ("spread", "Received flows spread over two lcores", SHARD_COLUMNS)]


def bench(program, arguments):
    """Run gremc-bench, which prints its tables, and return its figures. Each command has its own process, so no command uses
    memory that another one has touched."""
    measured = {}
    with tempfile.TemporaryDirectory(prefix=owner.label("bench-")) as directory:
        path = Path(directory) / "bench.json"
        for command in ("points", "malformed", "table", "publish", "shard", "spread"):
            status = subprocess.run([program, command, "--json", path, *arguments], stdin=subprocess.DEVNULL,
                                    preexec_fn=die_with_parent, check=False).returncode
            if status:
                raise LabError(f"gremc-bench {command} ended with status {status}")
            measured.update(json.loads(path.read_text()))
            print()
    return measured


def markdown(columns, rows):
    columns = [column for column in columns if any(column[1] in row for row in rows)]
    lines = ["| " + " | ".join(heading for heading, _, _ in columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        cells = [how.format(row[key]) if key in row else "" for _, key, how in columns]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def copy_or_share(points):
    """Return rows of a size and the cost of each mode, where both were measured."""
    modes = {}
    for p in of(points, fanout=16, groups=1024, tunnels=1024, burst=32):
        modes.setdefault(p["size"], {})[p["mode"]] = p["cycles_per_replica"]
    return [{"size": size, **costs} for size, costs in sorted(modes.items()) if len(costs) == 2]


def tables(measured):
    for p in measured["points"]:
        p["quiet"] = "no" if p["noisy"] else "yes"
    text = (f"{date.today():%-d %B %Y}: {measured['cpu']}, TSC {measured['tsc_hz'] / 1e6:.0f} MHz, {os.cpu_count()} CPUs;\n"
            f"{measured['dpdk']}; {measured['build']}; {'huge' if measured['hugepages'] else 'no huge'} pages.\n")
    measured = {**measured, "modes": copy_or_share(measured["points"])}
    for name, title, columns in TABLES:
        if measured.get(name):
            text += f"\n### {title}\n\n{markdown(columns, measured[name])}"
    return text


def write_docs(path, text):
    """Write the tables between the marks of the page."""
    before, _, rest = path.read_text().partition(FIGURES_BEGIN)
    _, mark, after = rest.partition(FIGURES_END)
    if not mark:
        raise LabError(f"{path} has no place for figures: the lines {FIGURES_BEGIN} and {FIGURES_END}")
    path.write_text(f"{before}{FIGURES_BEGIN}\n{text}{FIGURES_END}{after}")


# ---- plots ----

def of(points, **fixed):
    return [p for p in points if all(p[key] == value for key, value in fixed.items())]


def default_mode(p):
    return p["mode"] == ("copy" if p["size"] <= 256 else "share")


def series(points):
    """Return {name of the plot: (axis, logarithmic, x, points)}."""
    usual = [p for p in points if p["burst"] == 32 and default_mode(p)]
    one_table = [p for p in usual if 1000 <= p["groups"] <= 1024 and p["tunnels"] >= 1024 and p["tunnels"] != 65536]
    few_tunnels = [p for p in usual if 1000 <= p["tunnels"] <= 1025]
    return {
        "fanout": ("fan-out (64 bytes, 1,024 groups)", True, "fanout", of(one_table, size=64)),
        "size": ("inner packet, bytes (fan-out 16)", False, "size", of(one_table, fanout=16)),
        "groups": ("groups (64 bytes, fan-out 4)", True, "groups", of(few_tunnels, size=64, fanout=4)),
    }


def plot(directory, name, label, logarithmic, rows):
    """Write an SVG by gnuplot."""
    data = "\n".join(f"{x} {cycles} {baseline}" for x, cycles, baseline in rows)
    script = f"""set terminal svg size 640,400 font "sans-serif,12" background "white"
set output "{directory / name}.svg"
set xlabel "{label}"
set ylabel "cycles per replica"
set yrange [0:*]
set grid
set key top right
{"set logscale x" if logarithmic else ""}
$rows << END
{data}
END
plot $rows using 1:2 with linespoints lw 2 pt 7 ps 0.6 lc rgb "#1f4e9c" title "gremc", \\
     $rows using 1:3 with linespoints lw 2 dt 2 pt 6 ps 0.6 lc rgb "#888888" title "baseline"
"""
    result = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True, check=False)
    if result.returncode:
        raise LabError(f"gnuplot: {result.stderr.strip()}")


def write_plots(directory, points):
    if not shutil.which("gnuplot"):
        print("bench: gnuplot (Debian's gnuplot-nox) is not installed: tables, but no plots", file=sys.stderr)
        return
    for name, (label, logarithmic, x, chosen) in series(points).items():
        rows = sorted({(p[x], p["cycles_per_replica"], p["baseline_cycles"]) for p in chosen})
        if len(rows) > 1:
            plot(directory, name, label, logarithmic, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--grid", action="store_true")
    parser.add_argument("--docs", action="store_true")
    options = parser.parse_args()
    sweep()
    options.out.mkdir(parents=True, exist_ok=True)
    arguments = [f"--{name}" for name in ("quick", "grid") if getattr(options, name)]
    measured = bench(options.build / "tests" / "bench" / "gremc-bench", arguments)
    measured["binary"] = binary.measure_all(options.build / "app" / "dpdk-gremc" / "dpdk-gremc", options.quick)
    text = json.dumps(measured, indent=1)
    (options.out / "bench.json").write_text(text + "\n")
    if options.json:
        options.json.write_text(text + "\n")
    (options.out / "figures.md").write_text(tables(measured))
    write_plots(options.out, measured["points"])
    if options.docs:
        write_docs(TOP / "docs" / "performance.md", tables(measured))
        for plot_file in options.out.glob("*.svg"):
            shutil.copy(plot_file, TOP / "docs" / f"performance-{plot_file.name}")
    print(f"\nbench: tables and plots are in {options.out}")


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
