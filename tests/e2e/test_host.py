# SPDX-License-Identifier: BSD-3-Clause
"""The host keeps its network: TAP and TUN devices, with ordinary kernels and programs at both ends."""
import contextlib
import re
import socket
import threading
import time
from pathlib import Path

import pytest
from lab import LabError, lcores, until, veth
from support import hub, packets
from support.site import IP_MTU_DISCOVER, IP_PMTUDISC_DO, member, sends_by
from support.wire import Wire

OURS, THEIRS = "192.0.2.1", "192.0.2.2"


def port(address=OURS, **more):
    return {"device": "net_af_packet0", "addresses": [f"{address}/24"], "host": True, **more}


def tunnel(local=OURS, remote=THEIRS, inner=1, peer=2, **more):
    return {"local": local, "remote": remote, "addresses": [f"10.100.0.{inner}"], "peer": f"10.100.0.{peer}", "host": True,
            **more}


def config(tunnels=None, mroutes=(), settings=None, **port_keys):
    whole = {"ethernets": {"wan0": port(**port_keys)}, "tunnels": tunnels or {}, "mroutes": list(mroutes)}
    return {**whole, "settings": settings} if settings else whole


@pytest.fixture
def kernel(make_namespace):
    """The other end of the wire is an ordinary host."""
    peer = make_namespace("peer")
    peer.ip("link set lo up")
    return peer


@pytest.fixture
def site(make_site, kernel):
    """A server that is not started yet; its NIC nic0 is cabled to the kernel's eth0."""
    server = make_site("server")
    veth(server.namespace, "nic0", kernel, "eth0")
    kernel.ip(f"addr add {THEIRS}/24 dev eth0")
    return server


@pytest.fixture
def make_pair(make_site):
    """Two servers, one cable, gre1 between them."""
    def make(**options):
        a, b = make_site("a"), make_site("b")
        veth(a.namespace, "nic0", b.namespace, "nic0")
        a.start(config({"gre1": tunnel()}), "nic0", **options)
        b.start(config({"gre1": tunnel(THEIRS, OURS, 2, 1)}, address=THEIRS), "nic0", **options)
        a.reaches("10.100.0.2")
        return a, b
    return make


@pytest.fixture
def pair(make_pair):
    return make_pair()


# ---- routes of the configuration ----

def test_routes_of_tunnels_reach_their_next_hops(site):
    """A tunnel's routes are the kernel's by its interface; `on-link` reaches a next hop outside of the port's networks."""
    routes = [{"to": "10.20.0.0/16", "via": "10.100.0.2"}, {"to": "10.21.0.0/16", "scope": "link"}]
    first = config({"gre1": tunnel(routes=routes)}, routes=[{"to": "default", "via": "172.31.1.1", "on-link": True}])
    site.start(first, "nic0")
    shown = site.namespace.run("ip", "-4", "route", "show").stdout
    assert "default via 172.31.1.1 dev wan0 proto 71 onlink" in shown, shown
    assert re.search(r"^10\.20\.0\.0/16 via 10\.100\.0\.2 dev gre1 ", shown, re.MULTILINE), shown
    assert re.search(r"^10\.21\.0\.0/16 dev gre1 ", shown, re.MULTILINE), shown
    done, said = site.forwarder.reload(config({"gre1": tunnel(routes=routes[1:])}))
    assert done, said
    shown = site.namespace.run("ip", "-4", "route", "show").stdout
    assert "default" not in shown and "10.20.0.0/16" not in shown and "10.21.0.0/16" in shown, shown


# ---- whose queue ----

@pytest.mark.parametrize("queues,workers", [(1, 1), (2, 1), (2, 2), (3, 2)])
def test_host_uses_a_spare_transmit_queue(make_pair, queues, workers):
    """The control thread sends by the TX queue that the workers leave; where they leave none, a worker sends for it."""
    own = queues > workers
    a, b = make_pair(queues=queues, cpus=lcores(1 + workers))
    for server in (a, b):
        assert server.forwarder.query("/gremc/ports")["list"]["0"]["host_tx"] == own
        assert ("leave by TX queue %u, which the control thread owns" % workers if own else "leave through lcore 1: `net_af_packet0`") \
            in server.forwarder.text()

    def sent(server):
        """Packets by TX queue, those of the workers, and all of them."""
        by_queue = server.forwarder.query("/ethdev/stats,0")["q_opackets"]
        lcores_sent = sum(lcore["sent"] for lcore in server.forwarder.pages("/gremc/lcores").values())
        return [*by_queue[:queues], lcores_sent, server.forwarder.query("/gremc/info")["sent"]]

    before = [sent(server) for server in (a, b)]
    assert a.ping("10.100.0.2", 20) == 20
    for server, earlier in zip((a, b), before):
        *by_queue, by_workers, total = (now - then for now, then in zip(sent(server), earlier))
        assert total == sum(by_queue) and 20 <= total < 30
        assert by_queue[workers if own else 0] == total
        assert by_workers == (0 if own else total)
    entry = next(entry for entry in a.forwarder.pages("/gremc/tunnels").values() if entry["name"] == "gre1")
    assert entry["tx_packets"] >= 21 and entry["lost"] == 0


# ---- TAP ----

def test_the_host_is_on_its_network(site, kernel):
    """Ping, TCP and UDP to and from a server whose only NIC is the forwarder's."""
    site.start(config(), "nic0")
    assert "192.0.2.1/24" in site.addresses("wan0")
    assert re.search(r"<BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500", site.link("wan0"))
    site.reaches(THEIRS)
    assert site.ping(THEIRS, 20) == 20
    assert site.ping(THEIRS, 5, "-s", "1472", "-M", "do") == 5
    data = bytes(range(256)) * 4096
    with kernel.inside():
        server = socket.create_server((THEIRS, 7000))
    with server, site.socket() as client:
        client.connect((THEIRS, 7000))
        connection, _ = server.accept()
        with connection:
            connection.settimeout(10)
            client.sendall(data[:65536])
            received = b""
            while len(received) < 65536:
                received += connection.recv(65536)
            connection.sendall(received)
            back = b""
            while len(back) < 65536:
                back += client.recv(65536)
    assert back == data[:65536]
    entry = site.host("wan0")
    assert (entry["kind"], entry["open"]) == ("tap", 1)
    assert entry["up_packets"] > 25 and entry["down_packets"] > 25 and not any(entry["losses"].values())


def _mac(site, interface="wan0"):
    return re.search(r"link/ether (\S+)", site.link(interface)).group(1)


INNER = packets.multicast("10.1.1.1", "239.9.9.9")
STRANGER = "192.0.2.77"
# GRE that is no tunnel's: (from, GRE, fragment)
STRANGE = {
    "a peer that is in no tunnel": (STRANGER, packets.gre(INNER), 0),
    "a key that no tunnel has": (THEIRS, packets.gre(INNER, key=7), 0),
    "key 0, which is not the absence of a key": (THEIRS, packets.gre(INNER, key=0), 0),
    "gretap": (THEIRS, packets.gre(bytes(60), protocol=0x6558), 0),
    "ERSPAN": (STRANGER, packets.gre(bytes(60), flags=0x1000, protocol=0x88be), 0),
    "IPv6": (THEIRS, packets.gre(b"\x60" + bytes(47), protocol=0x86dd), 0),
    "PPTP": (STRANGER, packets.gre(bytes(20), flags=0x3001, protocol=0x880b), 0),
    "a routing field": (THEIRS, packets.gre(INNER, flags=0x4000), 0),
}


def _strange(site, source, gre, fragment=0):
    return packets.ether(_mac(site), "02:00:00:00:00:99", packets.ipv4(source, OURS, packets.GRE, gre, fragment=fragment))


def test_gre_of_other_peers_reaches_the_kernel(site, kernel):
    """The server may have other GRE tunnels: the forwarder takes only packets of the configured ones."""
    site.start(config({"gre1": tunnel()}), "nic0")
    frames = [_strange(site, *strange) for strange in STRANGE.values()]
    ours = _strange(site, THEIRS, packets.gre(INNER))
    wire, tap = Wire(kernel, "eth0"), Wire(site.namespace, "wan0")
    seen = []
    try:
        wire.send([ours, *frames, ours])
        until(lambda: seen.extend(tap.collect(seconds=0)) or all(any(frame == got[:len(frame)] for got in seen) for frame in frames),
              "all of it in the TAP")
        until(lambda: site.forwarder.query("/gremc/drops")["punts"]["multicast"] >= 2, "the tunnel's own packets go up as inner ones")
        assert not any(got[:len(ours)] == ours for got in seen)
    finally:
        wire.close()
        tap.close()
    assert site.forwarder.query("/gremc/drops")["punts"]["gre"] == len(frames)
    assert not set(site.forwarder.drops()) & {"unknown_peer", "unknown_key", "gre_protocol", "gre_version", "gre_routing"}


# The packets of a flood of each class.
FLOODS = {
    "neighbor": lambda site: _arp("02:00:00:00:00:99", STRANGER, OURS),
    "control": lambda site: packets.ether("01:00:5e:00:00:05", "02:00:00:00:00:99", packets.ipv4(STRANGER, "224.0.0.5", 89, bytes(40))),
    "traffic": lambda site: packets.ether(_mac(site), "02:00:00:00:00:99", packets.ipv4(
        STRANGER, OURS, packets.UDP, packets.udp(STRANGER, OURS, b"x" * 40))),
    "gre": lambda site: _strange(site, STRANGER, packets.gre(INNER)),
    "other": lambda site: packets.ether(_mac(site), "02:00:00:00:00:99", packets.ipv4(STRANGER, OURS, 50, bytes(40))),
    "multicast": lambda site: _strange(site, THEIRS, packets.gre(INNER)),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_tcp_continues_during_a_flood(site, kernel, kind):
    """A connection through the TAP, as SSH would be, goes on while each other class is flooded."""
    site.start(config({"gre1": tunnel()}), "nic0")
    site.reaches(THEIRS)
    frames, over = [FLOODS[kind](site)] * 64, threading.Event()
    wire = Wire(kernel, "eth0")

    def flood():
        while not over.is_set():
            wire.send(frames)

    def punted():
        reply = site.forwarder.query("/gremc/drops")
        return reply["punts"][kind] + reply["drops"][f"punt_{kind}"]

    flooder = threading.Thread(target=flood)
    with kernel.inside():
        server = socket.create_server((THEIRS, 7000))
    try:
        with server, site.socket() as client:
            client.settimeout(20)
            client.connect((THEIRS, 7000))
            connection, _ = server.accept()
            with connection:
                connection.settimeout(20)
                before = punted()
                flooder.start()
                until(lambda: punted() > before + 1000, "the flood")
                for n in range(200):
                    client.sendall(b"%4d" % n)
                    assert connection.recv(100) == b"%4d" % n
                    connection.sendall(b"%4d" % n)
                    assert client.recv(100) == b"%4d" % n
    finally:
        over.set()
        if flooder.ident:
            flooder.join()
        wire.close()
    assert site.forwarder.query("/gremc/drops")["drops"]["punt_tcp"] == 0


def _arp(sender_mac, sender, target, vlan=None):
    body = b"\0\1\x08\0\6\4\0\1" + packets.mac(sender_mac) + packets.address(sender) + bytes(6) + packets.address(target)
    return packets.ether("ff:ff:ff:ff:ff:ff", sender_mac, body, 0x0806, vlan=vlan)


@pytest.mark.parametrize("vlan", [None, 5])
def test_the_kernel_gets_the_vlan_of_the_port_untagged(site, kernel, vlan):
    """The port's own VLAN is untagged for the kernel; others pass with their tags, both ways."""
    site.start(config(**({"vlan": vlan} if vlan else {})), "nic0")
    wire, tap = Wire(kernel, "eth0"), Wire(site.namespace, "wan0")
    mac, stranger = _mac(site), "02:00:00:00:00:77"
    try:
        wire.send([_arp(stranger, THEIRS, OURS, vlan=vlan)])
        reply, = wire.collect_matching(lambda f: f[:6] == packets.mac(stranger), 1)
        tag = b"\x81\0\0\x05" if vlan else b""
        assert reply[12:12 + len(tag) + 2] == tag + b"\x08\6"
        other = packets.ether(mac, stranger, b"x" * 50, 0x88b5, vlan=7)
        wire.send([other])
        assert tap.collect_matching(lambda f: f == other, 1)
        mine = packets.ether(stranger, mac, b"y" * 50, 0x88b5, vlan=9)
        tap.send([mine])
        assert wire.collect_matching(lambda f: f == mine, 1)
        if vlan:
            drops = site.forwarder.drops().get("vlan_mismatch", 0)
            wire.send([packets.ether(mac, stranger, b"z" * 50, 0x88b5)])
            until(lambda: site.forwarder.drops().get("vlan_mismatch", 0) == drops + 1, "an untagged frame is dropped")
    finally:
        wire.close()
        tap.close()


# ---- TUN ----

def test_unicast_passes_inside_a_tunnel(pair):
    """gre1 is like a device of the kernel: packets up to its MTU pass, and the kernel rejects larger ones."""
    a, b = pair
    assert re.search(r"<POINTOPOINT,MULTICAST,NOARP,UP,LOWER_UP> mtu 1476", a.link("gre1"))
    assert "inet 10.100.0.1 peer 10.100.0.2/32" in a.addresses("gre1")
    assert a.ping("10.100.0.2", 20) == 20 and b.ping("10.100.0.1", 20) == 20
    assert a.ping("10.100.0.2", 3, "-M", "do", "-s", str(1476 - 28)) == 3
    out = a.namespace.run("ping", "-c1", "-W1", "-M", "do", "-s", str(1477 - 28), "10.100.0.2", check=False)
    assert "mtu=1476" in out.stdout + out.stderr
    # without DF it goes in two pieces
    assert a.ping("10.100.0.2", 3, "-M", "dont", "-s", "2000") == 3
    with a.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)
        udp.sendto(bytes(1448), ("10.100.0.2", 9))
        with pytest.raises(OSError, match="too long"):
            udp.sendto(bytes(1449), ("10.100.0.2", 9))
    entry = b.host("gre1")
    assert entry["kind"] == "tun" and not any(entry["losses"].values())


def test_programs_exchange_multicast_without_an_mroute(pair):
    """Two end sites without an mroute: a program on gre1 receives the packets of a program on the other gre1, also with a
    TTL of 1."""
    a, b = pair
    with a.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender, b.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        member(receiver, "239.1.2.3", 5000, "gre1")
        sends_by(sender, "gre1", ttl=1)
        for n in range(100):
            sender.sendto(b"%d" % n, ("239.1.2.3", 5000))
        assert [receiver.recv(100) for _ in range(100)] == [b"%d" % n for n in range(100)]
    # the membership report was seen by the other end's kernel: on its gre1
    until(lambda: a.forwarder.query("/gremc/drops")["punts"]["control"] > 0, "the IGMP report goes up")


# ---- the host as a vif ----

def test_programs_publish_and_subscribe_by_mroutes_of_the_host(make_site, make_namespace):
    """`host` in mroutes: local programs receive from tunnels and send to all of them."""
    server, far = make_site("server"), make_namespace("far")
    veth(server.namespace, "nic0", far, "eth0")
    site_mac = "02:00:00:00:00:22"
    server.start({"ethernets": {"wan0": {"device": "net_af_packet0", "addresses": [f"{OURS}/24"],
                                         "neighbors": {THEIRS: site_mac, "192.0.2.3": site_mac}}},
                  "tunnels": {"gre1": {"local": OURS, "remote": THEIRS}, "gre2": {"local": OURS, "remote": "192.0.2.3"}},
                  "mroutes": [{"group": "239.1.1.1", "from": ["gre1"], "to": ["gre2", "host"]},
                              {"group": "239.2.2.2", "from": "host", "to": "all"}]}, "nic0")
    server.namespace.ip("addr add 10.9.9.9/32 dev gremc0")
    wire = Wire(far, "eth0")
    try:
        with server.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            member(receiver, "239.1.1.1", 5000, "gremc0")
            inners = [packets.multicast("10.1.1.1", "239.1.1.1", b"%d" % n) for n in range(50)]
            mac = re.search(r"link/ether (\S+)", server.link("nic0")).group(1)
            wire.send([packets.ether(mac, site_mac, packets.ipv4(THEIRS, OURS, packets.GRE, packets.gre(inner)))
                       for inner in inners])
            assert [receiver.recv(100) for _ in range(50)] == [b"%d" % n for n in range(50)]
        frames = wire.collect_matching(lambda f: f[23] == packets.GRE and f[30:34] == packets.address("192.0.2.3"), 50)
        assert [f[38:] for f in frames] == [packets.forwarded(i) for i in inners]
        with server.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sends_by(sender, "gremc0")
            sender.sendto(b"news", ("239.2.2.2", 5000))
        frames = wire.collect_matching(lambda f: f[23] == packets.GRE and f.endswith(b"news"), 2)
        assert sorted(f[30:34] for f in frames) == [packets.address(THEIRS), packets.address("192.0.2.3")]
        assert all(f.endswith(b"news") and f[38 + 8] == 7 for f in frames)
    finally:
        wire.close()


# ---- the order of life ----

def test_tcp_survives_a_crash(site, kernel):
    """kill -9, start again: the devices are the same, and a connection goes on."""
    forwarder = site.start(config({"gre1": tunnel()}), "nic0")
    site.reaches(THEIRS)
    site.namespace.ip("addr add 198.51.100.9/32 dev wan0", "route add 198.18.0.0/15 via 192.0.2.2")
    before = site.link("wan0").split(":")[0], site.link("gre1").split(":")[0]
    with kernel.inside():
        server = socket.create_server((THEIRS, 22))
    with server, site.socket() as client:
        client.connect((THEIRS, 22))
        connection, _ = server.accept()
        with connection:
            connection.settimeout(20)
            client.settimeout(20)
            client.sendall(b"before")
            assert connection.recv(10) == b"before"
            forwarder.kill()
            client.sendall(b"between")
            site.start(config({"gre1": tunnel()}), "nic0")
            assert connection.recv(10) == b"between"
            connection.sendall(b"after")
            assert client.recv(10) == b"after"
    assert (site.link("wan0").split(":")[0], site.link("gre1").split(":")[0]) == before
    assert "198.51.100.9/32" in site.addresses("wan0")
    assert "198.18.0.0/15" in site.namespace.run("ip", "route").stdout


def test_why_reports_punts(pair):
    """/gremc/why agrees with the counters for a tunnel with a host interface: packets that are not forwarded go to the host."""
    a, b = pair
    for group, reason in (("224.0.0.5", "control"), ("10.100.0.2", "traffic"), ("239.9.9.9", "multicast")):
        answer = b.forwarder.query(f"/gremc/why,gre1,10.100.0.1,{group}")
        assert (answer["verdict"], answer["reason"], answer["host"]) == ("punt", reason, "gre1"), answer
        before = b.forwarder.query("/gremc/drops")["punts"][reason]
        with a.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sends_by(sender, "gre1")
            sender.sendto(b"?", (group, 7000))
        until(lambda: b.forwarder.query("/gremc/drops")["punts"][reason] > before, f"{group} is punted")  # noqa: B023
    answer = b.forwarder.query("/gremc/why,wan0,192.0.2.9,192.0.2.1")
    assert (answer["verdict"], answer["reason"], answer["host"]) == ("punt", "traffic", "wan0")


@pytest.mark.parametrize("persist", [True, False])
def test_host_persist_decides_whether_devices_stay(site, persist):
    """`host-persist` decides whether the devices stay."""
    forwarder = site.start(config({"gre1": tunnel()}, settings={"host-persist": persist}), "nic0")
    assert forwarder.stop() == 0
    assert bool(site.link("wan0")) == bool(site.link("gre1")) == persist
    if persist:
        assert "192.0.2.1/24" in site.addresses("wan0")


def test_a_reload_keeps_the_operators_changes(pair):
    """A reload keeps the operator's changes, removes dropped settings, and restores deleted ones."""
    a, _ = pair
    a.namespace.ip("addr add 203.0.113.5/32 dev gre1", "link set gre1 mtu 1400")
    until(lambda: a.forwarder.query("/gremc/tunnel,gre1")["mtu"] == 1400, "the tunnel's MTU follows")
    changed = config({"gre1": tunnel(), "gre2": tunnel(remote="192.0.2.9", inner=5, peer=6)})
    assert a.forwarder.reload(changed)[0]
    assert "203.0.113.5/32" in a.addresses("gre1") and "mtu 1400" in a.link("gre1")
    assert "10.100.0.5 peer 10.100.0.6" in a.addresses("gre2")
    assert a.forwarder.reload(config({"gre1": tunnel(inner=7)}))[0]
    assert not a.link("gre2")
    assert "10.100.0.7 peer 10.100.0.2" in a.addresses("gre1") and "10.100.0.1 " not in a.addresses("gre1")
    assert "203.0.113.5/32" in a.addresses("gre1")
    assert a.forwarder.reload(config({"gre1": tunnel()}))[0]
    a.namespace.ip("link del gre1")
    a.reaches("10.100.0.2")
    a.namespace.ip("link del wan0")
    a.reaches("10.100.0.2")


def test_a_name_in_use_is_an_error(site):
    """The kernel has an interface of the port's name: said, with a way out, and nothing is left behind."""
    site.namespace.ip("link add wan0 type veth peer name other")
    with pytest.raises(Exception, match=r"host interface wan0: .*already"):
        site.start(config(), "nic0")


def test_a_thousand_tunnels_have_interfaces(site):
    """1,000 tunnels with host interfaces are there (how soon is printed), and the last one works."""
    tunnels = {f"t{n}": {"local": OURS, "remote": f"198.51.{n // 250}.{n % 250 + 1}", "host": True,
                         "addresses": [f"10.{n // 250}.{n % 250}.1"], "peer": f"10.{n // 250}.{n % 250}.2"}
               for n in range(1000)}
    tunnels["last"] = tunnel()
    start = time.monotonic()
    site.start(config(tunnels, gateway4=THEIRS), "nic0", seconds=60)
    print(f"1,000 host interfaces in {time.monotonic() - start:.1f} s")
    assert "10.3.249.1 peer 10.3.249.2" in site.addresses("t999")
    assert len(site.forwarder.pages("/gremc/hosts")) == 1002
    assert site.forwarder.stop(60) == 0


# ---- taking over an interface of the kernel ----

MORE = ("addr add 203.0.113.7/25 dev wan0", "route add default via 192.0.2.2 metric 20 src 203.0.113.7",
        "route add 198.18.0.0/15 via 203.0.113.1", "route add 198.51.100.0/24 dev wan0 mtu 1400")


def routes(site):
    return {line.strip().replace(" linkdown", "") for line in site.namespace.run("ip", "route", "show", "dev", "wan0").stdout.splitlines()}


@pytest.fixture
def kernels(site):
    """The kernel has wan0, with all that an interface may have; nic0 is the cable that the forwarder gets."""
    site.namespace.ip("link add wan0 type veth peer name gone", "link set gone up", "link set wan0 up",
                      "link set wan0 address 02:00:00:00:00:42", f"addr add {OURS}/24 dev wan0", *MORE)
    return site


def test_a_takeover_moves_the_network_to_the_tap_and_back(kernels, top):
    """Addresses, routes and MAC go over to the TAP at the first start, stay at the second, and come back by the script."""
    before, addresses = routes(kernels), kernels.addresses("wan0").split(": ", 1)[1]
    bare = {"ethernets": {"wan0": {"device": "net_af_packet0", "addresses": [f"{OURS}/24"], "host": True}}, "mroutes": []}
    forwarder = kernels.start(bare, "nic0", options=["--takeover", "wan0"])
    assert routes(kernels) == before
    assert "203.0.113.7/25" in kernels.addresses("wan0") and _mac(kernels) == "02:00:00:00:00:42"
    assert "state DOWN" in kernels.link("wan0_k")
    kernels.reaches(THEIRS)
    assert forwarder.stop() == 0
    kernels.namespace.ip("addr add 203.0.113.8/32 dev wan0")
    kernels.start(bare, "nic0", options=["--takeover", "wan0"])
    kernels.reaches(THEIRS)
    script = top / "scripts/give-back"
    refused = kernels.namespace.run(script, "wan0", check=False)
    assert refused.returncode == 1 and "stop dpdk-gremc first" in refused.stderr
    assert kernels.forwarder.stop() == 0
    kernels.namespace.run(script, "wan0")
    assert "peer" not in kernels.addresses("wan0") and "203.0.113.8/32" in kernels.addresses("wan0")
    assert routes(kernels) == before
    assert not kernels.link("wan0_k") and "type tap" not in kernels.namespace.run("ip", "-d", "link", "show", "wan0").stdout
    assert addresses.split()[0] in kernels.addresses("wan0")


SEVERAL = ("link add side0 type veth peer name side1", "link set side0 up", "link set side1 up", "addr add 198.51.99.1/24 dev side0",
           "addr add 2001:db8::1/64 dev wan0 nodad",
           "route add 203.0.114.0/24 nexthop via 192.0.2.2 dev wan0 weight 1 nexthop via 203.0.113.1 dev wan0 weight 3",
           "route add 203.0.115.0/24 metric 7 nexthop via 198.51.99.2 dev side0 weight 2 nexthop via 192.0.2.2 dev wan0 weight 1",
           "-6 route add 2001:db8:9::/48 nexthop via 2001:db8::2 dev wan0 nexthop via 2001:db8::3 dev wan0 weight 5")


def several(site):
    """The routes with several next hops, and the hops of each in any order."""
    found = set()
    for family in ("-4", "-6"):
        for line in site.namespace.run("ip", "-o", family, "route").stdout.splitlines():
            words = re.sub(r" (linkdown|dead)", "", line.replace("\\", " "))
            route, *hops = (" ".join(part.split()) for part in words.split("nexthop"))
            if hops:
                found.add((route, *sorted(hops)))
    return found


def test_takeover_keeps_routes_with_several_next_hops(kernels, top):
    """They go over to the TAP with all their hops and weights, those by other interfaces too, and come back."""
    kernels.namespace.run("sysctl", "-qw", *(f"net.ipv6.conf.{name}.disable_ipv6=0" for name in ("all", "default", "wan0")))
    kernels.namespace.ip(*SEVERAL)
    before = several(kernels)
    assert len(before) == 3 and all(len(route) == 3 for route in before)
    forwarder = kernels.start(config(), "nic0", options=["--takeover", "wan0"])
    assert several(kernels) == before
    assert forwarder.stop() == 0
    kernels.namespace.run(top / "scripts/give-back", "wan0")
    assert several(kernels) == before


def test_a_takeover_that_fails_is_undone(kernels):
    """The program does not start: the kernel's interface is as it was."""
    def having():
        # a renamed interface numbers the labels of its further addresses
        return routes(kernels), several(kernels), re.sub(r" wan0:\d+\\", " wan0\\\\", kernels.addresses("wan0"))
    kernels.namespace.ip(*(command for command in SEVERAL if "2001:" not in command))
    before = having()
    kernels.namespace.ip("link add gre1 type veth peer name other")
    with pytest.raises(Exception, match="host interface gre1"):
        kernels.start(config({"gre1": tunnel()}), "nic0", options=["--takeover", "wan0"])
    assert having() == before
    with pytest.raises(Exception, match="--takeover wan9: no port of this name"):
        kernels.start(config(), "nic0", options=["--takeover", "wan9"])
    assert having() == before


# ---- starts that fail ----

OTHER_NIC = ("link add mgmt type veth peer name mgmtp", "link set mgmtp up", "link set mgmt up", "addr add 10.9.9.2/24 dev mgmt",
             "route add default via 10.9.9.1 dev mgmt metric 100")


def network(site):
    """Interfaces, addresses and routes, as text."""
    links = [line.split(": ")[1].split("@")[0] for line in site.namespace.run("ip", "-o", "link").stdout.splitlines()]
    return links, site.namespace.run("ip", "-4", "-br", "addr").stdout, site.namespace.run("ip", "-4", "route").stdout


@pytest.mark.parametrize("in_use", ["gre2", "wan0", "gremc0"])
def test_a_start_that_fails_changes_nothing(site, in_use):
    """The last interface that is made, or the first, is in use: the way by another NIC stays, and no interface is left."""
    site.namespace.ip(*OTHER_NIC, f"link add {in_use} type veth peer name other")
    before = network(site)
    whole = config({"gre1": tunnel(), "gre2": tunnel(remote="192.0.2.9", inner=5, peer=6)}, [{"group": "239.1.1.1", "from": "gre1", "to": "host"}],
                   gateway4=THEIRS)
    with pytest.raises(Exception, match=f"host interface {in_use}"):
        site.start(whole, "nic0")
    assert network(site) == before
    # with its name it starts, and takes the way
    site.namespace.ip(f"link del {in_use}")
    site.start(whole, "nic0")
    assert f"default via {THEIRS} dev wan0" in site.namespace.run("ip", "route").stdout


def test_restart_replaces_the_default_route(site):
    """After a restart the default route is the new one, and an address that has gone from the configuration goes."""
    site.start(config(addresses=[f"{OURS}/24", "198.51.100.7/32"], gateway4="192.0.2.254"), "nic0")
    assert site.forwarder.stop() == 0
    site.start(config(gateway4="192.0.2.253"), "nic0")
    assert "default via 192.0.2.253 dev wan0" in site.namespace.run("ip", "route", "show", "default").stdout
    assert "198.51.100.7" not in site.addresses("wan0")
    assert "not set" not in site.forwarder.text()


def test_default_route_of_another_nic_stays(site):
    """One by another NIC stays; the log names it, and the tunnel that has no next hop."""
    site.namespace.ip(*OTHER_NIC[:-1], "route add default via 10.9.9.1 dev mgmt")
    forwarder = site.start(config({"gre1": tunnel(remote="198.51.100.1")}, gateway4="192.0.2.254"), "nic0")
    assert forwarder.err.wait(r"wan0: the route to 0.0.0.0/0 via 192.0.2.254 is not set: .* via 10.9.9.1 on mgmt", 5)
    assert forwarder.err.wait(r"1 tunnels have no next hop.*198.51.100.1 leads by mgmt", 20)
    site.namespace.ip("route del default")
    until(lambda: forwarder.query("/gremc/tunnel,gre1")["next_hop"] == "192.0.2.254" or
          "default via 192.0.2.254" in site.namespace.run("ip", "route").stdout, "the configuration's route is set", every=0.1)


def test_a_killed_takeover_is_completed_or_undone(kernels, top):
    """SIGKILL during the start: the next start completes or undoes the takeover, and no setting is lost."""
    before, addresses = routes(kernels), kernels.addresses("wan0")
    for seconds in (0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 1, 1.5):
        with contextlib.suppress(LabError):
            kernels.start(config(), "nic0", options=["--takeover", "wan0"], seconds=seconds)
        kernels.forwarder.kill()
    kernels.start(config(), "nic0", options=["--takeover", "wan0"])
    assert routes(kernels) == before and "203.0.113.7/25" in kernels.addresses("wan0")
    kernels.reaches(THEIRS)
    assert kernels.forwarder.stop() == 0
    kernels.namespace.run(top / "scripts/give-back", "wan0")
    assert routes(kernels) == before
    assert re.findall(r"inet6? \S+", kernels.addresses("wan0")) == re.findall(r"inet6? \S+", addresses)
    assert not list(Path("/var/run/dpdk").glob(f"gremc-takeover-{inode(kernels.namespace)}-*"))


def inode(namespace):
    """The inode of the network namespace, which is part of a journal's name."""
    return namespace.run("stat", "-L", "-c", "%i", "/proc/self/ns/net").stdout.strip()


def test_reverse_path_filter_does_not_stop_receivers(site, kernel):
    """Programs on the server receive from senders behind the peer although the distribution enables reverse path filters;
    a setting that overrules the forwarder's is reported."""
    site.namespace.run("sysctl", "-qw", "net.ipv4.conf.all.rp_filter=0", "net.ipv4.conf.default.rp_filter=1")
    site.start(config({"gre1": tunnel()}, [{"group": "239.1.1.1", "from": ["gre1"], "to": ["host"]}]), "nic0")
    assert "rp_filter" not in site.forwarder.text()
    wire = Wire(kernel, "eth0")
    try:
        with site.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            member(receiver, "239.1.1.1", 5000, "gre1")
            for source in ("10.100.0.2", "172.31.5.5"):
                wire.send([packets.ether(_mac(site), "02:00:00:00:00:22", packets.ipv4(THEIRS, OURS, packets.GRE, packets.gre(
                    packets.multicast(source, "239.1.1.1", b"hello"))))])
                assert receiver.recvfrom(100)[1][0] == source
    finally:
        wire.close()
    site.namespace.run("sysctl", "-qw", "net.ipv4.conf.gre1.rp_filter=1")
    assert site.forwarder.err.wait(r"warning: gremc: rp_filter is on for 1 host interfaces \(gre1\)", 20)


def test_an_interface_set_down_neither_sends_nor_receives(make_hub):
    """An interface that the operator sets down neither receives nor sends, by name; `up` brings it back, and a reload changes
    nothing of it."""
    tunnels = {i: {"host": True, "addresses": [f"10.8.0.{1 + i}/32"], "peer": f"10.9.0.{1 + i}"} for i in range(3)}
    wanted = hub.config(tunnels, [{"group": "239.1.2.3", "from": "any", "to": "all"}], host=True)
    test_hub = make_hub(wanted)

    def turn(interface, state):
        test_hub.namespace.ip(f"link set {interface} {state}")
        until(lambda: next(e for e in test_hub.forwarder.pages("/gremc/hosts").values() if e["name"] == interface)["up"] ==
              (state == "up"), f"{interface} is {state}")

    def flow(site, *expected):
        """A packet of this site reaches exactly these. The kernel sends frames of its own meanwhile."""
        seen, wire = set(), test_hub.wire

        def arrived():
            seen.update(".".join(map(str, f[30:34])) for f in wire.collect(seconds=0)
                        if f[12:14] == b"\x08\0" and f[23] == packets.GRE and f[47] == packets.UDP)
            return seen >= {hub.remote(i) for i in expected}

        wire.send([hub.from_site(site, packets.multicast("10.1.1.1", "239.1.2.3", b"x"))])
        until(arrived, f"it reaches {expected}")
        assert seen == {hub.remote(i) for i in expected}

    @contextlib.contextmanager
    def counting(**expected):
        before = test_hub.drops()
        yield
        until(lambda: all(test_hub.drops().get(n, 0) >= before.get(n, 0) + k for n, k in expected.items()), "they are counted")
        assert all(test_hub.drops()[n] == before.get(n, 0) + k for n, k in expected.items())

    flow(0, 1, 2)
    for interface, reload in (("t1", False), ("t1", True)):
        turn(interface, "down")
        if reload:
            wanted["tunnels"]["t1"]["ttl"] = 77
            assert test_hub.forwarder.reload(wanted)[0]
        with counting(oif_down=1, iif_down=1):
            flow(0, 2)
            flow(1)
        why = test_hub.forwarder.query("/gremc/why,t0,10.1.1.1,239.1.2.3")
        assert (why["verdict"], why["oif_down"]) == ("forward", 1)
        assert test_hub.forwarder.query("/gremc/why,t1,10.1.1.1,239.1.2.3")["reason"] == "iif_down"
        turn(interface, "up")
        flow(0, 1, 2)
        flow(1, 0, 2)
    turn("wan", "down")
    with counting(iif_down=1):
        flow(0)
    turn("wan", "up")
    flow(0, 1, 2)
