# SPDX-License-Identifier: BSD-3-Clause
"""FRR's pimd on hubs in a line: it joins, prunes and registers over the tunnels' host interfaces, and sets the kernel's
multicast routes; the data takes the fast path. A site at one end sends, a site at the other joins by IGMP."""
import contextlib
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest
from lab import Forwarder, Namespace, bridge, run, until, veth
from lab.forwarder import write_config
from support import igmp, packets
from support.wire import Wire

HUBS = 3
FRR = "/usr/lib/frr"
KEEP_ALIVE = 31  # seconds, instead of 210: how long pimd keeps a flow that the kernel does not count
SOURCE, MEMBER, SSM, ASM = "10.1.0.9", "10.2.0.9", "232.1.2.3", "239.1.2.3"
SENDER, RECEIVER = 100, 101  # of the underlay


def underlay(n):
    return f"192.0.2.{n}"


def mac(n):
    return f"02:00:00:00:00:{n:02x}"


class Hub:
    """dpdk-gremc, zebra and pimd in a namespace. Hub n has a tunnel to n - 1, one to n + 1, and the ends have their site."""

    def __init__(self, n, binary, directory, switch):
        self.n, self.directory = n, directory
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
        if self.n > 1:
            self.namespace.ip(f"route add 10.1.0.0/24 via 10.0.{self.n - 1}.1 dev left")
            for hop in range(1, self.n - 1):
                self.namespace.ip(f"route add 10.0.{hop}.0/24 via 10.0.{self.n - 1}.1 dev left")
        shutil.chown(self.directory, "frr", "frr")
        os.chmod(self.directory, 0o755)
        conf = self.directory / "frr.conf"
        conf.write_text(f"ip pim rp 10.0.1.1 239.0.0.0/8\nip pim keep-alive-timer {KEEP_ALIVE}\n" + "".join(
            f"interface {name}\n ip pim\n" + (" ip igmp\n" if name == "site" and self.n == HUBS else "")
            for name in self.tunnels))
        self.start_daemons()

    def start_daemons(self):
        for daemon in ("zebra", "pimd"):
            self.namespace.run(f"{FRR}/{daemon}", "-d", "-u", "frr", "-g", "frr", "-f", self.directory / "frr.conf",
                               "-z", self.directory / "zserv.api", "-i", self.directory / f"{daemon}.pid",
                               "--vty_socket", self.directory, "-P", "0", "--log", f"file:{self.directory}/{daemon}.log")

    def stop_daemons(self):
        for daemon in ("pimd", "zebra"):
            path = self.directory / f"{daemon}.pid"
            if path.exists() and (pid := path.read_text().strip()):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGTERM)
                until(lambda p=pid: not os.path.exists(f"/proc/{p}"), f"{daemon} ends", 10)
                path.unlink(missing_ok=True)

    def ask(self, command):
        return run("vtysh", "--vty_socket", self.directory, "-c", command).stdout

    def mroutes(self):
        return {(m["source"], m["group"]): m for m in self.forwarder.pages("/gremc/mroutes").values()}

    def close(self):
        self.stop_daemons()
        if self.forwarder.running:
            self.forwarder.stop()
        self.namespace.remove()


class Line:
    def __init__(self, binary, directory, stack):
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
            self.hubs.append(Hub(n, binary, place, self.switch))
            stack.callback(self.hubs[-1].close)
        bridge(self.switch, "br0", "sender", "member", *(f"hub{n}" for n in range(1, HUBS + 1)))
        for hub in self.hubs:
            hub.start()
        for hub in self.hubs:
            wanted = len(hub.tunnels) - ("site" in hub.tunnels)
            until(lambda h=hub, w=wanted: h.ask("show ip pim neighbor").count("10.0.") >= w, f"hub {hub.n} has its neighbours",
                  60, every=0.5)

    def say(self, n, hub, packet):
        """Site n sends an inner packet to its hub."""
        self.wires[n].send([packets.ether(mac(hub), mac(n), packets.ipv4(underlay(n), underlay(hub), packets.GRE,
                                                                         packets.gre(packet)))])

    def send(self, group, count):
        for _ in range(count):
            self.say(SENDER, 1, packets.multicast(SOURCE, group, b"!", ttl=16))

    def received(self, group, seconds=0.3):
        """How many of the group's packets came to the member, each routed by all hubs."""
        wanted = packets.address(group)
        frames = [frame[38:] for frame in self.wires[RECEIVER].collect(seconds=seconds)
                  if frame[23] == packets.GRE and frame[30:34] == packets.address(underlay(RECEIVER)) and
                  frame[38 + 16:38 + 20] == wanted and frame[38 + 9] == packets.UDP]
        assert all(inner[8] == 16 - HUBS for inner in frames)
        return len(frames)


@pytest.fixture(scope="module")
def line(binary, laboratory):
    if not os.path.exists(f"{FRR}/pimd"):
        pytest.skip("FRR is not installed (package frr)")
    # The daemons drop their rights, and must reach their own directories: not below pytest's, which each start of pytest closes.
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gremc-pim")))
        directory.chmod(0o755)
        yield Line(binary, directory, stack)


@pytest.mark.parametrize("group,join,leave", [
    (SSM, igmp.join(MEMBER, SSM, SOURCE), igmp.leave(MEMBER, SSM, SOURCE)),
    (ASM, igmp.join(MEMBER, ASM), igmp.leave(MEMBER, ASM))], ids=["ssm", "asm"])
def test_join_data_leave(line, group, join, leave):
    """SSM, and PIM-SM with its rendezvous point on the first hub: from the join at one end to data from the other."""
    line.say(RECEIVER, HUBS, join)

    def arrives():
        line.send(group, 5)
        return line.received(group, 0.2)
    until(arrives, "data arrives", 60, every=0.2)
    for hub in line.hubs:
        # on the shared tree there may be a (*,G) alone
        until(lambda h=hub: {(SOURCE, group), ("*", group)} & set(h.mroutes()), f"hub {hub.n} has the route", 30, every=0.2)
        assert {m["origin"] for m in hub.mroutes().values()} == {"kernel"}
    line.received(group, 0.5)
    before = [hub.forwarder.query("/gremc/info")["forwarded"] for hub in line.hubs]
    line.send(group, 200)
    total = line.received(group, 2)
    assert total == 200
    for hub, was in zip(line.hubs, before):
        assert hub.forwarder.query("/gremc/info")["forwarded"] - was >= 200, f"hub {hub.n}: not by the fast path"
    line.say(RECEIVER, HUBS, leave)

    def silent():
        line.send(group, 5)
        return line.received(group, 0.2) == 0
    until(silent, "nothing arrives any more", 60, every=0.2)


@pytest.mark.waits
def test_a_flow_lives_as_long_as_it_flows(line):
    """At the first hub nothing but the kernel's counters keeps (S,G) alive where nobody has joined by source: over twice the
    keep-alive time of steady traffic on the fast path it stays, and after the last packet it goes."""
    group, hub = "239.1.2.5", line.hubs[0]
    line.say(RECEIVER, HUBS, igmp.join(MEMBER, group))

    def routed():
        line.send(group, 2)
        return (SOURCE, group) in hub.mroutes()
    until(routed, "the first hub has the route", 60, every=0.2)
    end = time.monotonic() + 2.2 * KEEP_ALIVE
    while time.monotonic() < end:
        assert routed()
        select.select([], [], [], 0.5)
    assert line.received(group, 0.3) > 0
    assert hub.forwarder.query("/gremc/kernel")["kept_alive"] > 0
    line.say(RECEIVER, HUBS, igmp.leave(MEMBER, group))
    until(lambda: (SOURCE, group) not in hub.mroutes(), "the flow is forgotten", 4 * KEEP_ALIVE, every=1)


def test_hub_restart(line):
    """The middle hub's forwarder is killed and started again: its kernel has kept interfaces, routes and daemon, the mirror asks
    for all of it, and data flows."""
    group = "232.1.2.4"
    line.say(RECEIVER, HUBS, igmp.join(MEMBER, group, SOURCE))

    def arrives():
        line.send(group, 5)
        return line.received(group, 0.2)
    until(arrives, "data arrives", 60, every=0.2)
    middle = line.hubs[1]
    until(lambda: (SOURCE, group) in middle.mroutes(), "the middle hub has the route", 30, every=0.2)
    middle.forwarder.kill()
    assert not arrives()
    middle.forwarder.start()
    # hellos and joins have their periods: 30 and 60 seconds
    until(arrives, "data arrives again", 180, every=0.2)
    until(lambda: (SOURCE, group) in middle.mroutes(), "the middle hub has the route again", 30, every=0.2)
