# SPDX-License-Identifier: BSD-3-Clause
"""GRE-in-UDP (RFC 8086): sent, received, beside plain GRE and the kernel's UDP, and changed by a reload."""
import itertools

from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import GRE, Ether
from support import hub, packets

GROUP = "239.1.1.1"
KEY = 0x01020304


def inner_packet(n=0, size=30, source="10.1.1.1", group=GROUP):
    return packets.multicast(source, group, packets.payload_of(n, size))


def options(number):
    """The configuration of tunnel `number`: each of the four bits is an option."""
    return {"mode": "gre-udp", **({"checksum": True} if number & 1 else {}), **({"key": KEY + number} if number & 2 else {}),
            **({"sequence": "count"} if number & 4 else {}), **({"udp-checksum": True} if number & 8 else {})}


def from_site(i, inner, port=4754, with_checksum=False, sport=50000, **gre):
    datagram = packets.gre_in_udp(hub.remote(i), hub.LOCAL, packets.gre(inner, **gre), port=port, sport=sport,
                                  with_checksum=with_checksum)
    return packets.ether(hub.MAC, hub.remote_mac(i), packets.ipv4(hub.remote(i), hub.LOCAL, packets.UDP, datagram))


def recomputed(frame, layer):
    """The checksum that scapy computes for a layer."""
    packet = Ether(frame)
    del packet[layer].chksum
    return Ether(bytes(packet))[layer].chksum


def parsed(frame, port=4754):
    """A sent frame, which scapy has found right in each length and checksum."""
    packet = Ether(frame)
    assert packet[IP].chksum == recomputed(frame, IP) and packet[IP].len == len(frame) - 14
    udp = packet[UDP]
    assert (udp.dport, udp.len) == (port, packet[IP].len - 20) and udp.sport >= 49152
    assert udp.chksum in (0, recomputed(frame, UDP))
    gre = GRE(bytes(udp.payload))
    assert gre.proto == 0x0800
    if gre.chksum_present:
        assert packets.checksum(bytes(udp.payload)) == 0
    return packet, gre


def test_all_combinations_are_sent(make_hub):
    """Sixteen tunnels with each combination of options: one source port for all replicas of a flow, others for other flows."""
    test_hub = make_hub(hub.config({16: {"mode": "gre-udp"}, **{n: options(n) for n in range(16)}},
                                   [{"group": GROUP, "from": ["t16"], "to": "all"}]))
    inners = [inner_packet(n, size, source=f"10.1.1.{n + 1}") for n, size in enumerate((0, 1, 99, 300, 1301, 1400))]
    frames = test_hub.exchange([from_site(16, inner) for inner in inners])
    by_site = {}
    for frame in frames:
        by_site.setdefault(Ether(frame)[IP].dst, []).append(frame)
    assert len(by_site) == 16
    ports = set()
    for n in range(16):
        for i, frame in enumerate(by_site[hub.remote(n)]):
            packet, gre = parsed(frame)
            assert (packet[UDP].chksum != 0, bool(gre.chksum_present)) == (bool(n & 8), bool(n & 1)), n
            assert (gre.key if gre.key_present else None) == (KEY + n if n & 2 else None)
            assert (gre.sequence_number if gre.seqnum_present else None) == (i if n & 4 else None)
            assert bytes(packet[UDP].payload)[4 + 4 * bin(n & 7).count("1"):] == packets.forwarded(inners[i])
            ports.add((i, packet[UDP].sport))
        tunnel = test_hub.forwarder.query(f"/gremc/tunnel,t{n}")
        assert (tunnel["mode"], tunnel["udp_port"], tunnel["udp_checksum"]) == ("gre-udp", 4754, int(bool(n & 8)))
        assert tunnel["mtu"] == 1500 - 32 - 4 * bin(n & 7).count("1")
    assert len(ports) == len(inners) and len({port for _, port in ports}) > 1


def test_all_combinations_are_received(make_hub):
    """Any source port is accepted; each checksum is verified where it is present, and a wrong one is counted for its tunnel."""
    test_hub = make_hub(hub.config({16: {}, **{n: options(n) for n in range(16)}}, [{"group": GROUP, "from": "any", "to": ["t16"]}]))
    for n, udp_checksum, gre_checksum in itertools.product(range(16), (False, True), (False, True)):
        inner = inner_packet(n, 61)
        good = from_site(n, inner, with_checksum=udp_checksum, sport=1 + 4096 * n, key=KEY + n if n & 2 else None,
                         sequence=7 if n & 4 else None)
        assert [hub.without_free_fields(frame) for frame in test_hub.exchange([good])] == [hub.to_site(16, inner)]
        if udp_checksum:
            with test_hub.counting(udp_checksum=1):
                assert test_hub.exchange([good[:-1] + bytes([good[-1] ^ 1])]) == []
    drops = {entry["name"]: entry["dropped"] for entry in test_hub.forwarder.pages("/gremc/vif_drops").values()}
    assert drops == {f"t{n}": 2 for n in range(16)}


def test_plain_gre_and_two_ports_between_the_same_hosts(make_hub):
    """Three tunnels with the same addresses: protocol and port tell them apart, and so does `why` by their names."""
    same = {"remote": hub.remote(0)}
    test_hub = make_hub(hub.config({0: {}, 1: {**same, "mode": "gre-udp"}, 2: {**same, "mode": "gre-udp", "port": 6000}, 3: {}},
                                   [{"group": GROUP, "from": "any", "to": ["t3"]}]))
    inner = inner_packet()
    for frame, name in ((hub.from_site(0, inner), "t0"), (from_site(0, inner), "t1"), (from_site(0, inner, port=6000), "t2")):
        before = test_hub.forwarder.query(f"/gremc/tunnel,{name}")["rx_packets"]
        assert [hub.without_free_fields(frame) for frame in test_hub.exchange([frame])] == [hub.to_site(3, inner)]
        assert test_hub.forwarder.query(f"/gremc/tunnel,{name}")["rx_packets"] == before + 1
    with test_hub.counting(not_gre=1):
        assert test_hub.exchange([from_site(0, inner, port=6001)]) == []
    with test_hub.counting(unknown_key=1):
        assert test_hub.exchange([from_site(0, inner, key=5)]) == []
    with test_hub.counting(unknown_peer=1):
        assert test_hub.exchange([from_site(4, inner)]) == []


def test_a_reload_changes_the_mode(make_hub):
    """Plain GRE becomes GRE-in-UDP, gets another port and a checksum, and becomes plain again; the other tunnel is untouched."""
    wanted = hub.config(3, [{"group": GROUP, "from": ["t0"], "to": ["t1", "t2"]}])
    test_hub = make_hub(wanted)
    modes = ({}, {"mode": "gre-udp"}, {"mode": "gre-udp", "udp-checksum": True}, {"mode": "gre-udp", "port": 6000}, {})
    for n, mode in enumerate(modes):
        wanted["tunnels"]["t1"] = hub.tunnel(1, **mode)
        assert test_hub.forwarder.reload(wanted)[0]
        frames = {Ether(frame)[IP].dst: frame for frame in test_hub.exchange([hub.from_site(0, inner_packet(n))])}
        assert hub.without_free_fields(frames[hub.remote(2)]) == hub.to_site(2, inner_packet(n))
        if not mode:
            assert hub.without_free_fields(frames[hub.remote(1)]) == hub.to_site(1, inner_packet(n))
            continue
        packet, gre = parsed(frames[hub.remote(1)], mode.get("port", 4754))
        assert bytes(gre.payload) == packets.forwarded(inner_packet(n))
        assert (packet[UDP].chksum != 0) == ("udp-checksum" in mode)
    assert test_hub.forwarder.query("/gremc/tunnel,t2")["tx_packets"] == len(modes)


def test_large_packets_are_fragmented_inside(make_hub):
    """RFC 8086, 4.1: an inner packet above 1,468 bytes is fragmented before the headers, and the fragments have one source port."""
    test_hub = make_hub(hub.config({0: {}, 1: {"mode": "gre-udp"}}, [{"group": GROUP, "from": ["t0"], "to": ["t1"]}]))
    whole = packets.multicast("10.1.1.1", GROUP, packets.payload_of(1, 1448))  # 1,476 bytes: as much as plain GRE carries
    sent = [parsed(frame) for frame in test_hub.exchange([hub.from_site(0, whole)])]
    assert len({packet[UDP].sport for packet, _ in sent}) == 1
    parts = [IP(bytes(gre.payload)) for _, gre in sent]
    assert [part.flags.MF for part in parts] == [1, 0]
    assert b"".join(bytes(part.payload) for part in parts) == packets.forwarded(whole)[20:]
