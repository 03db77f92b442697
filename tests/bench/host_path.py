#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Measure TCP through gre1 between two servers (namespaces with a dpdk-gremc each) beside a load of the fast path.

scripts/bench --host-path builds and calls this. The first server has a second port, where net_pcap delivers multicast without
end, which is replicated to net_null. So its worker is never idle. The worker has the first CPU alone; all other threads share
the others. So the cost of TCP for the fast path is the worker's work for TCP, not the competition for a CPU.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from statistics import median

TOP = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(TOP / "scripts" / "lib"), str(TOP / "tests" / "e2e"), str(TOP / "tests" / "bench")]

from lab import LabError, owner, sweep, until, veth  # noqa: E402
from lab.process import start  # noqa: E402
from support.hub import FAST  # noqa: E402
from support.site import Site  # noqa: E402

import binary  # noqa: E402

FANOUT, FRAMES, SIZE = 16, 1024, 64
OURS, THEIRS = "192.0.2.1", "192.0.2.2"


def configuration(local, remote, inner, peer):
    return {"ethernets": {"wan0": {"device": "net_af_packet0", "addresses": [f"{local}/24"], "host": True}},
            "tunnels": {"gre1": {"local": local, "remote": remote, "addresses": [inner], "peer": peer, "host": True}}, "mroutes": []}


def loaded(directory):
    """Return the first server's configuration with ports, tunnels and mroutes of the fast path, and their devices."""
    fast = binary.configuration(FANOUT, FRAMES, FRAMES, binary.random.Random(1))
    capture = directory / "in.pcap"
    binary.write_capture(capture, [binary.frame(n, SIZE) for n in range(FRAMES)])
    whole = configuration(OURS, THEIRS, "10.100.0.1", "10.100.0.2")
    for key in ("ethernets", "tunnels"):
        whole[key].update(fast[key])
    whole["mroutes"] = fast["mroutes"]
    return whole, ["--vdev", f"net_pcap0,rx_pcap={capture},infinite_rx=1", "--vdev", "net_null0,no-rx=1"]


class Servers:
    """Two servers. The first server's worker has CPU `mine`; all other threads have the CPUs `others`."""

    def __init__(self, program, directory, with_load, mine, others):
        self.a, self.b = Site(program, directory, "a"), Site(program, directory, "b")
        self.others = ",".join(map(str, others))
        try:
            veth(self.a.namespace, "nic0", self.b.namespace, "nic0")
            plain, eal = configuration(OURS, THEIRS, "10.100.0.1", "10.100.0.2"), []
            if with_load:
                plain, eal = loaded(directory)
            self.a.start(plain, "nic0", seconds=60, queues=2, eal=eal, cpus=["--lcores", f"0@({self.others}),1@{mine}"], memory=1024)
            self.b.start(configuration(THEIRS, OURS, "10.100.0.2", "10.100.0.1"), "nic0", seconds=60, queues=2,
                         cpus=["--lcores", f"0@({self.others}),1@({self.others})"])
            self.a.reaches("10.100.0.2")
        except BaseException:
            self.close()
            raise

    def tcp(self, seconds, *options):
        """Run iperf3 from a to b and return Gbit/s, packets/s at the host interfaces (data and acknowledgements), retransmissions."""
        listening = start(self.b.namespace.argv("taskset", "-c", self.others, "iperf3", "-s", "-1"), stdout=subprocess.DEVNULL)
        try:
            until(lambda: ":5201" in self.b.namespace.run("ss", "-ltn").stdout, "iperf3 listens")
            before = self.a.host("gre1")
            out = self.a.namespace.run("taskset", "-c", self.others, "iperf3", "-c", "10.100.0.2", "-t", seconds, "-J", *options).stdout
            after = self.a.host("gre1")
            listening.wait(10)
        finally:
            listening.kill()
            listening.wait()
        end = json.loads(out)["end"]
        packets = sum(after[key] - before[key] for key in ("up_packets", "down_packets"))
        return {"gbit_per_s": end["sum_received"]["bits_per_second"] / 1e9, "packets_per_s": packets / seconds,
                "retransmits": end["sum_sent"]["retransmits"]}

    def worker_seconds(self):
        """Return the CPU time of the first server's worker: all the time of its CPU, unless another process used it."""
        for task in Path(f"/proc/{self.a.forwarder.process.pid}/task").iterdir():
            if (task / "comm").read_text().startswith("rte-worker"):
                return int((task / "schedstat").read_text().split()[0]) / 1e9
        raise LabError("the forwarder has no worker")

    def replicas(self, body):
        """Run body() and return millions of replicas of the first server per second, and per second of its worker's CPU time,
        and the result of body()."""
        before, had = binary.sample(self.a.forwarder), self.worker_seconds()
        result = body()
        after, has = binary.sample(self.a.forwarder), self.worker_seconds()
        sent = (after["sent"] - before["sent"]) / 1e6
        return sent / (after["time"] - before["time"]), sent / (has - had), result

    def close(self):
        for site in (self.a, self.b):
            site.close(check=False)


def middle(results):
    return sorted(results, key=lambda result: result["gbit_per_s"])[len(results) // 2]


def rates(results):
    return {"mreplicas_per_s": median(rate for rate, *_ in results), "mreplicas_per_cpu_s": median(rate for _, rate, _ in results)}


def measure(program, seconds, repeat):
    cpus = sorted(os.sched_getaffinity(0))
    others = cpus[1:] or cpus
    rows = []
    with tempfile.TemporaryDirectory(prefix=owner.label("bench-")) as directory:
        servers = Servers(program, Path(directory), False, cpus[0], cpus)
        try:
            for name, options in (("sent", ()), ("received", ("-R",))):
                rows.append({"what": f"TCP {name}, no other load", **middle([servers.tcp(seconds, *options) for _ in range(repeat)])})
        finally:
            servers.close()
        servers = Servers(program, Path(directory), True, cpus[0], others)
        try:
            alone = [servers.replicas(lambda: threading.Event().wait(seconds)) for _ in range(repeat)]
            rows.append({"what": "fast path alone", **rates(alone)})
            for name, options in (("sent", ()), ("received", ("-R",))):
                both = [servers.replicas(lambda: servers.tcp(seconds, *options)) for _ in range(repeat)]
                rows.append({"what": f"TCP {name} and the fast path", **middle([tcp for *_, tcp in both]), **rates(both)})
        finally:
            servers.close()
    return rows


def table(rows):
    columns = [("", "what", "{}"), ("Gbit/s", "gbit_per_s", "{:.2f}"), ("packets/s", "packets_per_s", "{:,.0f}"),
               ("retransmissions", "retransmits", "{}"), ("million replicas/s", "mreplicas_per_s", "{:.2f}"),
               ("per CPU second", "mreplicas_per_cpu_s", "{:.2f}")]
    lines = ["| " + " | ".join(heading for heading, _, _ in columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        lines.append("| " + " | ".join(how.format(row[key]) if key in row else "" for _, key, how in columns) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    if os.getuid() != 0:
        raise LabError("this creates network namespaces: run it as root")
    sweep()
    rows = measure(arguments.build / "app/dpdk-gremc/dpdk-gremc", 2 if arguments.quick else 8, 1 if arguments.quick else 3)
    print(table(rows))
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    try:
        main()
    except LabError as error:
        sys.exit(f"bench: {error}")
