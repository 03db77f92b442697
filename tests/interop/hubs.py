# SPDX-License-Identifier: BSD-3-Clause
"""Hubs in a line, each with dpdk-gremc and FRR's daemons: they route over the tunnels' host interfaces, by static routes
or OSPF, and set the kernel's multicast routes. A site at one end sends, a site at the other joins by IGMP."""
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
from lab import Forwarder, Namespace, bridge, owner, run, until, veth
from lab.forwarder import write_config
from support import packets
from support.wire import Wire

HUBS = 3
FRR = "/usr/lib/frr"
JOIN_INTERVAL = 10  # seconds, instead of 60: a neighbour that falls silent is believed for three and a half
KEEP_ALIVE = 31  # seconds, instead of 210: how long pimd keeps a flow that the kernel does not count
SAMPLES = 5  # of a few seconds' packets: one a second goes to the kernel where a daemon needs them
SOURCE, MEMBER, SSM, ASM = "10.1.0.9", "10.2.0.9", "232.1.2.3", "239.1.2.3"
SENDER, RECEIVER = 100, 101  # of the underlay


def underlay(n):
    return f"192.0.2.{n}"


def loopback(n):
    return f"10.255.0.{n}"


def mac(n):
    return f"02:00:00:00:00:{n:02x}"


def has_ended(pid):
    """Its present parent may notice the end late."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


class Hub:
    """dpdk-gremc, zebra and pimd in a namespace, and ospfd or static routes. Hub n has a tunnel to n - 1, one to n + 1, and
    the ends have their site."""

    def __init__(self, n, binary, directory, switch, ospf=False):
        self.n, self.directory, self.ospf = n, directory, ospf
        self.namespace = Namespace("pim")
        veth(switch, f"hub{n}", self.namespace, "wan0")
        self.namespace.ip(f"link set dev wan0 address {mac(n)}")
        self.tunnels = {}
        if n == 1:
            self.tunnels["site"] = (SENDER, "10.1.0.1", SOURCE)
        else:
            self.tunnels["left"] = (n - 1, f"10.0.{n - 1}.2", f"10.0.{n - 1}.1")
        if n == HUBS:
            self.tunnels["site"] = (RECEIVER, "10.2.0.1", MEMBER)
        else:
            self.tunnels["right"] = (n + 1, f"10.0.{n}.1", f"10.0.{n}.2")
        path = directory / "hub.yaml"
        write_config(path, self.configuration())
        self.forwarder = Forwarder(binary, path, self.namespace, ["net_af_packet0,iface=wan0"], memory=256)

    def configuration(self):
        others = {remote for remote, _, _ in self.tunnels.values()}
        return {"ethernets": {"wan": {"device": "net_af_packet0", "addresses": [f"{underlay(self.n)}/24"],
                                      "neighbors": {underlay(i): mac(i) for i in others}}},
                "tunnels": {name: {"local": underlay(self.n), "remote": underlay(remote), "addresses": [f"{own}/32"],
                                   "peer": peer, "host": True} for name, (remote, own, peer) in self.tunnels.items()},
                "mroutes": "kernel"}

    def start(self):
        self.forwarder.start()
        for name in ("all", "default", *self.tunnels):
            self.namespace.run("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0")
        self.namespace.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        if self.n > 1 and not self.ospf:
            self.namespace.ip(f"route add 10.1.0.0/24 via 10.0.{self.n - 1}.1 dev left")
            for hop in range(1, self.n - 1):
                self.namespace.ip(f"route add 10.0.{hop}.0/24 via 10.0.{self.n - 1}.1 dev left")
        shutil.chown(self.directory, "frr", "frr")
        os.chmod(self.directory, 0o755)
        if self.ospf:
            self.namespace.ip(f"addr add {loopback(self.n)}/32 dev lo")
        self.write_daemons_config()
        self.start_daemons()

    def rendezvous(self):
        """The RP: with static routes the first hub, where the source is; with OSPF the one in the middle, which learns it by
        registers."""
        return loopback(2) if self.ospf else "10.0.1.1"

    def write_daemons_config(self):
        """A file for each daemon. With OSPF the timers are short: a link is lost after four seconds of silence."""
        pimd = [f"ip pim rp {self.rendezvous()} 239.0.0.0/8", f"ip pim keep-alive-timer {KEEP_ALIVE}",
                f"ip pim rp keep-alive-timer {KEEP_ALIVE}", f"ip pim join-prune-interval {JOIN_INTERVAL}"]
        ospfd = ["router ospf", f" ospf router-id {loopback(self.n)}", " redistribute connected", "exit"]
        ospfd += ["interface lo", " ip ospf area 0"]
        pimd += ["interface lo", " ip pim"] if self.ospf else []
        for name in self.tunnels:
            pimd += [f"interface {name}", " ip pim"]
            pimd += [" ip pim hello 1 4"] if self.ospf else []
            pimd += [" ip igmp"] if name == "site" and self.n == HUBS else []
            if name != "site":
                ospfd += [f"interface {name}", " ip ospf area 0", " ip ospf network point-to-point",
                          " ip ospf hello-interval 1", " ip ospf dead-interval 4"]
        for daemon, lines in ("zebra", []), ("pimd", pimd), ("ospfd", ospfd):
            (self.directory / f"{daemon}.conf").write_text("\n".join(lines) + "\n")

    def daemons(self):
        return ("zebra", "pimd", "ospfd") if self.ospf else ("zebra", "pimd")

    def start_daemons(self):
        for daemon in self.daemons():
            self.namespace.run(f"{FRR}/{daemon}", "-d", "-u", "frr", "-g", "frr", "-f", self.directory / f"{daemon}.conf",
                               "-z", self.directory / "zserv.api", "-i", self.directory / f"{daemon}.pid",
                               "--vty_socket", self.directory, "-P", "0", "--log", f"file:{self.directory}/{daemon}.log")

    def stop_daemons(self):
        for daemon in reversed(self.daemons()):
            path = self.directory / f"{daemon}.pid"
            if path.exists() and (pid := path.read_text().strip()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGTERM)
                until(lambda p=pid: has_ended(p), f"{daemon} ends")
                path.unlink(missing_ok=True)

    def ask(self, command):
        return run("vtysh", "--vty_socket", self.directory, "-c", command).stdout

    def wanted(self):
        """All its neighbours."""
        return {peer for name, (_, _, peer) in self.tunnels.items() if name != "site"}

    def neighbors(self):
        """Those that PIM has."""
        return {peer for peer in self.wanted() if peer in self.ask("show ip pim neighbor")}

    def mroutes(self):
        return {(m["source"], m["group"]): m for m in self.forwarder.pages("/gremc/mroutes").values()}

    def close(self):
        self.stop_daemons()
        if self.forwarder.running:
            self.forwarder.stop()
        self.namespace.remove()


class Line:
    def __init__(self, binary, directory, stack, ospf=False):
        self.switch = Namespace("switch")
        stack.callback(self.switch.remove)
        self.wires = {}
        for n, name in ((SENDER, "sender"), (RECEIVER, "member")):
            veth(self.switch, name, self.switch, f"{name}0")
            self.wires[n] = Wire(self.switch, f"{name}0")
            stack.callback(self.wires[n].close)
        self.hubs = []
        for n in range(1, HUBS + 1):
            place = directory / f"hub{n}"
            place.mkdir()
            self.hubs.append(Hub(n, binary, place, self.switch, ospf))
            stack.callback(self.hubs[-1].close)
        bridge(self.switch, "br0", "sender", "member", *(f"hub{n}" for n in range(1, HUBS + 1)))
        for hub in self.hubs:
            hub.start()
        for hub in self.hubs:
            until(lambda h=hub: h.neighbors() == h.wanted(), f"hub {hub.n} has its neighbours", every=0.5)

    def say(self, n, hub, packet):
        """Site n sends an inner packet to its hub."""
        self.wires[n].send([packets.ether(mac(hub), mac(n), packets.ipv4(underlay(n), underlay(hub), packets.GRE,
                                                                         packets.gre(packet)))])

    def send(self, group, count):
        for _ in range(count):
            self.say(SENDER, 1, packets.multicast(SOURCE, group, b"!", ttl=16))

    def received(self, group, seconds=0.3, count=1 << 62):
        """How many of the group's packets came to the member, each routed by all hubs: `count`, or fewer when the time is over. In
        a register the first one leaves it as it is."""
        wanted = packets.address(group)
        frames = [frame[38:] for frame in self.wires[RECEIVER].collect_matching(
            lambda frame: frame[23] == packets.GRE and frame[30:34] == packets.address(underlay(RECEIVER)) and
            frame[38 + 16:38 + 20] == wanted and frame[38 + 9] == packets.UDP, count, seconds)]
        assert {inner[8] for inner in frames} <= {16 - HUBS, 16 - HUBS + 1}
        return len(frames)

    def forwarded(self):
        return [hub.forwarder.query("/gremc/info")["forwarded"] for hub in self.hubs]


@contextlib.contextmanager
def hubs_in_a_line(binary, ospf=False):
    for daemon in ("zebra", "pimd", "ospfd"):
        if not os.path.exists(f"{FRR}/{daemon}"):
            pytest.skip("FRR is not installed (package frr)")
    # The daemons drop their rights, and must reach their own directories: not below pytest's, which each start of pytest closes.
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=owner.label("pim-"))))
        directory.chmod(0o755)
        yield Line(binary, directory, stack, ospf)
