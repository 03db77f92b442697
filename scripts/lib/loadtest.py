# SPDX-License-Identifier: BSD-3-Clause
"""The second half of scripts/loadtest: a forwarder, the generator, a wire between them, and one report."""
import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml
from lab import FIRST, Forwarder, LabError, Namespace, Switch, owner, run, start, sweep, until, veth
from lab.process import Lines
from lab.telemetry import runtime_directory

TUNNELS, GROUPS, FANOUTS = 17, 48, "1,4,16"
MAC, SITE_MAC = "02:00:00:00:00:01", "02:00:5e:00:53:02"
HUB, GATEWAY, SITES = "192.0.2.1", "192.0.2.254", "198.18.0.0/15"
AF_PACKET = "net_af_packet0,iface={},blocksz=65536,framesz=2048,framecnt=32768,qdisc_bypass=1"
CPUS = sorted(os.sched_getaffinity(0))


def on(cpu):
    """A command's beginning: before others, and whole on one CPU. EAL puts control threads on whatever CPU it may use and does
    not poll on, which would be the other program's."""
    return [*FIRST, "taskset", "-c", str(cpu)]


def say(text):
    print(f"loadtest: {text}", flush=True)


class LoadTest:
    def __init__(self, options, stack, directory):
        self.options, self.stack, self.directory = options, stack, directory
        self.forwarder = options.build / "app/dpdk-gremc/dpdk-gremc"
        self.generator = options.build / "app/gremc-loadgen/gremc-loadgen"
        self.results = []

    # ---- the generator ----

    def make_config(self, name, *more):
        path = self.directory / name
        path.write_text(run(self.generator, "make-config", "--tunnels", TUNNELS, "--groups", GROUPS, "--fanout", FANOUTS,
                            *more).stdout)
        return path

    def load(self, label, config, vdevs, namespace=None, more=()):
        """Each test is a run of its own, so that one that fails does not take the others with it."""
        tests = self.options.tests.split(",") if self.options.tests else ["suite"]
        for test in tests:
            self.load_one(label, test, config, vdevs, namespace, more)

    def load_one(self, label, test, config, vdevs, namespace, more):
        name = label.replace(" ", "-") + ("" if test == "suite" else f"-{test}")
        json, prefix = self.options.out / f"{name}.json", owner.label("load")
        json.unlink(missing_ok=True)
        argv = [*(namespace.argv() if namespace else []), *on(CPUS[-1]), self.generator, "-l", CPUS[-1], "--no-huge", "-m", "512",
                "--no-pci", f"--file-prefix={prefix}", "--log-level=error"]
        for vdev in vdevs:
            argv += ["--vdev", vdev]
        argv += ["--", test, "--dut-config", config, "--label", label, "--json", json, "--csv", json.with_suffix(".csv"), "--fanout",
                 FANOUTS, *self.place(), *more, *(["--quick"] if self.options.quick else [])]
        process = start(argv)
        try:
            status = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
            shutil.rmtree(runtime_directory() / prefix, ignore_errors=True)
        if not json.exists():
            raise LabError(f"{label}: the generator ended with status {status} and left no results")
        self.results.append(json)

    @staticmethod
    def place():
        return ["--dut-cpu", CPUS[0]] if len(CPUS) > 1 else []

    def report(self):
        report = self.options.out / "report.html"
        run(self.generator, "report", *self.results, "--report", report)
        say(f"the report is {report}")

    # ---- the forwarders ----

    def start_forwarder(self, config, namespace, vdevs):
        forwarder = Forwarder(self.forwarder, config, namespace, vdevs, cpus=["-l", str(CPUS[0])], wrapper=on(CPUS[0]))
        self.stack.callback(forwarder.kill)
        forwarder.start()
        return forwarder

    def finish_forwarder(self, forwarder):
        """Its own counters have to agree with the measurement."""
        info = forwarder.query("/gremc/info")
        if (info["rx_packets"] != info["forwarded"] + info["punted"] + info["dropped"] + info["relayed"] + info["reassembled"]
                or info["wanted"] != info["sent"] + info["lost"] + info["queued"] + info["waiting"]):
            raise LabError(f"the forwarder's sums do not hold: {info}")
        forwarder.stop()

    def gremc_memif(self):
        """All features: its kernel resolves by ARP and carries unicast, sites join groups by IGMP."""
        def memif(n, role):
            mac = f",mac={MAC}" if role == "server" else ""
            return f"net_memif{n},role={role},socket={self.directory}/m{n}.sock,socket-abstract=no,rsize=12{mac}"

        namespace = Namespace("load")
        self.stack.callback(namespace.remove)
        namespace.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        config = self.make_config("gremc.yaml", "--lan-device", "net_memif1", "--host", "--querier")
        forwarder = self.start_forwarder(config, namespace, [memif(0, "server"), memif(1, "server")])
        say("dpdk-gremc over memif: one core each")
        self.load(f"dpdk-gremc {self.version()}", config, [memif(0, "client"), memif(1, "client")], more=["--size", self.sizes()])
        self.finish_forwarder(forwarder)

    def sizes(self):
        return "64,512,1400" if self.options.quick else "rfc,imix"

    def version(self):
        return run(self.forwarder, "--version").stdout.split()[1].rstrip(",")

    def wire(self):
        """A veth pair: `gen` is the generator's end, `dut` the forwarder's."""
        namespace = Namespace("load")
        self.stack.callback(namespace.remove)
        veth(namespace, "gen", namespace, "dut")
        namespace.ip(f"link set dev dut address {MAC}", f"link set dev gen address {SITE_MAC}")
        return namespace

    def gremc_af_packet(self):
        namespace = self.wire()
        config = self.make_config("gremc.yaml", "--device", "net_af_packet0")
        forwarder = self.start_forwarder(config, namespace, [AF_PACKET.format("dut")])
        say("dpdk-gremc over af_packet and veth: one core each")
        self.load(f"dpdk-gremc {self.version()}", config, [AF_PACKET.format("gen")], namespace, self.few())
        self.finish_forwarder(forwarder)

    def few(self):
        """The options of both sides of a comparison. The kernel works for both programs on their CPUs here: most searches
        run to their end, and not only the five steps of a limit of the generator."""
        return ["--size", "64,1400", "--dut-mac", MAC, *(["--confirm", "3"] if self.options.quick else [])]

    def ovs(self):
        if not shutil.which("ovs-vswitchd"):
            raise LabError("Open vSwitch is not installed (package openvswitch-switch)")
        namespace = self.wire()
        config = self.make_config("ovs.yaml", "--device", "net_af_packet0")
        directory = self.directory / "ovs"
        directory.mkdir()
        switch = Switch(namespace, directory)
        self.stack.callback(switch.stop)
        switch.start()
        self.describe_switch(switch, namespace, yaml.safe_load(config.read_text()))
        say("Open vSwitch (userspace datapath) over af_packet and veth")
        self.load(f"Open vSwitch {self.ovs_version()}", config, [AF_PACKET.format("gen")], namespace, self.few())
        switch.stop()

    @staticmethod
    def ovs_version():
        return run("ovs-vswitchd", "--version").stdout.split("\n", 1)[0].split()[-1]

    def describe_switch(self, switch, namespace, config):
        """The configuration's tunnels as ports, its mroutes as flows."""
        number = {name: n for n, name in enumerate(config["tunnels"], 1)}
        add = ["add-br", "phy", "--", "set", "bridge", "phy", "datapath_type=netdev", f"other_config:hwaddr={MAC}", "--", "add-port",
               "phy", "dut", "--", "add-br", "in", "--", "set", "bridge", "in", "datapath_type=netdev", "fail_mode=secure"]
        for name, tunnel in config["tunnels"].items():
            add += ["--", "add-port", "in", name, "--", "set", "interface", name, "type=gre", f"ofport_request={number[name]}",
                    f"options:remote_ip={tunnel['remote']}", f"options:local_ip={HUB}", "options:packet_type=legacy_l3"]
        switch.vsctl(*add)
        namespace.ip(f"addr add {HUB}/24 dev phy", "link set phy up")
        switch.appctl("ovs/route/add", SITES, "phy", GATEWAY)
        switch.appctl("tnl/neigh/set", "phy", GATEWAY, SITE_MAC)
        flows = self.directory / "flows"
        flows.write_text("".join(
            f"in_port={number[iif]},ip,nw_src={route['source']},nw_dst={route['group']},actions=dec_ttl,"
            + ",".join(f"output:{number[name]}" for name in route["to"]) + "\n"
            for route in config["mroutes"] for iif in route["from"]))
        switch.run("ovs-ofctl", "add-flows", f"unix:{switch.directory}/in.mgmt", flows)

    def linux(self):
        namespace = self.wire()
        if namespace.run("ip", "link", "add", "probe", "type", "gre", "local", HUB, "remote", "198.18.0.1", check=False).returncode:
            raise LabError("this kernel has no ip_gre: there is nothing to compare with (a kernel with CONFIG_NET_IPGRE is needed)")
        namespace.ip("link del probe")
        config = self.make_config("linux.yaml", "--device", "net_af_packet0")
        self.describe_router(namespace, yaml.safe_load(config.read_text()))
        say("the Linux kernel's ip_gre and multicast routing")
        self.load("Linux ip_gre", config, [AF_PACKET.format("gen")], namespace, self.few())

    def describe_router(self, namespace, config):
        """At most 32 interfaces, the limit of the kernel's multicast routing."""
        namespace.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=0")
        namespace.ip(f"addr add {HUB}/24 dev dut", f"neigh add {GATEWAY} lladdr {SITE_MAC} dev dut nud permanent",
                     f"route add {SITES} via {GATEWAY}")
        for n, (name, tunnel) in enumerate(config["tunnels"].items()):
            namespace.ip(f"tunnel add {name} mode gre local {HUB} remote {tunnel['remote']} ttl 64",
                         f"addr add 10.255.{n}.1/32 dev {name}", f"link set {name} multicast on up")
        routes = self.directory / "smcroute.conf"
        routes.write_text("".join(f"phyint {name} enable\n" for name in config["tunnels"]) + "".join(
            f"mroute from {iif} source {route['source']} group {route['group']} to {' '.join(route['to'])}\n"
            for route in config["mroutes"] for iif in route["from"]))
        process = start(namespace.argv("smcrouted", "-n", "-N", "-f", routes, "-P", self.directory / "smcroute.pid", "-u",
                                       self.directory / "smcroute.sock"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.stack.callback(lambda: (process.terminate(), process.wait()))
        lines = Lines(process.stdout)

        def has_routes():
            if process.poll() is not None:
                raise LabError(f"smcrouted ended with status {process.returncode}: {lines.join()}")
            return len(namespace.run("ip", "mroute").stdout.splitlines()) >= len(config["mroutes"])
        until(has_routes, "smcroute has made the routes")

    def run(self):
        if self.options.peer == "gremc":
            self.gremc_memif()
        else:
            # report a peer that cannot run before an hour is spent on the other
            {"ovs": self.ovs, "linux": self.linux}[self.options.peer]()
            self.gremc_af_packet()
        self.report()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--peer", choices=["gremc", "ovs", "linux"], required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tests")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sweep()
    try:
        with contextlib.ExitStack() as stack:
            directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=owner.label("loadtest-"), dir=owner.temporary_root())))
            LoadTest(options, stack, directory).run()
    except LabError as error:
        print(f"loadtest: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
