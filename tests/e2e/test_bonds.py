# SPDX-License-Identifier: BSD-3-Clause
"""Bonds: active-backup, balance-xor, broadcast and 802.3ad, with links that fail."""
import contextlib
import time

import pytest
from lab import PATIENCE, LabError, until
from support import hub, packets
from support.patch import Cable

TUNNELS = 16
NEAR_MAC, FAR_MAC = "02:00:00:00:00:01", "02:00:00:00:00:21"


def near_address(n):
    return f"10.50.{n}.1"


def far_address(n):
    # A bond's hash is made of the two addresses: not the same for all tunnels.
    return f"10.50.{n}.{2 + n}"


def bonded(mode, near=True, devices=("net_af_packet0", "net_af_packet1")):
    """Site 0 on port wan, TUNNELS tunnels over bond0 to the other end."""
    mine, theirs = (near_address, far_address) if near else (far_address, near_address)
    configuration = hub.config({0: {}}, [])
    wan = configuration["ethernets"]["wan"]
    wan["device"] = "net_af_packet2"
    configuration["ethernets"] = {"wan": wan, "m0": {"device": devices[0]}, "m1": {"device": devices[1]}}
    configuration["bonds"] = {"bond0": {
        "interfaces": ["m0", "m1"], "parameters": {"mode": mode},
        "addresses": [f"{mine(n)}/24" for n in range(TUNNELS)],
        "neighbors": {theirs(n): FAR_MAC if near else NEAR_MAC for n in range(TUNNELS)}}}
    for n in range(TUNNELS):
        configuration["tunnels"][f"b{n}"] = {"local": mine(n), "remote": theirs(n)}
        configuration["mroutes"].append({"group": f"239.9.9.{n}", "from": "any", "to": ["t0", f"b{n}"]})
    return configuration


def from_wan(n, payload=b"x"):
    inner = packets.multicast("10.1.1.1", f"239.9.9.{n}", payload)
    frame = hub.from_site(0, inner)
    return packets.mac("02:00:00:00:00:03") + frame[6:]


def has_link(test_hub):
    """Wait until the bond has a member that works: DPDK looks at links by and by."""
    until(lambda: all(port["link"] for port in test_hub.forwarder.pages("/gremc/ports").values()), "the bond's link")


@pytest.mark.parametrize("mode,links", [("active-backup", 1), ("balance-xor", 2), ("broadcast", 2)])
def test_static_modes_distribute_frames(make_hub, mode, links):
    """Each mode sends by the right members, and receives by the right member."""
    test_hub = make_hub(bonded(mode), wires=3)
    has_link(test_hub)
    test_hub.wires[2].send([from_wan(n) for n in range(TUNNELS)])
    info = test_hub.handled(TUNNELS)
    assert (info["sent"], info["lost"]) == (TUNNELS, 0)
    by_member = [[], []]

    def arrived():
        for frames, wire in zip(by_member, test_hub.wires):
            frames += wire.collect(seconds=0)
        return sum(map(len, by_member)) >= TUNNELS * (2 if mode == "broadcast" else 1)
    until(arrived, lambda: f"all frames arrive: {list(map(len, by_member))}")
    destinations = [{frame[30:34] for frame in frames} for frames in by_member]
    assert len(destinations[0] | destinations[1]) == TUNNELS
    assert sum(bool(frames) for frames in by_member) == links
    assert sum(map(len, by_member)) == TUNNELS * (2 if mode == "broadcast" else 1)
    assert all(frame[6:12] == packets.mac(NEAR_MAC) for frames in by_member for frame in frames)
    active = next(n for n, frames in enumerate(by_member) if frames)
    inner = packets.multicast("10.1.1.1", "239.9.9.3", b"in")
    frame = packets.ether(NEAR_MAC, FAR_MAC, packets.ipv4(far_address(3), near_address(3), packets.GRE, packets.gre(inner)))
    test_hub.wires[active].send([frame])
    back, = test_hub.wires[2].collect(1)
    assert back[38:] == packets.forwarded(inner)


def behind(n):
    """The peer of member n: a forwarder that ends all tunnels at a site of its own."""
    configuration = hub.config({0: {}}, [{"group": "239.9.9.0/24", "from": "any", "to": ["t0"]}])
    configuration["ethernets"]["link"] = {
        "device": f"net_vhost{n}", "addresses": [f"{far_address(i)}/24" for i in range(TUNNELS)],
        "neighbors": {near_address(i): NEAR_MAC for i in range(TUNNELS)}}
    for i in range(TUNNELS):
        configuration["tunnels"][f"b{i}"] = {"local": far_address(i), "remote": near_address(i)}
    return configuration


def test_active_backup_fails_over(make_hub, tmp_path):
    """The active member's link goes down: the other takes over, and back. virtio_user devices are members whose link
    goes down when the process at the other end of their vhost socket dies."""
    members = [f"virtio_user{n},path={tmp_path}/vhost{n},server=1,queues=1,mac=02:00:00:00:00:0{n + 1}" for n in (0, 1)]
    near = make_hub(bonded("active-backup", devices=("virtio_user0", "virtio_user1")), wires=3, vdevs=members,
                    started=False)
    # It waits in the EAL until its members are connected.
    near.forwarder.launch()
    far = [make_hub(behind(n), vdevs=[f"net_vhost{n},iface={tmp_path}/vhost{n},client=1"]) for n in (0, 1)]
    assert near.forwarder.out.wait("^gremc: ready", 20), near.forwarder.text()
    sent = 0

    def burst():
        """Send on every tunnel; how many packets reach the sites behind each member, and how many are lost."""
        nonlocal sent
        lost = near.info()["lost"]
        near.wires[2].send([from_wan(n) for n in range(TUNNELS)])
        sent += TUNNELS
        lost = near.handled(sent)["lost"] - lost
        arrived = [0, 0]
        deadline = time.monotonic() + 1
        while sum(arrived) + lost < TUNNELS and time.monotonic() < deadline:
            for n in (0, 1):
                if far[n].forwarder.running:
                    arrived[n] += len(far[n].wire.collect(TUNNELS, 0.02))
        return (*arrived, lost)

    until(lambda: burst() == (TUNNELS, 0, 0), "the first member carries everything")
    far[0].forwarder.kill()
    until(lambda: burst() == (0, TUNNELS, 0), "the second member takes over")
    far[0].forwarder.start()
    far[1].forwarder.kill()
    until(lambda: burst() == (TUNNELS, 0, 0), "the first member takes over")


class Pair:
    """Two forwarders, back to back by two cables between their bonds; sites on port 2 of each."""

    def __init__(self, make_hub, mode):
        self.near = make_hub(bonded(mode), wires=3)
        self.far = make_hub(bonded(mode, near=False), wires=3, first_mac=0x21)
        self.cables = [Cable(self.near.wires[n], self.far.wires[n]) for n in (0, 1)]

    def delivered(self, count, seconds=PATIENCE):
        """Send `count` packets over each tunnel; how many of all arrive at the far site, and by which cables."""
        self.far.wires[2].collect(seconds=0)
        before = [cable.carried for cable in self.cables]
        self.near.wires[2].send([from_wan(n, bytes([k])) for k in range(count) for n in range(TUNNELS)])
        arrived = len(self.far.wires[2].collect(count * TUNNELS, seconds))
        return arrived, [cable.carried > at for cable, at in zip(self.cables, before)]


@pytest.fixture
def pair(make_hub):
    with contextlib.ExitStack() as stack:
        made = Pair(make_hub, "802.3ad")
        for cable in made.cables:
            stack.callback(cable.close)
        yield made


@pytest.mark.waits
def test_lacp_fails_over(pair):
    """802.3ad between two forwarders: both links carry; a link that is cut is left by LACP, everything goes by the
    other, and it is taken again when it works."""
    all_of_it = 10 * TUNNELS

    def settled(links, what, seconds):
        until(lambda: pair.delivered(1, 0.3) == (TUNNELS, links), what, seconds, every=0.1)
        assert pair.delivered(10) == (all_of_it, links)

    settled([True, True], "LACP agrees on both links", 20)
    pair.cables[0].cut()
    # DPDK requests LACP's slow rate from its partner, so a silent link times out after 90 s.
    settled([False, True], "LACP leaves the link", 120)
    pair.cables[0].mend()
    settled([True, True], "LACP takes the link again", 60)


def test_bond_of_the_eal_forwards(make_hub):
    """A bond that the EAL made from its own arguments."""
    configuration = bonded("active-backup")
    bond = configuration["bonds"]["bond0"]
    del bond["interfaces"], bond["parameters"]
    bond["device"] = "net_bonding0"
    configuration["ethernets"] = {"wan": configuration["ethernets"]["wan"]}
    member = member_argument()
    test_hub = make_hub(configuration, wires=3,
                        vdevs=[f"net_bonding0,mode=1,{member}=net_af_packet0,{member}=net_af_packet1"])
    has_link(test_hub)
    test_hub.wires[2].send([from_wan(n) for n in range(TUNNELS)])
    assert test_hub.handled(TUNNELS)["sent"] == TUNNELS
    assert len(test_hub.wires[0].collect(TUNNELS)) == TUNNELS


def member_argument():
    """DPDK calls them members since 23.11."""
    from lab import run
    try:
        version = run("pkg-config", "--modversion", "libdpdk").stdout.strip()
    except LabError:
        return "slave"
    return "slave" if tuple(map(int, version.split(".")[:2])) < (23, 11) else "member"
