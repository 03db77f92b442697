# SPDX-License-Identifier: BSD-3-Clause
"""Every replica of every packet: addresses, lengths, checksums, TTL, bytes, order and count."""
import pytest
from support import hub, packets

PACKETS = 91  # an odd number: not a multiple of any burst
SMALLEST, JUMBO_MTU = 28, 9000


def sizes_up_to(largest):
    """91 inner sizes from the smallest to the largest, with the borders of padding (46 bytes of Ethernet payload leave 22
    of inner packet) and of the copy threshold (256)."""
    borders = [28, 29, 30, 31, 32, 33, 46, 47, 60, 61, 64, 127, 128, 129, 255, 256, 257, 511, 512, 1024, 1280]
    borders = [size for size in borders if size <= largest] + [largest - 1, largest]
    return [borders[n] if n < len(borders) else SMALLEST + n * (largest - SMALLEST) // PACKETS for n in range(PACKETS)]


def packets_of(sizes, group="239.1.1.1", **ip):
    return [packets.multicast("10.1.1.1", group, packets.payload_of(n, size - 28), **ip)
            for n, size in enumerate(sizes)]


def check_all(test_hub, inners, receivers, key=None, vlan=None, **outer):
    """Each of `receivers` gets every packet once, in order and intact; no other site gets a packet."""
    back = test_hub.exchange([hub.from_site(0, inner, vlan=vlan) for inner in inners])
    by_site = hub.sites_of(back, vlan)
    assert len(back) == len(inners) * len(receivers)
    for i in receivers:
        expected = [hub.to_site(i, inner, key=key, vlan=vlan, **outer) for inner in inners]
        assert by_site.pop(hub.remote(i), None) == expected, f"site {i}"
    assert not by_site


@pytest.mark.parametrize("fanout", [1, 7, pytest.param(31, marks=pytest.mark.smoke), 300])
def test_every_receiver_gets_every_packet_once(make_hub, fanout):
    test_hub = make_hub(hub.one_to_many(fanout))
    with test_hub.counting():
        check_all(test_hub, packets_of(sizes_up_to(1476)), range(1, fanout + 1))
    info = test_hub.info()
    assert (info["forwarded"], info["wanted"], info["sent"]) == (PACKETS, PACKETS * fanout, PACKETS * fanout)
    entry, = test_hub.forwarder.pages("/gremc/mroutes").values()
    assert entry["packets"] == PACKETS


@pytest.mark.parametrize("fanout", [1, 7, 31, 300])
def test_jumbo_packets_are_forwarded(make_hub, fanout):
    """Up to 9,000 bytes on the wire, copied and shared."""
    configuration = hub.one_to_many(fanout)
    configuration["ethernets"]["wan"]["mtu"] = JUMBO_MTU
    test_hub = make_hub(configuration, mtu=JUMBO_MTU, af_packet=hub.JUMBO)
    assert test_hub.forwarder.pages("/gremc/ports")["0"]["mtu"] == JUMBO_MTU
    inners = packets_of(sizes_up_to(JUMBO_MTU - 24))
    # A few at a time: the buffer of a socket is bounded.
    for start in range(0, PACKETS, 13):
        check_all(test_hub, inners[start:start + 13], range(1, fanout + 1))


@pytest.mark.parametrize("threshold", [0, 9000])
def test_copy_threshold_selects_shares_or_copies(make_hub, threshold):
    configuration = hub.one_to_many(31)
    configuration["settings"] = {"copy-threshold": threshold}
    check_all(make_hub(configuration), packets_of(sizes_up_to(1476)), range(1, 32))


@pytest.mark.parametrize("fanout", [255, 256, 257, 1000])
def test_counters_do_not_wrap_at_256_replicas(make_hub, fanout):
    test_hub = make_hub(hub.one_to_many(fanout))
    check_all(test_hub, packets_of([28, 200, 257, 1476, 100]), range(1, fanout + 1))


def test_a_fan_out_of_20000_is_forwarded(make_hub):
    """One packet, 20,000 replicas: each site gets one, nothing is lost or missing."""
    test_hub = make_hub(hub.one_to_many(20000))
    for inner in packets_of([100, 1000]):
        back = test_hub.exchange([hub.from_site(0, inner)])
        by_site = hub.sites_of(back)
        assert len(back) == len(by_site) == 20000
        assert all(by_site[hub.remote(i)] == [hub.to_site(i, inner)] for i in range(1, 20001))


def test_replicas_equal_those_of_scapy(make_hub):
    """The same by another judge than our own builder."""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import GRE, Ether
    test_hub = make_hub(hub.one_to_many(3))
    frame = Ether(dst=hub.MAC, src=hub.remote_mac(0)) / IP(src=hub.remote(0), dst=hub.LOCAL) / GRE() / \
        IP(src="10.1.1.1", dst="239.1.1.1", ttl=17, id=77) / UDP(sport=1, dport=2) / b"hello"
    back = test_hub.exchange([bytes(frame)])
    assert len(back) == 3
    for raw in back:
        replica = Ether(raw)
        again = Ether(raw)
        for layer in (again[IP], again[GRE].payload, again[UDP]):
            del layer.chksum
        assert bytes(again.__class__(bytes(again))) == raw, "a checksum is wrong"
        inner = replica[GRE].payload
        assert (replica[IP].ttl, replica[IP].flags, inner.ttl, inner.id) == (64, "DF", 16, 77)
        assert bytes(inner[UDP].payload) == b"hello"
