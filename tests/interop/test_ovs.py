# SPDX-License-Identifier: BSD-3-Clause
"""Open vSwitch's userspace datapath as a peer: another implementation of GRE in both directions."""
import contextlib
import re
import shutil
import socket

import pytest
from network import BAD_CHECKSUM, COMPLAINT, HUB, HUB_MAC
from lab import Namespace, Switch, until, veth
from support import packets
from support.site import Site, member, sends_by
from support.wire import Wire

KEY = 4711


@pytest.fixture(scope="module", params=["plain", "key", "checksum", "key and checksum"])
def peers(request, make_network, tshark, tmp_path_factory):
    """Site 1 is an OVS whose LAN is the test's; site 2 is the test itself."""
    if not shutil.which("ovs-vswitchd"):
        pytest.skip("Open vSwitch is not installed (package openvswitch-switch)")
    key = KEY if "key" in request.param else None
    checksum = "checksum" in request.param
    network = make_network(2, {1: {**({"key": key} if key else {}), "checksum": checksum}})
    site = network.sites[0]
    site.ip(f"link set dev eth0 address {network.mac(1)}", "link add lan0 type veth peer name lan1", "link set lan0 up",
            "link set lan1 up")
    # A short path: it holds sockets.
    directory = tmp_path_factory.mktemp("ovs")
    switch = Switch(site, directory)
    with contextlib.ExitStack() as stack:
        stack.callback(switch.stop)
        switch.start()
        options = [f"options:remote_ip={HUB}", f"options:local_ip={network.address(1)}", "options:packet_type=legacy_l3"]
        if key:
            options.append(f"options:key={key}")
        if checksum:
            options.append("options:csum=true")
        switch.vsctl("add-br", "phy", "--", "set", "bridge", "phy", "datapath_type=netdev", f"other_config:hwaddr={network.mac(1)}",
                     "--", "add-port", "phy", "eth0",
                     "--", "add-br", "in", "--", "set", "bridge", "in", "datapath_type=netdev",
                     "--", "add-port", "in", "lan0", "--", "set", "interface", "lan0", "ofport_request=1",
                     "--", "add-port", "in", "gre0", "--", "set", "interface", "gre0", "type=gre", "ofport_request=2", *options)
        site.ip(f"addr add {network.address(1)}/24 dev phy", "link set phy up")
        # A learning switch does not flood into a layer 3 port: two flows instead.
        for flow in ("in_port=1,actions=output:2", "in_port=2,actions=mod_dl_dst:01:00:5e:07:07:07,output:1"):
            switch.run("ovs-ofctl", "add-flow", f"unix:{directory}/in.mgmt", flow)
        switch.appctl("tnl/neigh/set", "phy", HUB, HUB_MAC)
        network.start()
        lan, other = Wire(site, "lan1"), Wire(network.sites[1], "eth0")
        stack.callback(lan.close)
        stack.callback(other.close)
        yield network, lan, other, key, checksum


def test_ovs_exchanges_packets_in_both_directions(peers):
    """LAN behind OVS to site 2 and back: the inner packets are unchanged except for TTL - 1."""
    network, lan, other, *_ = peers
    inners = [packets.multicast("10.1.1.1", "239.7.7.7", packets.payload_of(n, n * 14)) for n in range(100)]
    lan.send([packets.ether("01:00:5e:07:07:07", "02:33:33:33:33:33", inner) for inner in inners])
    arrived = []
    mine = packets.address(network.address(2))
    # The switch floods what OVS sends to the hub until it has learned where the hub is.
    until(lambda: arrived.extend(frame for frame in other.collect(seconds=0) if frame[30:34] == mine) or
          len(arrived) >= len(inners), "site 2 receives", 10)
    assert [frame[38:] for frame in arrived] == [packets.forwarded(inner) for inner in inners]
    outer = [packets.ether(HUB_MAC, network.mac(2), packets.ipv4(network.address(2), HUB, packets.GRE, packets.gre(inner)))
             for inner in inners]
    other.send(outer)
    received = []
    until(lambda: received.extend(frame for frame in lan.collect(seconds=0) if frame[12:14] == b"\x08\0") or
          len(received) >= len(inners), "the LAN behind OVS receives", 10)
    assert [frame[14:14 + len(inner)] for frame, inner in zip(received, inners)] == \
        [packets.forwarded(inner) for inner in inners]


def test_tshark_accepts_every_packet(peers):
    network, _, _, key, checksum = peers
    assert network.hub.query("/gremc/info")["lost"] == 0
    network.finish()
    assert network.fields(COMPLAINT, "frame.number", "_ws.expert.message") == []
    assert network.fields(BAD_CHECKSUM, "frame.number") == []
    to_ovs = network.fields(f"ip.src == {HUB} && ip.dst == {network.address(1)} && gre", "gre.key", "gre.checksum.status")
    assert len(to_ovs) == 100
    assert all((int(value, 16) if value else None) == key for value, _ in to_ovs)
    assert {status for _, status in to_ovs} == {"1" if checksum else ""}


OURS, THEIRS = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def server(binary, laboratory, tmp_path):
    """A server with host interfaces; the other end of its gre1 is a host behind an OVS, whose `in` is the bridge's own port."""
    if not shutil.which("ovs-vswitchd"):
        pytest.skip("Open vSwitch is not installed (package openvswitch-switch)")
    site, far = Site(binary, tmp_path, "a"), Namespace("ovs")
    switch = Switch(far, tmp_path)
    with contextlib.ExitStack() as stack:
        stack.callback(far.remove)
        stack.callback(site.close)
        stack.callback(switch.stop)
        veth(site.namespace, "nic0", far, "eth0")
        site.start({"ethernets": {"wan0": {"device": "net_af_packet0", "addresses": [f"{OURS}/24"], "host": True}},
                    "tunnels": {"gre1": {"local": OURS, "remote": THEIRS, "key": KEY, "addresses": ["10.100.0.1"], "peer": "10.100.0.2",
                                         "host": True}}, "mroutes": []}, "nic0")
        switch.start()
        switch.vsctl("add-br", "phy", "--", "set", "bridge", "phy", "datapath_type=netdev", "--", "add-port", "phy", "eth0",
                     "--", "add-br", "in", "--", "set", "bridge", "in", "datapath_type=netdev",
                     "--", "add-port", "in", "gre0", "--", "set", "interface", "gre0", "type=gre", "ofport_request=2",
                     f"options:remote_ip={OURS}", f"options:local_ip={THEIRS}", "options:packet_type=legacy_l3", f"options:key={KEY}")
        far.ip(f"addr add {THEIRS}/24 dev phy", "link set phy up", "addr add 10.100.0.2/24 dev in", "link set in up mtu 1462",
               "neigh add 10.100.0.1 lladdr 02:00:00:00:00:33 dev in")
        mac = _mac(far.run("ip", "link", "show", "in").stdout)
        for flow in ("in_port=LOCAL,actions=output:2", f"in_port=2,actions=mod_dl_dst:{mac},LOCAL",
                     "priority=40000,in_port=2,ip,nw_dst=239.1.2.3,actions=mod_dl_dst:01:00:5e:01:02:03,LOCAL"):
            switch.run("ovs-ofctl", "add-flow", f"unix:{tmp_path}/in.mgmt", flow)
        switch.appctl("tnl/neigh/set", "phy", OURS, _mac(site.link("wan0")))
        yield site, far


def _mac(link):
    return re.search(r"link/ether (\S+)", link).group(1)


def test_server_with_host_interfaces_reaches_ovs(server):
    """Ping and multicast of ordinary programs, both ways, through gre1 with a key."""
    site, far = server
    site.reaches("10.100.0.2")
    assert site.ping("10.100.0.2", 5) == 5
    assert " 5 received" in far.run("ping", "-n", "-q", "-i0.05", "-c5", "10.100.0.1").stdout
    with far.inside():
        there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with there, site.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        there.settimeout(10)
        for receiver, name in ((there, "in"), (here, "gre1")):
            member(receiver, "239.1.2.3", 5000, name)
        for sender, name, receiver in ((here, "gre1", there), (there, "in", here)):
            sends_by(sender, name)
            sent = [b"%s %d" % (name.encode(), n) for n in range(30)]
            for data in sent:
                sender.sendto(data, ("239.1.2.3", 5000))
            assert [receiver.recv(100) for _ in sent] == sent
    assert not any(n for name, n in site.host("gre1")["losses"].items() if name != "no_adjacency")
