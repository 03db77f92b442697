# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's routes and neighbours lead the tunnels: real gateways that change, go and come back, while multicast
flows."""
import contextlib
import struct
import threading

import pytest
from lab import PATIENCE, bridge, until, veth
from support import hub, packets
from support.wire import Wire

HUB, SOURCE = "192.0.2.1", "192.0.2.9"
GATEWAYS = {"a": "192.0.2.254", "b": "192.0.2.253"}
REMOTE = "198.51.100.2"
GROUP = "239.1.1.1"


class Net:
    """A hub whose gateways are ordinary kernels on a switch. The test is the source, and captures on the gateways' cables."""

    def __init__(self, server, make_namespace):
        self.server, self.switch = server, make_namespace("switch")
        veth(self.switch, "hub", server.namespace, "nic0")
        veth(self.switch, "source", self.switch, "test")
        bridge(self.switch, "br0", "hub", "source")
        self.gateways, self.wires = {}, {}
        for name, address in GATEWAYS.items():
            gateway = make_namespace(f"gw{name}")
            veth(self.switch, f"gw{name}", gateway, "eth0")
            self.switch.ip(f"link set dev gw{name} master br0")
            gateway.ip(f"link set dev eth0 address 02:00:00:00:00:a{1 + len(self.gateways)}", f"addr add {address}/24 dev eth0")
            self.gateways[name] = gateway
            self.wires[name] = Wire(gateway, "eth0")
        self.source = Wire(self.switch, "test")
        self.sent = 0

    def configuration(self, remotes=(REMOTE,), **more):
        tunnels = {f"t{n}": {"local": HUB, "remote": remote} for n, remote in enumerate(remotes)}
        return {"ethernets": {"wan0": {"device": "net_af_packet0", "addresses": [f"{HUB}/24"], "gateway4": GATEWAYS["a"],
                                       "host": True, **more}},
                "tunnels": {"from": {"local": HUB, "remote": SOURCE}, **tunnels},
                "mroutes": [{"group": GROUP, "from": ["from"], "to": list(tunnels)}]}

    def start(self, configuration):
        self.server.start(configuration, "nic0")
        link = self.server.link("wan0")
        self.mac = link.split("link/ether ")[1].split()[0]

    def send(self, count=1):
        for _ in range(count):
            inner = packets.multicast("10.1.1.1", GROUP, struct.pack("!I", self.sent))
            self.source.send([packets.ether(self.mac, "02:00:00:00:00:99",
                                            packets.ipv4(SOURCE, HUB, packets.GRE, packets.gre(inner)))])
            self.sent += 1

    @contextlib.contextmanager
    def traffic(self, rate=500):
        """A steady stream while the body runs."""
        stop = threading.Event()

        def run():
            while not stop.wait(1 / rate):
                self.send()
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            until(lambda: self.server.forwarder.query("/gremc/info")["forwarded"] == self.sent, "all is forwarded")

    def flows(self, count=100):
        """Wait until so many more packets have been sent."""
        enough = self.sent + count
        until(lambda: self.sent >= enough, f"{count} packets are sent")

    def arrived(self, name, count=None):
        """(sequence number, destination MAC) of each replica on a gateway's cable: of `count`, or up to the last one sent."""
        found = []

        def complete():
            found.extend((struct.unpack("!I", f[66:70])[0], f[:6]) for f in self.wires[name].collect(seconds=0)
                         if f[12:14] == b"\x08\0" and f[23] == packets.GRE)
            return len(found) >= count if count is not None else found and found[-1][0] == self.sent - 1
        until(complete, lambda: f"the replicas arrive at {name}: {len(found)} of {count or self.sent}")
        return found

    def tunnel(self, name="t0"):
        return self.server.forwarder.query(f"/gremc/tunnel,{name}")

    def leads_by(self, gateway, mac=None, seconds=PATIENCE):
        def led():
            tunnel = self.tunnel()
            return tunnel["resolved"] and tunnel["next_hop"] == GATEWAYS[gateway] and (mac is None or tunnel["mac"] == mac)
        until(led, f"the tunnel goes by {gateway}", seconds, every=0.005)

    def close(self):
        for wire in [*self.wires.values(), self.source]:
            wire.close()


@pytest.fixture
def net(make_site, make_namespace):
    network = Net(make_site("hub"), make_namespace)
    yield network
    network.close()


def mac_of(namespace):
    return namespace.run("cat", "/sys/class/net/eth0/address").stdout.strip()


def test_a_next_hop_is_resolved_without_traffic(net):
    """Without a packet: the gateway is known soon after the start, and nothing is lost from the first packet on."""
    net.start(net.configuration())
    net.leads_by("a")
    with net.traffic():
        net.flows(150)
    assert [n for n, _ in net.arrived("a", net.sent)] == list(range(net.sent))
    assert net.server.forwarder.drops() == {}


def test_the_first_packets_wait(net):
    """The gateway answers only after the first packets of a flow: they have waited, and arrive in order before the rest."""
    net.switch.ip("link set dev gwa nomaster")
    net.start(net.configuration())
    assert not net.tunnel()["resolved"]
    net.send(5)
    until(lambda: net.server.forwarder.query("/gremc/info")["waiting"] == 5, "five wait")
    assert net.tunnel()["wanted"] == 0 and net.server.forwarder.drops() == {}
    with net.traffic(100):
        net.switch.ip("link set dev gwa master br0")
        net.leads_by("a")
        net.flows(10)
    arrived = [n for n, _ in net.arrived("a")]
    # more than a few may have come before the answer; then the oldest are lost, and no other
    lost = net.server.forwarder.drops().get("no_adjacency", 0)
    assert arrived == list(range(lost, net.sent))
    tunnel, info = net.tunnel(), net.server.forwarder.query("/gremc/info")
    assert (tunnel["wanted"], tunnel["tx_packets"], info["waiting"]) == (net.sent, len(arrived), 0)


def test_a_few_packets_wait_until_the_gateway_answers(net):
    """Without traffic behind them, all of them arrive when the gateway answers. They wait for three seconds only, so a busy
    machine may need several attempts."""
    net.switch.ip("link set dev gwa nomaster")
    net.start(net.configuration())
    lost = 0
    for _ in range(20):
        net.send(5)
        net.switch.ip("link set dev gwa master br0")
        net.leads_by("a")
        until(lambda: net.tunnel()["wanted"] == net.sent, "all are sent or lost")
        if (expired := net.tunnel()["lost"] - lost) == 0:
            break
        lost += expired
        net.switch.ip("link set dev gwa nomaster")
        net.server.namespace.ip(f"neigh del {GATEWAYS['a']} dev wan0")
        until(lambda: not net.tunnel()["resolved"], "the next hop is not resolved")
    arrived = [n for n, _ in net.arrived("a", net.sent - lost)]
    assert arrived[-5:] == list(range(net.sent - 5, net.sent))
    assert net.tunnel()["losses"]["no_adjacency"] == lost


def test_a_changed_mac_takes_effect(net):
    """Another machine becomes the gateway and announces itself by ARP: from then on all packets go to it."""
    net.start(net.configuration())
    net.leads_by("a")
    old, new = mac_of(net.gateways["a"]), "02:00:00:00:00:b7"
    with net.traffic():
        net.flows()
        net.gateways["a"].ip(f"link set dev eth0 address {new}")
        net.gateways["a"].run("ping", "-c1", "-W1", HUB, check=False)
        net.leads_by("a", new)
        net.flows()
    arrived = net.arrived("a", net.sent)
    assert [n for n, _ in arrived] == list(range(net.sent))
    macs = [mac for _, mac in arrived]
    change = macs.index(packets.mac(new))
    assert set(macs[:change]) == {packets.mac(old)} and set(macs[change:]) == {packets.mac(new)}


def test_a_changed_route_takes_effect(net):
    """Another gateway for the remote, and back: the losses while it is not known are counted, to the packet."""
    net.start(net.configuration())
    net.leads_by("a")
    with net.traffic():
        net.flows()
        for gateway in ("b", "a"):
            net.server.namespace.ip(f"route replace {REMOTE}/32 via {GATEWAYS[gateway]}")
            net.leads_by(gateway)
            net.flows()
    lost = net.server.forwarder.drops().get("no_adjacency", 0)
    arrived = {"a": net.arrived("a")}
    arrived["b"] = net.arrived("b", net.sent - lost - len(arrived["a"]))
    numbers = [n for frames in arrived.values() for n, _ in frames]
    assert len(numbers) == len(set(numbers)) == net.sent - lost
    assert arrived["b"] and all(mac == packets.mac(mac_of(net.gateways["b"])) for _, mac in arrived["b"])
    assert all(mac == packets.mac(mac_of(net.gateways["a"])) for _, mac in arrived["a"])
    # no route at all, and one again
    net.server.namespace.ip(f"route del {REMOTE}/32", "route del default")
    until(lambda: not net.tunnel()["resolved"], "no route, no next hop")
    assert net.tunnel()["next_hop"] == "0.0.0.0"
    net.server.namespace.ip(f"route add default via {GATEWAYS['a']}")
    net.leads_by("a")


def test_an_absent_gateway_is_counted(net):
    """The gateway is absent for a thousand packets: the drops are counted exactly, and end when it returns."""
    net.start(net.configuration())
    net.leads_by("a")
    with net.traffic(200):
        net.switch.ip("link set dev gwa nomaster")
        # the kernel's memory of it ends, as it does of itself when nothing answers any more
        net.server.namespace.ip(f"neigh del {GATEWAYS['a']} dev wan0")
        until(lambda: net.server.forwarder.drops().get("no_adjacency", 0) > 0, "it is missed")
        net.flows(1000)
        net.switch.ip("link set dev gwa master br0")
        net.leads_by("a")
        net.flows()
    tunnel = net.tunnel()
    assert tunnel["lost"] == tunnel["losses"]["no_adjacency"] and tunnel["wanted"] == net.sent
    # packets sent while the MAC address was still valid went into a cut cable; no other is missing
    arrived = [n for n, _ in net.arrived("a")]
    gap = next(i for i, n in enumerate(arrived) if n != i)
    assert arrived[gap:] == list(range(arrived[gap], net.sent))
    assert tunnel["tx_packets"] - len(arrived) == arrived[gap] - gap - tunnel["lost"]


def test_a_stale_neighbour_is_confirmed(net):
    """The forwarder makes the kernel confirm a stale neighbour in use: multicast alone keeps it reachable."""
    net.start(net.configuration())
    net.server.namespace.run("sysctl", "-qw", "net.ipv4.neigh.wan0.delay_first_probe_time=1")
    net.leads_by("a")
    net.server.namespace.ip(f"neigh change {GATEWAYS['a']} dev wan0 nud stale")
    confirmed = []

    def seen():
        frames = net.wires["a"].collect(seconds=0)
        confirmed.extend(f for f in frames if f[12:14] == b"\x08\6" and f[20:22] == b"\0\1" and f[:6] != b"\xff" * 6)
        return confirmed
    # without traffic it is left alone
    threading.Event().wait(2)
    assert not seen()
    with net.traffic(100):
        until(seen, "a unicast ARP request confirms the gateway")
    assert net.server.forwarder.drops() == {}


def test_static_neighbours_override_arp(net):
    """A MAC address of the configuration overrules ARP, and reloads change between the two without a loss."""
    fixed = "02:00:00:00:00:f0"
    net.start(net.configuration(neighbors={GATEWAYS["a"]: fixed}))
    net.leads_by("a", fixed)
    net.server.reaches(GATEWAYS["a"])
    net.leads_by("a", fixed)
    with net.traffic():
        for neighbors, mac in (({}, mac_of(net.gateways["a"])), ({GATEWAYS["a"]: fixed}, fixed)) * 3:
            assert net.server.forwarder.reload(net.configuration(neighbors=neighbors))[0]
            net.leads_by("a", mac)
    assert net.server.forwarder.drops() == {}


def test_a_flood_of_route_changes_loses_nothing(net):
    """10,000 routes come and go while multicast flows by tunnels that they do not touch: nothing is lost."""
    net.start(net.configuration())
    net.leads_by("a")
    batch = "".join(f"route {verb} 10.{n >> 8}.{n & 255}.0/24 via {GATEWAYS['b']}\n" for verb in ("add", "del")
                    for n in range(5000))
    path = net.server.directory / "batch"
    path.write_text(batch)
    with net.traffic():
        net.server.namespace.run("ip", "-batch", path)
        net.flows()
    assert [n for n, _ in net.arrived("a", net.sent)] == list(range(net.sent))
    assert net.server.forwarder.drops() == {}


def test_ten_thousand_tunnels_are_resolved(net):
    """10,000 neighbours and 10,000 host routes are mirrored; the kernel's own limit of neighbours is raised for it."""
    net.server.namespace.run("sysctl", "-qw", "net.ipv4.neigh.default.gc_thresh1=20000",
                             "net.ipv4.neigh.default.gc_thresh2=30000", "net.ipv4.neigh.default.gc_thresh3=40000", check=False)
    thresholds = net.server.namespace.run("sysctl", "-n", "net.ipv4.neigh.default.gc_thresh3", check=False).stdout.strip()
    count = 10000 if thresholds == "" or int(thresholds) >= 40000 else 900
    hops = [f"10.{n // 250}.{n % 250}.1" for n in range(count)]
    remotes = [f"172.{16 + n // 62500}.{n // 250 % 250}.{n % 250 + 1}" for n in range(count)]
    configuration = net.configuration(remotes, addresses=[f"{HUB}/24", "10.255.255.254/8"])
    batch = net.server.directory / "batch"
    batch.write_text("".join(f"neigh replace {hop} lladdr {hub.remote_mac(n)} dev wan0 nud permanent\n"
                             f"route add {remote}/32 via {hop}\n" for n, (hop, remote) in enumerate(zip(hops, remotes))))
    net.start(configuration)
    net.server.namespace.run("ip", "-batch", batch)
    forwarder = net.server.forwarder

    def resolved():
        return sum(n["resolved"] for n in forwarder.pages("/gremc/neighbors").values())
    until(lambda: resolved() >= count,
          lambda: f"{count} neighbours: {resolved()}, {forwarder.query('/gremc/kernel')['host_overruns']} overruns", 90, every=0.2)
    net.send()
    until(lambda: forwarder.query("/gremc/info")["sent"] >= count, "a replica to each")
    assert forwarder.drops() == {}
