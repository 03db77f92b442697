# SPDX-License-Identifier: BSD-3-Clause
"""GRE, outer and inner headers: keys, flags, options, TOS, TTL, DF, VLAN, native multicast."""
import itertools

import pytest
from support import hub, packets

GROUP = "239.1.1.1"
# RFC 6040, decapsulation: the code points of ECN in order of severity.
NOT_ECT, ECT1, ECT0, CE = 0, 1, 2, 3
SEVERITY = [NOT_ECT, ECT0, ECT1, CE]


def inner_packet(payload=b"hello", **ip):
    return packets.multicast("10.1.1.1", GROUP, payload, **ip)


def all_from_0(tunnels, **more):
    return hub.config(tunnels, [{"group": GROUP, "from": ["t0"], "to": "all"}], **more)


def gre_from(i, payload, **gre):
    return packets.ether(hub.MAC, hub.remote_mac(i),
                         packets.ipv4(hub.remote(i), hub.LOCAL, packets.GRE, packets.gre(payload, **gre)))


# ---- keys ----

def test_keys_separate_tunnels_of_the_same_addresses(make_hub):
    """No key, key 0, key 42 and the largest key between the same two addresses are four tunnels."""
    keys = {"plain": None, "zero": 0, "answer": 42, "largest": 0xffffffff}
    configuration = hub.config(2, [{"group": GROUP, "from": list(keys), "to": ["t1"]},
                                   {"group": "239.2.2.2", "from": ["t1"], "to": list(keys)}])
    del configuration["tunnels"]["t0"]
    for name, key in keys.items():
        configuration["tunnels"][name] = hub.tunnel(0, **({} if key is None else {"key": key}))
    test_hub = make_hub(configuration)
    for name, key in keys.items():
        assert len(test_hub.exchange([hub.from_site(0, inner_packet(), key=key)])) == 1
        assert test_hub.forwarder.query(f"/gremc/tunnel,{name}")["rx_packets"] == 1, name
    with test_hub.counting(unknown_key=2):
        assert test_hub.exchange([hub.from_site(0, inner_packet(), key=key) for key in (1, 0x2a000000)]) == []
    inner = packets.multicast("10.1.1.1", "239.2.2.2", b"out")
    back = [hub.without_free_fields(frame) for frame in test_hub.exchange([hub.from_site(1, inner)])]
    assert sorted(back) == sorted(hub.to_site(0, inner, key=key) for key in keys.values())


def test_each_direction_has_its_own_key(make_hub):
    """Input and output keys differ; one direction may have none; a key may be written as a dotted quad."""
    test_hub = make_hub(all_from_0({0: {"key": {"input": 1, "output": 2}}, 1: {"key": {"output": 7}},
                                    2: {"key": {"input": 9}}, 3: {"key": "0.0.1.0"}}))
    inner = inner_packet()
    by_site = hub.sites_of(test_hub.exchange([hub.from_site(0, inner, key=1)]))
    assert by_site == {hub.remote(i): [hub.to_site(i, inner, key=key)] for i, key in ((1, 7), (2, None), (3, 256))}
    with test_hub.counting(unknown_key=1, rpf=2):
        test_hub.exchange([hub.from_site(0, inner, key=2), hub.from_site(1, inner), hub.from_site(2, inner, key=9)])


@pytest.mark.parametrize("key", [None, 0, 77])
def test_gre_checksum_and_sequence_are_accepted(make_hub, key):
    """C and S lengthen the header, in the order C, K, S; reserved bits 6 to 12 are ignored."""
    test_hub = make_hub(all_from_0({0: {} if key is None else {"key": key}, 1: {}}))
    inner = inner_packet(packets.payload_of(1, 333))
    frames = [gre_from(0, inner, key=key, with_checksum=c, sequence=s, flags=f)
              for c, s, f in itertools.product((False, True), (None, 0, 0xffffffff), (0, 0x03f8))]
    back = test_hub.exchange(frames)
    assert [hub.without_free_fields(frame) for frame in back] == [hub.to_site(1, inner)] * len(frames)


# ---- IP options and fields that travel ----

def test_outer_options_are_skipped_and_inner_ones_kept(make_hub):
    """Outer options are skipped, inner ones travel untouched, up to the longest, both at once."""
    test_hub = make_hub(all_from_0(3))
    router_alert, most = b"\x94\4\0\0", b"\1" * 40
    for outer, inner in itertools.product((b"", router_alert, most), repeat=2):
        packet = inner_packet(b"x" * 50, options=inner)
        by_site = hub.sites_of(test_hub.exchange([hub.from_site(0, packet, options=outer)]))
        assert by_site == {hub.remote(i): [hub.to_site(i, packet)] for i in (1, 2)}


def test_inner_fields_are_forwarded_unchanged(make_hub):
    """ID, fragment bits (inner fragments are only packets here), protocol but IGMP, TTL - 1 at every value."""
    test_hub = make_hub(all_from_0(2))
    inners = [inner_packet(b"data", ttl=ttl, ident=ttl * 257, fragment=fragment)
              for ttl, fragment in zip(range(2, 256), itertools.cycle((0, 0x4000, 0x2000, 0x2005, 0x1fff, 0x8000)))]
    inners += [packets.ipv4("10.1.1.1", GROUP, protocol, b"any protocol") for protocol in range(256) if protocol != 2]
    back = test_hub.exchange([hub.from_site(0, inner) for inner in inners])
    assert [hub.without_free_fields(frame) for frame in back] == [hub.to_site(1, inner) for inner in inners]


def test_the_inner_checksum_is_right_for_every_value(make_hub):
    """All values of a field: the incremental update is right where the sum wraps, too."""
    test_hub = make_hub(all_from_0(2))
    for start in range(0, 65536, 2048):
        inners = [packets.multicast("10.1.1.1", GROUP, b"", ident=ident) for ident in range(start, start + 2048)]
        back = test_hub.exchange([hub.from_site(0, inner) for inner in inners])
        assert [frame[38:] for frame in back] == [packets.forwarded(inner) for inner in inners]


# ---- outer TOS, TTL, DF ----

def test_outer_fields_are_fixed_or_inherited(make_hub):
    """Fixed and inherited TTL, DSCP and DF, each in a tunnel of its own; ECN is always copied (RFC 6040)."""
    test_hub = make_hub(all_from_0({0: {}, 1: {}, 2: {"ttl": 255, "tos": 184}, 3: {"ttl": "inherit"},
                                    4: {"tos": "inherit"}, 5: {"df": False}, 6: {"df": "inherit"},
                                    7: {"ttl": "inherit", "tos": "inherit", "df": "inherit", "key": 5}}))
    for tos, ttl, df in itertools.product((0, 1, 2, 3, 0x20, 0xb8, 0xbb, 0xfe), (2, 33, 255), (False, True)):
        inner = inner_packet(tos=tos, ttl=ttl, fragment=0x4000 if df else 0)
        # A sender that follows RFC 6040 copies ECN, so nothing changes on the way in.
        by_site = hub.sites_of(test_hub.exchange([hub.from_site(0, inner, tos=tos & 3)]))
        ecn = tos & 3
        assert by_site == {hub.remote(i): [hub.to_site(i, inner, **fields)] for i, fields in {
            1: {"tos": ecn}, 2: {"ttl": 255, "tos": 184 | ecn}, 3: {"ttl": ttl - 1, "tos": ecn}, 4: {"tos": tos},
            5: {"df": False, "tos": ecn}, 6: {"df": df, "tos": ecn},
            7: {"ttl": ttl - 1, "tos": tos, "df": df, "key": 5}}.items()}


def test_decapsulation_combines_ecn(make_hub):
    """All sixteen pairs of inner and outer ECN: dropped, or the more severe mark, and the checksum fits."""
    test_hub = make_hub(all_from_0(2))
    for inside, outside in itertools.product(range(4), repeat=2):
        frame = hub.from_site(0, inner_packet(tos=0x28 | inside), tos=outside)
        if inside == NOT_ECT and outside == CE:
            with test_hub.counting(ecn=1):
                assert test_hub.exchange([frame]) == []
            continue
        mark = inside if inside == NOT_ECT else max(inside, outside, key=SEVERITY.index)
        back, = test_hub.exchange([frame])
        assert hub.without_free_fields(back) == hub.to_site(1, inner_packet(tos=0x28 | mark), tos=mark)


def test_packets_without_df_have_different_ids(make_hub):
    """With DF clear, packets of a tunnel that follow each other have different IDs (RFC 6864)."""
    test_hub = make_hub(all_from_0({0: {}, 1: {"df": False}}))
    back = test_hub.exchange([hub.from_site(0, inner_packet(packets.payload_of(n, 9))) for n in range(500)])
    assert len({frame[18:20] for frame in back}) == 500


# ---- Ethernet ----

def test_a_port_receives_and_sends_its_vlan(make_hub):
    """A port with a VLAN takes that tag only, and sends it."""
    test_hub = make_hub(all_from_0(4, vlan=100))
    inner = inner_packet(packets.payload_of(3, 700))
    by_site = hub.sites_of(test_hub.exchange([hub.from_site(0, inner, vlan=100)]), vlan=100)
    assert by_site == {hub.remote(i): [hub.to_site(i, inner, vlan=100)] for i in (1, 2, 3)}
    # priority bits do not matter
    assert len(test_hub.exchange([hub.from_site(0, inner, vlan=0xe000 | 100)])) == 3
    with test_hub.counting(vlan_mismatch=3):
        assert test_hub.exchange([hub.from_site(0, inner, vlan=vlan) for vlan in (None, 101, 0)]) == []


def test_an_untagged_port_accepts_a_priority_tag(make_hub):
    """VLAN 0 is no VLAN: a tag that carries a priority only (802.1Q)."""
    test_hub = make_hub(all_from_0(2))
    assert len(test_hub.exchange([hub.from_site(0, inner_packet(), vlan=0xa000)])) == 1


def test_padding_of_small_frames_is_not_forwarded(make_hub):
    """Inner packets that fit into the least frame: its padding is not taken for payload."""
    test_hub = make_hub(all_from_0(4))
    inners = [packets.ipv4("10.1.1.1", GROUP, 17, b"p" * n) for n in range(0, 40)]
    by_site = hub.sites_of(test_hub.exchange([hub.from_site(0, inner) for inner in inners]))
    assert by_site == {hub.remote(i): [hub.to_site(i, inner) for inner in inners] for i in (1, 2, 3)}


# ---- native multicast ----

LAN_MAC = "02:00:00:00:00:02"


def edge(**lan):
    return hub.config(3, [{"group": GROUP, "from": ["t0"], "to": ["t1", "t2", "lan"]},
                          {"group": "239.200.1.2", "from": ["lan"], "to": ["t0", "t1"]},
                          {"group": "239.3.3.3", "from": ["t0"], "to": ["lan"]}],
                      more={"ethernets": {"wan": hub.port(3),
                                          "lan": {"device": "net_af_packet1", "multicast": True, **lan}}})


def native(group, inner, source=LAN_MAC, vlan=None, pad=0):
    low = packets.address(group)
    mac = "01:00:5e:" + f"{low[1] & 0x7f:02x}:{low[2]:02x}:{low[3]:02x}"
    return packets.ether(mac, source, inner, vlan=vlan, pad=pad)


@pytest.mark.parametrize("vlan", [None, 30])
def test_a_native_port_encapsulates_and_decapsulates(make_hub, vlan):
    """A LAN port: packets leave under the group's MAC with TTL - 1, and enter as they are."""
    test_hub = make_hub(edge(**({"vlan": vlan} if vlan else {})), wires=2)
    lan = test_hub.wires[1]
    for size in (0, 20, 400, 1400):
        inner = inner_packet(packets.payload_of(size, size))
        test_hub.wire.send([hub.from_site(0, inner)])
        frame, = lan.collect(1)
        assert frame == native(GROUP, packets.forwarded(inner), vlan=vlan)
        by_site = hub.sites_of(test_hub.wire.collect(2))
        assert by_site == {hub.remote(i): [hub.to_site(i, inner)] for i in (1, 2)}
    # 239.200.1.2: its top bit is not in the MAC
    inner = packets.multicast("10.7.7.7", "239.200.1.2", packets.payload_of(9, 333))
    back = test_hub.exchange([native("239.200.1.2", inner, "02:00:00:00:07:07", vlan, pad=60)], wire=1)
    assert hub.sites_of(back) == {hub.remote(i): [hub.to_site(i, inner)] for i in (0, 1)}
    # padding of a small native frame is not forwarded; a group without an mroute from the LAN is dropped
    small = packets.multicast("10.7.7.7", "239.200.1.2", b"")
    back = test_hub.exchange([native("239.200.1.2", small, "02:00:00:00:07:07", vlan, pad=60)], wire=1)
    assert hub.sites_of(back)[hub.remote(0)] == [hub.to_site(0, small)]
    with test_hub.counting(rpf=1, ttl_expired=1, inner_link_local=1, no_mroute=1):
        assert test_hub.exchange([native(g, packets.multicast("10.7.7.7", g, b"", ttl=ttl), "02:00:00:00:07:07", vlan)
                                  for g, ttl in ((GROUP, 9), ("239.200.1.2", 1), ("224.0.0.5", 9), ("239.9.9.9", 9))],
                                 wire=1) == []


def test_a_native_port_drops_packets_above_its_mtu(make_hub):
    """The LAN's MTU is its limit."""
    test_hub = make_hub(edge(mtu=1000), wires=2)
    for size, lost in ((1000, 0), (1001, 1)):
        inner = packets.multicast("10.1.1.1", "239.3.3.3", b"x" * (size - 28), fragment=0x4000)
        with test_hub.counting(**({"too_big": 1} if lost else {})):
            assert len(test_hub.exchange([hub.from_site(0, inner)])) == 1 - lost
    why = test_hub.forwarder.query("/gremc/why,t0,10.7.7.7,239.3.3.3")
    assert (why["verdict"], why["smallest_mtu"]) == ("forward", 1000)
