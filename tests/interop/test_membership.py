# SPDX-License-Identifier: BSD-3-Clause
"""Linux kernels behind tunnels join and leave by IGMP, with ordinary programs: exactly the packets that they want arrive,
by source and group. A third site, the test itself, sends."""
import contextlib
import shlex
import time

import pytest
from lab import make_peer, until
from network import HUB, HUB_INNER, HUB_MAC, Network
from support import packets
from support.wire import Wire

G, SSM, S1, S2 = "239.1.2.3", "232.1.2.3", "10.5.0.1", "10.5.0.2"
BURST = 20
LAST_MEMBER = 200  # milliseconds, and two of them


class IgmpNetwork(Network):
    def configuration(self, sites, tunnels):
        whole = super().configuration(sites, tunnels)
        whole["igmp"] = {"last-member-interval": LAST_MEMBER, "query-interval": 20, "query-response-interval": 1000}
        return whole


class Sites:
    def __init__(self, network, top, stack):
        self.network, self.top = network, top
        network.hub.start()
        self.peers = [make_peer(f"site{n}", network.sites[n - 1], "eth0") for n in (1, 2)]
        for peer in self.peers:
            stack.callback(peer.stop)
            peer.launch()
        for n, peer in enumerate(self.peers, 1):
            peer.ready()
            peer.gre(network.mac(n), network.address(n), HUB, HUB_MAC, network.inner(n), HUB_INNER, groups="224.0.0.0/4")
        network.sites[2].ip(f"link set dev eth0 address {network.mac(3)}")
        self.wire = Wire(network.sites[2], "eth0")
        stack.callback(self.wire.close)

    def version(self, site, number):
        self.peers[site - 1].sh(f"sysctl -qw net.ipv4.conf.gre1.force_igmp_version={number}")

    @contextlib.contextmanager
    def member(self, site, group, mode="any", *sources):
        """A member for as long as the `with` lasts; afterwards the forwarder has seen it leave."""
        job = self.peers[site - 1].spawn(
            f"exec /usr/bin/python3 {shlex.quote(str(self.top))}/tests/interop/member.py gre1 {group} {mode} {' '.join(sources)}")
        try:
            until(lambda: "joined" in job.text(), f"site {site} joins; {job.text('err')}")
            until(lambda: (f"gre{site}", group) in self.groups(), "the forwarder knows it", every=0.01)
            yield job
        finally:
            job.terminate()
        until(lambda: (f"gre{site}", group) not in self.groups(), f"site {site} has left", every=0.01)

    def groups(self):
        return {(g["interface"], g["group"]): g for g in self.network.hub.pages("/gremc/groups").values()}

    def sources(self, site, group):
        """The filter that the forwarder holds, when its timers are quiet."""
        entry = self.groups()[f"gre{site}", group]
        return entry["mode"], sorted(entry["source_list"])

    def send(self, group, *sources):
        """A burst of each source."""
        for source in sources:
            for n in range(BURST):
                inner = packets.ipv4(source, group, packets.UDP, packets.udp(source, group, bytes([n]) * 50, dport=46000),
                                     ttl=8)
                self.wire.send([packets.ether(HUB_MAC, self.network.mac(3), packets.ipv4(
                    self.network.address(3), HUB, packets.GRE, packets.gre(inner)))])

    def tx(self, site):
        return self.network.hub.query(f"/gremc/tunnel,gre{site}")["tx_packets"]


def got(job, **wanted):
    """The member has received a burst, or none, of each source: in the end, and no more than that."""
    text = {S1: wanted.get("s1", 0), S2: wanted.get("s2", 0)}
    line = " ".join(f"{source}={n * BURST}" for source, n in text.items() if n)
    until(lambda: job.text().strip().split("\n")[-1] == (line or "joined"), f"it receives {line}, not {job.text()}")


@pytest.fixture(scope="module")
def sites(binary, laboratory, tmp_path_factory, top):
    igmp = {n: {"igmp": "querier", "addresses": [HUB_INNER]} for n in (1, 2)}
    with contextlib.ExitStack() as stack:
        network = IgmpNetwork(binary, tmp_path_factory.mktemp("igmp"), 3, igmp, ())
        stack.callback(network.close)
        yield Sites(network, top, stack)
        assert network.hub.stop() == 0


@pytest.mark.parametrize("number", [2, 3])
def test_member_receives_any_source(sites, number):
    """The version that the kernel is configured to use; both sites, then one of them."""
    sites.version(1, number)
    sites.version(2, number)
    with sites.member(1, G) as one:
        assert sites.groups()["gre1", G]["version"] == number
        with sites.member(2, G) as two:
            sites.send(G, S1, S2)
            got(one, s1=1, s2=1)
            got(two, s1=1, s2=1)
        sites.send(G, S1)
        got(one, s1=2, s2=1)
    why = sites.network.hub.query(f"/gremc/why,gre3,{S1},{G}")
    assert why["verdict"] == "drop" and set(why["not_joined"]) == {"gre1", "gre2"}


def test_member_receives_its_sources_only(sites):
    sites.version(1, 3)
    with sites.member(1, SSM, "include", S1) as one:
        assert sites.sources(1, SSM) == ("include", [S1])
        with sites.member(2, SSM, "include", S1, S2) as two:
            sites.send(SSM, S1, S2)
            got(two, s1=1, s2=1)
            got(one, s1=1)
        sites.send(SSM, S2)
        got(one, s1=1)
    assert sites.network.hub.pages("/gremc/mroutes") == {}


def test_member_excludes_sources(sites):
    """One member excludes a source; packets of that source do not enter its tunnel."""
    sites.version(2, 3)
    with sites.member(2, G, "exclude", S1) as two:
        until(lambda: sites.sources(2, G) == ("exclude", [f"-{S1}"]), "the exclusion is believed")
        with sites.member(1, G) as one:
            sites.send(G, S1, S2)
            got(one, s1=1, s2=1)
            got(two, s2=1)
            why = sites.network.hub.query(f"/gremc/why,gre3,{S1},{G}")
            assert why["oif_names"] == ["gre1"] and why["not_joined"] == ["gre2"]


def test_leave_ends_the_flow_in_time(sites):
    """From SIGTERM of the member to the end of the route: the two queries after a leave, and the program's own end."""
    sites.version(1, 3)
    with sites.member(1, G):
        began = time.monotonic()
    took = time.monotonic() - began
    print(f"leave delay {took * 1000:.0f} ms")
    assert 2 * LAST_MEMBER / 1000 <= took


def test_members_stay_while_they_answer(sites):
    """Over several query intervals a kernel that answers stays a member, and gets queries."""
    with sites.member(1, G) as one:
        # group timeout is 2 * 20 + 1 s: after a second query and its answer it has been put off
        until(lambda: sites.network.hub.pages("/gremc/igmp") and
              min(e["counters"]["queries_sent"] for e in sites.network.hub.pages("/gremc/igmp").values()) >= 4,
              "queries", every=0.5)
        sites.send(G, S1)
        got(one, s1=1)
