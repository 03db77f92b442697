# SPDX-License-Identifier: BSD-3-Clause
"""Options of GRE: checksum and sequence number, sent and received, alone and together, and changed by a reload."""
import itertools
import struct

from support import hub, packets

GROUP, BACK = "239.1.1.1", "239.2.2.2"
KEY = 0x01020304


def gre_header(frame):
    """Flags, key, sequence number of a sent frame, and the inner packet; the checksum is right."""
    gre = frame[34:14 + struct.unpack("!H", frame[16:18])[0]]
    flags, protocol = struct.unpack("!HH", gre[:4])
    assert protocol == 0x0800 and not flags & ~0xb000
    at, key, sequence = 4, None, None
    if flags & 0x8000:
        assert packets.checksum(gre) == 0 and gre[6:8] == b"\0\0"
        at += 4
    if flags & 0x2000:
        key = struct.unpack("!I", gre[at:at + 4])[0]
        at += 4
    if flags & 0x1000:
        sequence = struct.unpack("!I", gre[at:at + 4])[0]
        at += 4
    return bool(flags & 0x8000), key, sequence, gre[at:]


def options(number):
    """The configuration of tunnel `number`: each of the three bits is an option."""
    return {**({"checksum": True} if number & 1 else {}), **({"key": KEY + number} if number & 2 else {}),
            **({"sequence": "count"} if number & 4 else {})}


def from_site(i, inner, **gre):
    return packets.ether(hub.MAC, hub.remote_mac(i), packets.ipv4(hub.remote(i), hub.LOCAL, packets.GRE, packets.gre(inner, **gre)))


def inner_packet(n=0, size=30, group=GROUP):
    return packets.multicast("10.1.1.1", group, packets.payload_of(n, size))


def sequence_numbers(test_hub, name):
    return test_hub.forwarder.query(f"/gremc/tunnel,{name}")["sequence_numbers"]


def test_all_combinations_are_sent(make_hub):
    """Eight tunnels with each combination of options, of odd, even and large packets; numbers ascend by one from 0."""
    test_hub = make_hub(hub.config({8: {}, **{n: options(n) for n in range(8)}}, [{"group": GROUP, "from": ["t8"], "to": "all"}]))
    inners = [inner_packet(n, size) for n, size in enumerate((0, 1, 99, 300, 1301, 1400))]
    by_site = hub.sites_of(test_hub.exchange([hub.from_site(8, inner) for inner in inners]))
    for n in range(8):
        assert [gre_header(frame) for frame in by_site[hub.remote(n)]] == [
            (bool(n & 1), KEY + n if n & 2 else None, i if n & 4 else None, packets.forwarded(inner))
            for i, inner in enumerate(inners)], n
        tunnel = test_hub.forwarder.query(f"/gremc/tunnel,t{n}")
        assert (tunnel["checksum"], tunnel["sequence"]) == (n & 1, "count" if n & 4 else "off")
        assert tunnel["mtu"] == 1500 - 24 - 4 * bin(n).count("1")


def test_all_combinations_are_received(make_hub):
    """The checksum is verified with and without `checksum`, key and sequence number; a wrong one is counted for its tunnel."""
    test_hub = make_hub(hub.config({8: {}, **{n: options(n) for n in range(8)}}, [{"group": GROUP, "from": "any", "to": ["t8"]}]))
    for n, with_checksum, sequence in itertools.product(range(8), (False, True), (None, 7)):
        inner = inner_packet(n, 61)
        gre = {"key": KEY + n if n & 2 else None, "with_checksum": with_checksum, "sequence": sequence}
        good = from_site(n, inner, **gre)
        assert [hub.without_free_fields(f) for f in test_hub.exchange([good])] == [hub.to_site(8, inner)]
        if with_checksum:
            with test_hub.counting(gre_checksum=1):
                assert test_hub.exchange([good[:-1] + bytes([good[-1] ^ 1])]) == []
    drops = {entry["name"]: entry["dropped"] for entry in test_hub.forwarder.pages("/gremc/vif_drops").values()}
    assert drops == {f"t{n}": 2 for n in range(8)}


def test_a_reload_changes_options_and_keeps_the_tunnel(make_hub):
    """Options on and off: the tunnel keeps its counters and its numbers, the other one is untouched."""
    wanted = hub.config(3, [{"group": GROUP, "from": ["t0"], "to": ["t1", "t2"]}, {"group": BACK, "from": ["t1"], "to": ["t2"]}])
    test_hub = make_hub(wanted)
    numbers = itertools.count()
    for n in range(8):
        del wanted["tunnels"]["t1"]
        wanted["tunnels"]["t1"] = hub.tunnel(1, **{k: v for k, v in options(n).items() if k != "key"})
        assert test_hub.forwarder.reload(wanted)[0]
        by_site = hub.sites_of(test_hub.exchange([hub.from_site(0, inner_packet(n))]))
        changed = gre_header(by_site[hub.remote(1)][0])
        assert changed[:3] == (bool(n & 1), None, next(numbers) if n & 4 else None)
        assert by_site[hub.remote(2)][0] == hub.to_site(2, inner_packet(n))
        assert len(test_hub.exchange([from_site(1, inner_packet(n, group=BACK), sequence=n)])) == 1
    tunnel = test_hub.forwarder.query("/gremc/tunnel,t1")
    assert (tunnel["tx_packets"], tunnel["rx_packets"], tunnel["lost"]) == (8, 8, 0)
    assert tunnel["sequence_numbers"]["sent"] == 4 and tunnel["sequence_numbers"]["received"] == 4


def test_gaps_are_counted_exactly(make_hub):
    """`count`: missing, reordered and duplicate packets are counted and forwarded; `why` names the tunnel as one that forwards."""
    test_hub = make_hub(hub.config({0: {"sequence": "count"}, 1: {}}, [{"group": GROUP, "from": ["t0"], "to": ["t1"]}]))
    numbers = [*range(100), *range(150, 200), 120, 121, 120, 199, 300]
    back = test_hub.exchange([from_site(0, inner_packet(i), sequence=n) for i, n in enumerate(numbers)])
    assert [frame[38:] for frame in back] == [packets.forwarded(inner_packet(i)) for i in range(len(numbers))]
    assert sequence_numbers(test_hub, "t0") == {
        "sent": 0, "received": len(numbers), "missing": 48 + 100, "reordered": 2, "duplicates": 2, "late": 0, "restarts": 0,
        "unnumbered": 0}


def test_strict_drops_old_packets(make_hub):
    """`strict` (RFC 2890, 2.2): old, duplicate and unnumbered packets are named drops; `why` mentions the last number."""
    test_hub = make_hub(hub.config({0: {"sequence": "strict", "key": 5}, 1: {}}, [{"group": GROUP, "from": ["t0"], "to": ["t1"]}]))
    numbers = [0xfffffff0, 0xffffffff, 0, 2, 1, 2, 3]
    with test_hub.counting(sequence=2, no_sequence=1):
        back = test_hub.exchange([from_site(0, inner_packet(i), key=5, sequence=n) for i, n in enumerate(numbers)] +
                                 [from_site(0, inner_packet(9), key=5)])
    assert [frame[38:] for frame in back] == [packets.forwarded(inner_packet(i)) for i in (0, 1, 2, 3, 6)]
    why = test_hub.forwarder.query(f"/gremc/why,t0,10.1.1.1,{GROUP}")
    assert why["verdict"] == "forward" and why["detail"] == "if its GRE sequence number is above 3, the last one of t0"
