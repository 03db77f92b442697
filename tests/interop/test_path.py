# SPDX-License-Identifier: BSD-3-Clause
"""Two Linux kernels with ordinary gre1 on both sides of a router whose second link is smaller: whole packets arrive, and
keepalives of the hub find out when a kernel stops to answer."""
import contextlib
import shlex

import pytest
from network import HUB, HUB_INNER, HUB_MAC, Network
from lab import Namespace, make_peer, until, veth

FAR, FAR_ROUTER, ROUTER, ROUTER_MAC = "198.51.100.12", "198.51.100.1", "192.0.2.254", "02:00:00:00:00:fe"
LINK = 1300  # bytes of an IP packet on the link behind the router
COUNT, LARGEST = 200, 1476 - 28
MCAST = "scripts/lib/mcast.py"
KEEPALIVE = {"interval": 1, "retries": 2}


class Path(Network):
    """Site 1 is on the hub's link, site 2 behind the router."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.router = Namespace("router")
        veth(self.switch, "router", self.router, "near0")
        self.switch.ip("link set dev router master br0")
        # the link of site 2 is the router's, and not that of the switch
        self.far = Namespace("far")
        veth(self.router, "far0", self.far, "eth0", LINK)
        self.router.ip(f"link set dev near0 address {ROUTER_MAC}")
        for interface, address in ("near0", ROUTER), ("far0", FAR_ROUTER):
            self.router.ip(f"addr add {address}/24 dev {interface}")
        # the hub has no host interface, so it does not answer ARP
        self.router.ip(f"neigh replace {HUB} lladdr {HUB_MAC} dev near0")
        self.router.run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=0")

    def configuration(self, sites, tunnels):
        configuration = super().configuration(sites, tunnels)
        wan = configuration["ethernets"]["wan"]
        wan["routes"] = [{"to": "198.51.100.0/24", "via": ROUTER}]
        wan["neighbors"][ROUTER] = ROUTER_MAC
        configuration["tunnels"]["gre2"]["remote"] = FAR
        return configuration

    def close(self):
        super().close()
        self.router.remove()
        self.far.remove()


@pytest.fixture(scope="module")
def path(binary, laboratory, tmp_path_factory):
    from pathlib import Path as Folder
    network = Path(binary, Folder(tmp_path_factory.mktemp("path")), 2, {1: {"keepalive": KEEPALIVE}}, ("239.0.0.0/8",))
    with contextlib.ExitStack() as stack:
        stack.callback(network.close)
        network.start()
        near = make_peer("near", network.sites[0], "eth0")
        far = make_peer("far", network.far, "eth0")
        for peer in (near, far):
            stack.callback(peer.stop)
            peer.launch()
        for peer in (near, far):
            peer.ready()
        near.gre(network.mac(1), network.address(1), HUB, HUB_MAC, network.inner(1), HUB_INNER)
        far.gre("02:00:00:00:00:12", FAR, HUB, None, network.inner(2), HUB_INNER)
        out = far.interface
        far.sh(f"ip route add {HUB}/32 via {FAR_ROUTER} dev {out}")
        # sockets leave DF clear
        near.sh("sysctl -qw net.ipv4.ip_no_pmtu_disc=1")
        yield network, near, far


def peer_entry(network, name):
    return next((e for e in network.hub.pages("/gremc/peers").values() if e["name"] == name), {})


def test_a_whole_packet_arrives_through_a_smaller_link(path, top):
    """1,476 bytes with DF clear. The router reports that its link is smaller; from then on the hub sends fragments, and the far
    kernel makes whole packets of them, each with all bytes."""
    network, near, far = path
    script = f"exec /usr/bin/python3 {shlex.quote(str(top / MCAST))}"
    warm = near.spawn(f"{script} send --interface gre1 --group 239.1.1.1 --count 20 --rate 50 --size {LARGEST}")
    assert warm.wait(60) and warm.status == 0, warm.text("err")
    until(lambda: network.hub.query("/gremc/tunnel,gre2")["mtu"] == LINK - 24, "the router's report has come")
    assert peer_entry(network, "gre2")["path_mtu"] == LINK
    receiver = far.spawn(f"{script} receive --interface gre1 --group 239.1.1.2 --count {COUNT} --seconds 60")
    until(lambda: "joined" in receiver.text(), "the far site joins")
    sending = near.spawn(f"{script} send --interface gre1 --group 239.1.1.2 --count {COUNT} --rate 100 --size {LARGEST}")
    assert sending.wait(60) and sending.status == 0, sending.text("err")
    assert receiver.wait(60), receiver.text()
    assert tuple(map(int, receiver.text().split("\n")[-2].split())) == (COUNT, COUNT, 0)


def test_keepalives_find_a_kernel_that_stops_to_answer(path):
    """Linux answers a keepalive when it forwards, and accepts its own address as a source."""
    network, near, _ = path
    until(lambda: peer_entry(network, "gre1").get("state") == "dead", "without its settings Linux does not answer")
    near.sh("sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.gre1.accept_local=1 net.ipv4.conf.all.rp_filter=0 "
            "net.ipv4.conf.gre1.rp_filter=0")
    until(lambda: peer_entry(network, "gre1")["state"] == "alive", "it answers")
    entry = peer_entry(network, "gre1")
    assert entry["answers"] > 0 and 0 < entry["rtt_ns"] < 5e9
    near.sh("sysctl -qw net.ipv4.ip_forward=0")
    until(lambda: peer_entry(network, "gre1")["state"] == "dead", "it does not answer any more")
    near.sh("sysctl -qw net.ipv4.ip_forward=1")
    until(lambda: peer_entry(network, "gre1")["state"] == "alive", "it answers again")
