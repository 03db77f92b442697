# SPDX-License-Identifier: BSD-3-Clause
"""Inner packets above the MTU of a tunnel, and ICMP of routers that lowers it."""
import struct

from lab import until
from support import hub, packets

GROUP, SOURCE = "239.1.1.1", "10.1.1.1"
ROUTER = "10.0.0.254"
DF = 0x4000


def inner_of(size, ident=9, fragment=0):
    return packets.multicast(SOURCE, GROUP, packets.payload_of(size, size - 28), ident=ident, fragment=fragment)


def fragments_of(frames, i):
    """The inner packets of the frames for site i."""
    found = []
    for frame in frames:
        if frame[30:34] == packets.address(hub.remote(i)):
            inner = frame[14 + 20 + 4:]
            found.append(inner[:int.from_bytes(inner[2:4], "big")])
    return found


def whole(fragments):
    """The packet that a host makes of the fragments: its payload. Each header is checked."""
    payload, end = {}, None
    for fragment in fragments:
        assert packets.checksum(fragment[:20]) == 0
        field = int.from_bytes(fragment[6:8], "big")
        assert not field & DF
        payload[(field & 0x1fff) * 8] = fragment[20:]
        if not field & 0x2000:
            end = (field & 0x1fff) * 8 + len(fragment) - 20
    joined = b""
    for at in sorted(payload):
        assert at == len(joined)
        joined += payload[at]
    assert len(joined) == end
    return joined


def three(**mtus):
    """t0 sends to t1, t2 and t3."""
    return hub.config({0: {}, 1: {}, 2: {}, 3: {}} | {int(name[1]): keys for name, keys in mtus.items()},
                      [{"group": GROUP, "from": ["t0"], "to": ["t1", "t2", "t3"]}])


def test_packets_above_the_mtu_arrive_as_fragments(make_hub):
    """DF clear: t1 gets the packet, t2 and t3 its fragments, each of which fits. None is lost."""
    test_hub = make_hub(three(t2={"mtu": 500}, t3={"mtu": 500}))
    for size in (501, 1000, 1476):
        inner = inner_of(size)
        with test_hub.counting():
            back = test_hub.exchange([hub.from_site(0, inner)])
        assert fragments_of(back, 1) == [packets.forwarded(inner)]
        for i in (2, 3):
            fragments = fragments_of(back, i)
            assert len(fragments) > 1 and max(map(len, fragments)) <= 500
            assert whole(fragments) == inner[20:]
            assert {fragment[4:6] for fragment in fragments} == {struct.pack("!H", 9)}
    assert "t2 carries packets of up to 500 bytes, and t1 in the same `to` carries 1476" in test_hub.forwarder.text()


def test_ignore_df_fragments_packets_with_df(make_hub):
    test_hub = make_hub(three(t2={"mtu": 500}, t3={"mtu": 500, "ignore-df": True}))
    inner = inner_of(1200, fragment=DF, ident=0)
    with test_hub.counting(too_big=1):
        back = test_hub.exchange([hub.from_site(0, inner)])
    assert fragments_of(back, 1) == [packets.forwarded(inner)]
    assert fragments_of(back, 2) == []
    assert whole(fragments_of(back, 3)) == inner[20:]
    # and a reload changes it
    assert test_hub.forwarder.reload(three(t2={"mtu": 500, "ignore-df": True}, t3={"mtu": 500}))[0]
    with test_hub.counting(too_big=1):
        back = test_hub.exchange([hub.from_site(0, inner)])
    assert whole(fragments_of(back, 2)) == inner[20:]
    assert fragments_of(back, 3) == []


def test_jumbo_packets_are_fragmented(make_hub):
    """Larger than the tunnel's MTU on a port with jumbo frames."""
    test_hub = make_hub(three(t1={"mtu": 1476}, t2={"mtu": 4000}), mtu=9000, af_packet=hub.JUMBO)
    inner = inner_of(8000)
    with test_hub.counting():
        back = test_hub.exchange([hub.from_site(0, inner)])
    assert fragments_of(back, 3) == [packets.forwarded(inner)]
    assert len(fragments_of(back, 1)) == 6 and whole(fragments_of(back, 1)) == inner[20:]
    assert len(fragments_of(back, 2)) == 3 and whole(fragments_of(back, 2)) == inner[20:]


# ---- ICMP ----

def report(i, mtu, code=4, length=1500, key=None, local=hub.LOCAL):
    """The ICMP unreachable of a router about a packet of the given length to site i."""
    quoted = packets.ipv4(local, hub.remote(i), packets.GRE, packets.gre(b"", key=key).ljust(8, b"\0"), fragment=DF,
                          length=length)
    message = struct.pack("!BBHHH", 3, code, 0, 0, mtu) + quoted
    message = message[:2] + struct.pack("!H", packets.checksum(message)) + message[4:]
    return packets.ether(hub.MAC, "02:01:00:00:00:fe", packets.ipv4(ROUTER, hub.LOCAL, 1, message))


def peers(test_hub):
    return {entry["name"]: entry for entry in test_hub.forwarder.pages("/gremc/peers").values()}


def mtu(test_hub, name):
    return test_hub.forwarder.query(f"/gremc/tunnel,{name}")["mtu"]


def test_icmp_lowers_the_mtu_of_its_tunnel(make_hub):
    """Without `host` as well; the other tunnels keep theirs, and packets go on as fragments."""
    test_hub = make_hub(three(t3={"key": {"input": 5, "output": 6}}))
    test_hub.wire.send([report(2, 1300), report(3, 1200, key=6)])
    until(lambda: mtu(test_hub, "t2") == 1276 and mtu(test_hub, "t3") == 1172, "both are lower")
    assert mtu(test_hub, "t1") == 1476
    entry = peers(test_hub)["t2"]
    assert (entry["path_mtu"], entry["mtu_reports"], entry["mtu_reports_ignored"]) == (1300, 1, 0)
    assert "t2: a router on the path carries packets of 1300 bytes: the MTU is 1276" in test_hub.forwarder.text()
    inner = inner_of(1400)
    with test_hub.counting():
        back = test_hub.exchange([hub.from_site(0, inner)])
    assert fragments_of(back, 1) == [packets.forwarded(inner)]
    assert len(fragments_of(back, 2)) == 2 and whole(fragments_of(back, 2)) == inner[20:]
    with test_hub.counting(too_big=2):
        test_hub.exchange([hub.from_site(0, inner_of(1400, fragment=DF))])


def test_forged_icmp_changes_nothing(make_hub):
    """Another tunnel's addresses, a wrong key, packets that fit: ignored. A tiny MTU stops at the minimum."""
    configuration = three(t3={"key": 7})
    configuration["settings"] = {"path-mtu-minimum": 1000}
    test_hub = make_hub(configuration)
    with test_hub.counting(not_gre=1):
        test_hub.exchange([report(2, 1300, local="10.0.0.9")])
    test_hub.wire.send([report(3, 1300, key=8), report(3, 1300), report(2, 1300, length=1200), report(2, 1300, length=60000)])
    until(lambda: peers(test_hub).get("t2", {}).get("mtu_reports_ignored") == 2, "they are ignored")
    assert [mtu(test_hub, f"t{i}") for i in (1, 2, 3)] == [1476, 1476, 1472]
    test_hub.wire.send([report(2, 68)])
    until(lambda: mtu(test_hub, "t2") == 976, "the minimum holds")
    test_hub.wire.send([report(1, 0, code=1), report(1, 0, code=3)])
    until(lambda: peers(test_hub).get("t1", {}).get("unreachable") == 2, "others are counted")
    assert mtu(test_hub, "t1") == 1476
