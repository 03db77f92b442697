# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's multicast routes, set by smcroute, forwarded by the fast path; the kernel's own first packets and counters."""
import contextlib
import random
import re
import select
import socket
import struct
import time

import pytest
from lab import until, veth
from support import hub, packets, shared
from support.smcroute import Smcroute
from support.wire import Wire

G, STAR, S = "239.1.2.3", "239.1.2.4", "10.1.1.1"
THRESHOLDS = {"t3": 16}  # t3 is for packets whose TTL is above


@pytest.fixture
def lab(make_hub, tmp_path):
    tunnels = {i: {"host": True, "addresses": [f"10.8.0.{1 + i}/32"], "peer": f"10.9.0.{1 + i}"} for i in range(4)}
    test_hub = make_hub(hub.config(tunnels, ["kernel"]))
    namespace = test_hub.namespace
    for name in ("all", "default", *(hub.name(i) for i in range(4))):
        namespace.run("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0")
    namespace.ip("link add other type veth peer name rehto", "link set other up", "link set rehto up",
                 "addr add 10.77.0.1/24 dev other")
    with contextlib.ExitStack() as stack:
        smcroute = Smcroute(namespace, tmp_path, [*(hub.name(i) for i in range(4)), "other"], THRESHOLDS)
        stack.callback(smcroute.stop)
        yield test_hub, smcroute


@pytest.fixture
def shared_lab(make_shared, tmp_path):
    """The port is the kernel's p0, by AF_XDP."""
    tunnels = {i: {"host": True, "addresses": [f"10.8.0.{1 + i}/32"], "peer": f"10.9.0.{1 + i}"} for i in range(3)}
    test_hub = make_shared(shared.config(tunnels, ["kernel"], multicast=True))
    for name in ("all", "default", shared.PORT, *hub.names(range(3))):
        test_hub.namespace.run("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0")
    smcroute = Smcroute(test_hub.namespace, tmp_path, [*hub.names(range(3)), shared.PORT], THRESHOLDS)
    yield test_hub, smcroute
    smcroute.stop()


def mroutes(test_hub):
    return {(m["source"], m["group"]): m for m in test_hub.forwarder.pages("/gremc/mroutes").values()}


ALONE_SECONDS = 1.0  # without a packet, after which the kernel alone has no more
SURPLUS_SECONDS = 0.1  # how long is looked for packets that should not come


def collected(test_hub, wanted, count, match):
    """Return the frames that match (as many as `wanted` sites get of `count` packets) and all other frames."""
    back = test_hub.wire.collect_matching(match, len(wanted) * count)
    return hub.sites_of(back + [frame for frame in test_hub.wire.collect(seconds=SURPLUS_SECONDS) if match(frame)])


def reached(test_hub, i, source, group, count=1, wanted=()):
    """The sites that `count` packets reach, each as often as it should be; `wanted` are waited for."""
    test_hub.wire.collect(seconds=0)
    test_hub.wire.send([hub.from_site(i, packets.multicast(source, group, b"?"))] * count)
    sites = collected(test_hub, wanted, count, lambda frame: frame[23] == packets.GRE and frame[38 + 9] == packets.UDP)
    assert all(len(frames) == count for frames in sites.values()), {site: len(frames) for site, frames in sites.items()}
    return {n for n in range(4) if hub.remote(n) in sites}


def kernel_packets(test_hub, group):
    """The kernel's counters of (S,G)."""
    text = test_hub.namespace.run("ip", "-s", "mroute", "show").stdout
    found = re.search(rf"\({re.escape(S)},\s*{re.escape(group)}\).*?\n\s+(\d+) packets", text)
    return int(found.group(1)) if found else 0


def test_kernel_routes_are_mirrored(lab):
    test_hub, smcroute = lab
    smcroute(f"add t0 {S} {G} t1 t2")
    until(lambda: (S, G) in mroutes(test_hub), "the kernel's route is ours", every=0.01)
    entry = mroutes(test_hub)[S, G]
    assert (entry["origin"], entry["origins"], entry["oifs"], entry["iifs"]) == ("kernel", "kernel", 2, 1)
    before = test_hub.info()
    assert reached(test_hub, 0, S, G, 5, wanted={1, 2}) == {1, 2}
    after = test_hub.info()
    assert after["forwarded"] - before["forwarded"] == 5
    assert kernel_packets(test_hub, G) == 0  # all by the fast path
    # of packets that come by a wrong interface the kernel gets the first
    with test_hub.counting(rpf=2):
        assert reached(test_hub, 3, S, G, 3, wanted=set()) == set()
    smcroute(f"remove t0 {S} {G}")
    smcroute(f"add t0 {S} {G} t3 other")
    until(lambda: mroutes(test_hub).get((S, G), {}).get("oifs") == 1, "the changed route is ours", every=0.01)
    assert reached(test_hub, 0, S, G, wanted={3}) == {3}
    assert "other" in test_hub.forwarder.query("/gremc/kernel")["unknown_names"].split()
    smcroute(f"remove t0 {S} {G}")
    until(lambda: (S, G) not in mroutes(test_hub), "the route is gone", every=0.01)


def test_unresolved_flows_reach_the_daemon(lab):
    """(*,G): smcroute learns each source by an upcall of the kernel. The kernel forwards the first packet, as without the
    forwarder; the fast path forwards the next ones."""
    test_hub, smcroute = lab
    smcroute(f"add t0 {STAR} t1 t3")
    assert reached(test_hub, 0, S, STAR, wanted={1, 3}) == {1, 3}
    until(lambda: (S, STAR) in mroutes(test_hub), "the learned route is ours", every=0.01)
    before = test_hub.info()
    assert reached(test_hub, 0, S, STAR, 10, wanted={1, 3}) == {1, 3}
    assert test_hub.info()["forwarded"] - before["forwarded"] == 10


def test_kernel_counters_follow_flows(lab):
    """The kernel's counters increase while packets flow, and no receiver gets a packet twice."""
    test_hub, smcroute = lab
    smcroute(f"add t0 {S} {G} t1")
    until(lambda: (S, G) in mroutes(test_hub), "the kernel's route is ours", every=0.01)
    counted = kernel_packets(test_hub, G)
    for _ in range(2):
        def moved():
            assert reached(test_hub, 0, S, G, 3, wanted={1}) == {1}
            return kernel_packets(test_hub, G) > counted
        until(moved, "the kernel counts the flow", every=0.2)
        counted = kernel_packets(test_hub, G)
    assert test_hub.forwarder.query("/gremc/kernel")["kept_alive"] >= 2


def test_reload_turns_kernel_mroutes_off_and_on(lab):
    test_hub, smcroute = lab
    smcroute(f"add t0 {S} {G} t1")
    until(lambda: (S, G) in mroutes(test_hub), "the kernel's route is ours", every=0.01)
    tunnels = {i: {"host": True, "addresses": [f"10.8.0.{1 + i}/32"], "peer": f"10.9.0.{1 + i}"} for i in range(4)}
    static = {"group": G, "source": S, "from": "any", "to": ["t2"]}
    assert test_hub.forwarder.reload(hub.config(tunnels, ["kernel", static]))[0]
    until(lambda: mroutes(test_hub)[S, G]["origins"] == "static+kernel", "both", every=0.01)
    assert reached(test_hub, 0, S, G, wanted={1, 2}) == {1, 2}
    assert test_hub.forwarder.reload(hub.config(tunnels, [static]))[0]
    until(lambda: mroutes(test_hub)[S, G]["origins"] == "static", "the static one alone", every=0.01)
    assert reached(test_hub, 0, S, G, wanted={2}) == {2}
    assert test_hub.forwarder.reload(hub.config(tunnels, "kernel"))[0]
    until(lambda: mroutes(test_hub).get((S, G), {}).get("origins") == "kernel", "the kernel's alone", every=0.01)
    assert reached(test_hub, 0, S, G, wanted={1}) == {1}


# ---- upcalls from the kernel to the daemon ----

class Daemon:
    """A routing daemon's socket in the hub's namespace, with these interfaces as its vifs."""
    INIT, ADD_VIF, ADD_MFC, ASSERT, PIM, USE_IFINDEX = 200, 202, 204, 207, 208, 8
    WRONGVIF = 2

    def __init__(self, namespace, names):
        self.names = names
        with namespace.inside():
            self.socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
            indexes = [socket.if_nametoindex(name) for name in names]
        for option in (self.INIT, self.ASSERT, self.PIM):
            self.socket.setsockopt(socket.IPPROTO_IP, option, struct.pack("i", 1))
        for vif, index in enumerate(indexes):
            self.socket.setsockopt(socket.IPPROTO_IP, self.ADD_VIF, struct.pack("=HBBiII", vif, self.USE_IFINDEX, 1, 0, index, 0))

    def route(self, source, group, iif, oifs):
        ttls = bytearray(32)
        for oif in oifs:
            ttls[self.names.index(oif)] = 1
        self.socket.setsockopt(socket.IPPROTO_IP, self.ADD_MFC, packets.address(source) + packets.address(group) +
                               struct.pack("=H", self.names.index(iif)) + bytes(ttls) + b"\0\0" + struct.pack("=IIIi", 0, 0, 0, 0))

    def wrong_vifs(self):
        """The interfaces of the upcalls that have come."""
        found = []
        while select.select([self.socket], [], [], 0)[0]:
            data = self.socket.recv(2048)
            if data[9] == 0 and data[8] == self.WRONGVIF:
                found.append(self.names[data[10]])
        return found


@pytest.mark.parametrize("wrong", ["lan", "t2"])
def test_daemon_is_notified_of_wrong_interfaces(make_hub, wrong):
    """Packets of a flow arrive on an interface of its oil, a native port or a tunnel: the kernel notifies the daemon, at most
    once in three seconds, and no packet is forwarded."""
    c = hub.config({i: {"host": True, "addresses": [f"10.8.0.{1 + i}/32"], "peer": f"10.9.0.{1 + i}"} for i in range(3)}, ["kernel"])
    c["ethernets"]["lan"] = {"device": "net_af_packet1", "multicast": True, "host": True, "addresses": ["10.50.0.1/24"]}
    test_hub = make_hub(c, wires=2)
    names = ["t0", "t1", "t2", "lan"]
    test_hub.namespace.run("sysctl", "-qw", *(f"net.ipv4.conf.{name}.rp_filter=0" for name in ("all", "default", *names)))
    daemon = Daemon(test_hub.namespace, names)
    with daemon.socket:
        daemon.route(S, G, "t0", ["lan", "t1", "t2"])
        until(lambda: (S, G) in mroutes(test_hub), "the kernel's route is ours", every=0.01)
        packet = packets.multicast(S, G, b"theirs", ttl=9)
        frame = (1, packets.ether("01:00:5e:01:02:03", "02:00:00:00:00:77", packet)) if wrong == "lan" else (0, hub.from_site(2, packet))
        told, began, sent = [], time.monotonic(), 0

        def more():
            nonlocal sent
            test_hub.wires[frame[0]].send([frame[1]])
            sent += 1
            told.extend(daemon.wrong_vifs())
            return len(told) >= 2
        until(more, "the daemon is told twice", every=0.05)
        assert set(told) == {wrong} and time.monotonic() - began >= 3
        info, drops = test_hub.info(), test_hub.forwarder.query("/gremc/drops")
        assert info["forwarded"] == 0
        until(lambda: test_hub.drops().get("rpf", 0) + test_hub.forwarder.query("/gremc/drops")["punts"]["multicast"] == sent,
              "each is dropped or the kernel's")
        assert 2 <= drops["punts"]["multicast"] <= 1 + (time.monotonic() - began) / 3


# ---- on a port that the kernel keeps ----

def native(source, group, payload=b"?"):
    low = packets.address(group)
    return packets.ether(f"01:00:5e:{low[1] & 127:02x}:{low[2]:02x}:{low[3]:02x}", "02:00:00:00:07:07",
                         packets.multicast(source, group, payload))


def spread(test_hub, frame, count=1, wanted=()):
    """The tunnels that `count` such frames on the wire reach, each as often as it should be; `wanted` are waited for."""
    test_hub.wire.collect(seconds=0)
    test_hub.wire.send([frame] * count)
    sites = collected(test_hub, wanted, count, lambda back: back[23] == packets.GRE)
    assert all(len(frames) == count for frames in sites.values()), {site: len(frames) for site, frames in sites.items()}
    return {n for n in range(3) if hub.remote(n) in sites}


def until_taken(test_hub, frame):
    """Send such frames until the kernel no longer gets one; the first other one is forwarded."""
    before = test_hub.info()["forwarded"]
    until(lambda: not test_hub.passed([frame]), "the flow is taken from the kernel", every=0.01)
    until(lambda: test_hub.info()["forwarded"] == before + 1, "the frame that was taken is forwarded", every=0.01)


def test_shared_port_takes_only_routed_packets(shared_lab):
    """The forwarder takes only the packets of routes from and to the port. Another source of a group stays the kernel's until
    it has a route."""
    test_hub, smcroute = shared_lab
    other = "10.1.1.2"
    smcroute(f"add p0 {S} {G} t1 t2")
    until_taken(test_hub, native(S, G))
    before, counted = test_hub.info()["forwarded"], kernel_packets(test_hub, G)
    assert spread(test_hub, native(S, G), 5, wanted={1, 2}) == {1, 2}
    assert test_hub.info()["forwarded"] - before == 5
    assert kernel_packets(test_hub, G) == counted
    assert test_hub.passed([native(other, G)]) == [native(other, G)]
    # out of it, natively
    smcroute(f"add t0 {S} {STAR} p0 t1")
    until(lambda: (S, STAR) in mroutes(test_hub), "the route to the port is ours", every=0.01)
    inner = packets.multicast(S, STAR, b"out")
    back = test_hub.exchange([hub.from_site(0, inner)])
    assert packets.ether("01:00:5e:01:02:04", hub.MAC, packets.forwarded(inner), pad=0) in back and len(back) == 2
    # (*,G): each source is learned by its first packet, which the kernel forwards
    learned = "239.1.2.5"
    smcroute(f"add p0 {learned} t1")
    for source in (S, other):
        assert spread(test_hub, native(source, learned), wanted={1}) == {1}
        until(lambda: (source, learned) in mroutes(test_hub), "the learned route is ours", every=0.01)
        until_taken(test_hub, native(source, learned))
        before = test_hub.info()["forwarded"]
        assert spread(test_hub, native(source, learned), 10, wanted={1}) == {1}
        assert test_hub.info()["forwarded"] - before == 10
    smcroute(f"remove p0 {S} {G}")
    until(lambda: test_hub.passed([native(S, G)]), "the flow is given back to the kernel", every=0.01)
    assert not any(test_hub.drops().values())


def test_kernel_counters_follow_flows_of_a_shared_port(shared_lab):
    """The kernel gets a real packet of the flow occasionally, counts and forwards it; each receiver gets every packet once."""
    test_hub, smcroute = shared_lab
    smcroute(f"add p0 {S} {G} t1")
    until_taken(test_hub, native(S, G))
    counted = kernel_packets(test_hub, G)

    def moved():
        assert spread(test_hub, native(S, G), 3, wanted={1}) == {1}
        return kernel_packets(test_hub, G) > counted
    until(moved, "the kernel counts the flow", every=0.2)
    assert kernel_packets(test_hub, G) == counted + 1
    assert test_hub.forwarder.query("/gremc/kernel")["kept_alive"] == 1


class KernelAlone:
    """A namespace whose kernel routes multicast between t0 to t3, which are wires here."""

    def __init__(self, make_namespace, directory):
        self.namespace, self.ends = make_namespace("kernel"), make_namespace("ends")
        self.wires = []
        for i in range(4):
            veth(self.ends, f"w{i}", self.namespace, hub.name(i))
            self.wires.append(Wire(self.ends, f"w{i}"))
        for name in ("all", "default", *(hub.name(i) for i in range(4))):
            self.namespace.run("sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter=0")
        self.smcroute = Smcroute(self.namespace, directory, [hub.name(i) for i in range(4)], THRESHOLDS)

    def close(self):
        self.smcroute.stop()
        for wire in self.wires:
            wire.close()

    def exchange(self, sent):
        """{interface: packets that left there, sorted} of (interface, packet), until none has come for a while."""
        for i, packet in sent:
            self.wires[i].send([packets.ether("01:00:5e:" + ":".join(f"{byte:02x}" for byte in packet[17:20]),
                                              hub.remote_mac(i), packet)])
        found = {i: [] for i in range(len(self.wires))}
        while new := [(i, frame[14:]) for i, wire in enumerate(self.wires)
                      for frame in wire.collect(seconds=ALONE_SECONDS / len(self.wires)) if is_data(frame[14:])]:
            for i, packet in new:
                found[i].append(packet[:int.from_bytes(packet[2:4], "big")])
        return {i: sorted(frames) for i, frames in found.items()}


def is_data(packet):
    return packet[9] == packets.UDP and packet[16] >= 224


def exchange(test_hub, sent, wanted):
    """Return the expected packets and all others, received from the forwarder."""
    def match(frame):
        return frame[23] == packets.GRE and is_data(frame[38:])

    test_hub.wire.send([hub.from_site(i, packet) for i, packet in sent])
    found = {i: [] for i in range(4)}
    numbers = {packets.address(hub.remote(i)): i for i in range(4)}
    back = test_hub.wire.collect_matching(match, sum(map(len, wanted.values())))
    for frame in back + [frame for frame in test_hub.wire.collect(seconds=SURPLUS_SECONDS) if match(frame)]:
        found[numbers[frame[30:34]]].append(frame[38:])
    return {i: sorted(inner) for i, inner in found.items()}


def test_packets_leave_as_from_the_kernel_alone(lab, make_namespace, tmp_path):
    """The kernel alone and the forwarder get the same routes and packets: the same packets leave by the same interfaces,
    byte for byte, for all TTLs, interfaces, sources and groups."""
    test_hub, smcroute = lab
    (tmp_path / "alone").mkdir()
    alone = KernelAlone(make_namespace, tmp_path / "alone")
    rng = random.Random(5)
    sources, groups = [f"10.1.1.{n}" for n in range(1, 4)], [f"239.1.3.{n}" for n in range(1, 6)]
    try:
        for command in (f"add t0 {sources[0]} {groups[0]} t1 t2 t3", f"add t1 {sources[1]} {groups[0]} t3",
                        f"add t2 {sources[0]} {groups[1]} t0", f"add t3 {sources[2]} {groups[1]} t0 t1",
                        f"add t0 {groups[2]} t1 t3", f"add t1 {groups[3]} t0 t1 t2"):
            smcroute(command)
            alone.smcroute(command)
        number = iter(range(100000))

        def packet(source, group, ttl):
            return packets.multicast(source, group, b"%06d" % next(number) + rng.randbytes(rng.randrange(600)), ttl=ttl,
                                     tos=rng.choice((0, 0x28, 0xb8)), ident=rng.randrange(65536), fragment=rng.choice((0, 0x4000)))
        # each flow's first packet: without an (S,G) the kernel makes an upcall, and smcroute answers it
        sent = [(i, packet(source, group, 64)) for source in sources for group in groups for i in (0, 1)]
        for some in (sent[::2], sent[1::2]):
            wanted = alone.exchange(some)
            assert exchange(test_hub, some, wanted) == wanted
        flows = len(alone.namespace.run("ip", "mroute", "show").stdout.splitlines())
        until(lambda: len(mroutes(test_hub)) >= flows, f"all {flows} routes are ours", every=0.01)
        before = test_hub.info()["forwarded"]
        sent = [(rng.randrange(4), packet(rng.choice(sources), rng.choice(groups), rng.choice((1, 2, 3, 16, 17, 18, 64, 255))))
                for _ in range(600)]
        wanted = alone.exchange(sent)
        assert exchange(test_hub, sent, wanted) == wanted
        assert all(wanted.values())
        # none of them by the kernel
        assert test_hub.info()["forwarded"] - before == len({inner[28:34] for back in wanted.values() for inner in back})
        assert mroutes(test_hub)[sources[0], groups[0]]["thresholds"] == 1
        with test_hub.counting(ttl_threshold=1):
            assert exchange(test_hub, [(1, packet(sources[1], groups[0], 16))], {})[3] == []
    finally:
        alone.close()


MRT_INIT, MRT_ADD_VIF, MRT_DEL_VIF, MRT_ADD_MFC, USE_IFINDEX = 200, 202, 203, 204, 8


def test_removed_kernel_interface_leaves_the_oil(make_hub):
    """MRT_DEL_VIF, or the end of the interface, removes it from the kernel's route without a message about the route."""
    tunnels = {i: {"host": True, "addresses": [f"10.8.0.{1 + i}/32"], "peer": f"10.9.0.{1 + i}"} for i in range(4)}
    test_hub = make_hub(hub.config(tunnels, ["kernel"]))

    def oil():
        routes = test_hub.forwarder.pages("/gremc/mroutes").values()
        return next((test_hub.forwarder.query(f"/gremc/mroute,{S},{G}")["oif_names"] for r in routes if r["group"] == G), None)

    with test_hub.namespace.inside():
        daemon = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP)
        indexes = [socket.if_nametoindex(hub.name(i)) for i in range(4)]
    with daemon:
        daemon.setsockopt(socket.IPPROTO_IP, MRT_INIT, struct.pack("i", 1))
        for vif, index in enumerate(indexes):
            daemon.setsockopt(socket.IPPROTO_IP, MRT_ADD_VIF, struct.pack("=HBBiII", vif, USE_IFINDEX, 1, 0, index, 0))
        daemon.setsockopt(socket.IPPROTO_IP, MRT_ADD_MFC, socket.inet_aton(S) + socket.inet_aton(G) + struct.pack("=H", 0) +
                          bytes([0, 1, 1, 1] + 28 * [0]) + b"\0\0" + struct.pack("=IIIi", 0, 0, 0, 0))
        until(lambda: oil() == ["t1", "t2", "t3"], "the route is there")
        daemon.setsockopt(socket.IPPROTO_IP, MRT_DEL_VIF, struct.pack("=HBBiII", 1, USE_IFINDEX, 1, 0, 0, 0))
        until(lambda: oil() == ["t2", "t3"], "t1 is not served any more")
        test_hub.namespace.ip("link del t2")
        until(lambda: oil() == ["t3"], "t2 is not served any more")
