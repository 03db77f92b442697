# SPDX-License-Identifier: BSD-3-Clause
"""The reasons as the code lists them, and the frames that provoke those which a sender can provoke."""
import re
import struct
from pathlib import Path

from . import hub, packets

TOP = Path(__file__).resolve().parents[3]


def listed(path, macro):
    """The names in an X-macro list of a header."""
    text = (TOP / path).read_text()
    body = re.search(rf"#define {macro}\(X\)((?:.*\\\n)*.*\n)", text).group(1)
    return re.findall(r"\bX\((\w+),", body)


def drops():
    return listed("lib/proto/error.h", "GREMC_PROTO_ERRORS") + listed("lib/stats/stats.h", "GREMC_DROPS")


def losses():
    return listed("lib/stats/stats.h", "GREMC_TX_DROPS")


GROUP, SOURCE = "239.1.1.1", "10.1.1.1"
KEYED = 42  # the key of tunnel 3, whose other end also has no unkeyed tunnel


def configuration():
    """The configuration of a hub that drops the frames below by their reasons."""
    return hub.config({0: {}, 1: {}, 2: {}, 3: {"key": KEYED}, 4: {"mode": "gre-udp"}, 5: {"mode": "gre-udp", "key": 5}},
                      [{"group": GROUP, "from": ["t0", "t3"], "to": ["t2"]},
                       {"group": "239.5.5.5", "from": ["t0"], "to": ["t0"]}])


def inner(**ip):
    """A good inner packet, or one that is wrong in a field."""
    return packets.multicast(ip.pop("source", SOURCE), ip.pop("group", GROUP), b"x" * 40, **ip)


def outer(payload, i=0, **ip):
    """A frame of site i around any GRE packet."""
    protocol = ip.pop("protocol", packets.GRE)
    whole = packets.ipv4(ip.pop("source", hub.remote(i)), ip.pop("destination", hub.LOCAL), protocol, payload, **ip)
    return packets.ether(hub.MAC, hub.remote_mac(i), whole)


def gre(flags=0, protocol=0x0800, **more):
    return outer(packets.gre(inner(), flags=flags, protocol=protocol, **more))


def gre_with_wrong_checksum(**options):
    whole = packets.gre(inner(), with_checksum=True, **options)
    return whole[:-1] + bytes([whole[-1] ^ 0x80])


def gre_in_udp(i=4, **options):
    return packets.gre_in_udp(hub.remote(i), hub.LOCAL, packets.gre(inner(), **options))


def control(protocol, **ip):
    """Control traffic to a group that has an mroute."""
    return outer(packets.gre(packets.ipv4(ip.pop("source", SOURCE), ip.pop("group", GROUP), protocol, bytes(40), **ip)))


def raw_ether(ethertype, payload, **more):
    return packets.ether(hub.MAC, hub.remote_mac(0), payload, ethertype=ethertype, **more)


def truncated(packet, length):
    """The first bytes of an inner packet, inside GRE that ends there."""
    return outer(packets.gre(packet[:length]))


GOOD_OUTER = packets.ipv4(hub.remote(0), hub.LOCAL, packets.GRE, packets.gre(inner()))

# Reason: frames, each of which is dropped for it. Sites are those of test_drops.CONFIGURATION.
FRAMES = {
    "vlan_mismatch": [packets.ether(hub.MAC, hub.remote_mac(0), GOOD_OUTER, vlan=7)],
    "not_ipv4": [raw_ether(0x0806, b"\0\1\x08\0\6\4\0\1" + bytes(20)),  # ARP
                 raw_ether(0x86dd, bytes([0x60]) + bytes(39)),
                 raw_ether(0x88cc, b"\2\7\4")],
    "outer_version": [outer(packets.gre(inner()), version=6), outer(packets.gre(inner()), version=0)],
    "outer_ihl": [outer(packets.gre(inner()), ihl=n) for n in (0, 4)] +
                 # 60 bytes of header in a frame of 60
                 [packets.ether(hub.MAC, hub.remote_mac(0), packets.ipv4(hub.remote(0), hub.LOCAL, 47, ihl=15))],
    "outer_length": [outer(packets.gre(inner()), length=n) for n in (0, 19, 1400, 0xffff)] +
                    [outer(packets.gre(inner()), options=bytes(8), length=24)],
    "outer_checksum": [outer(packets.gre(inner()), sum_=0x1234),
                       # a bit in the options counts, too
                       raw_ether(0x0800, packets.ipv4(hub.remote(0), hub.LOCAL, 47, packets.gre(inner()),
                                                      options=b"\1\1\1\1").replace(b"\1\1\1\1", b"\1\1\1\0", 1))],
    "not_gre": [outer(b"x" * 40, protocol=17), outer(b"x" * 40, protocol=4),
                # multicast on a port that does not take it, and even GRE in it
                outer(b"x" * 40, protocol=17, destination="239.1.1.1"),
                outer(packets.gre(inner()), destination="239.1.1.1")],
    "gre_truncated": [outer(b""), outer(b"\0\0\x08"),
                      outer(struct.pack("!HH", 0x2000, 0x0800) + b"\0\0\0"),
                      outer(struct.pack("!HH", 0x8000, 0x0800) + b"\0\0\0"),
                      outer(struct.pack("!HH", 0x1000, 0x0800)),
                      outer(struct.pack("!HH", 0xb000, 0x0800) + bytes(11))],
    "gre_routing": [gre(flags=0x4000)],
    "gre_flags": [gre(flags=0x0800), gre(flags=0x0400)],
    "gre_version": [gre(flags=1), gre(flags=7), outer(packets.gre(inner(), flags=0x2001, protocol=0x880b))],
    "gre_protocol": [gre(protocol=p) for p in (0x86dd, 0x6558, 0x88be, 0x0000, 0x0801)],
    "gre_checksum": [outer(gre_with_wrong_checksum()), outer(gre_with_wrong_checksum(sequence=5)),
                     outer(gre_with_wrong_checksum(key=KEYED), i=3)],
    "udp_truncated": [outer(struct.pack("!4H", 50000, 4754, n, 0) + packets.gre(inner()), i=4, protocol=packets.UDP)
                      for n in (0, 7, 1400)],
    "udp_checksum": [outer(gre_in_udp()[:-1] + b"y", i=4, protocol=packets.UDP),
                     outer(gre_in_udp(i=5, key=5)[:-1] + b"y", i=5, protocol=packets.UDP)],
    "inner_truncated": [truncated(inner(), n) for n in (0, 1, 19)],
    "inner_version": [outer(packets.gre(inner(version=v))) for v in (0, 5, 6)],
    "inner_ihl": [outer(packets.gre(inner(ihl=0))), outer(packets.gre(inner(ihl=4))),
                  outer(packets.gre(packets.ipv4(SOURCE, GROUP, 17, b"x" * 8, ihl=15)))],
    "inner_length": [outer(packets.gre(inner(length=n))) for n in (0, 19, 69, 1500)] + [truncated(inner(), 67)],
    "inner_checksum": [outer(packets.gre(inner(sum_=0x1234)))],
    "inner_unicast": [outer(packets.gre(inner(group=g))) for g in ("10.9.9.9", "255.255.255.255", "240.0.0.1",
                                                                  "223.255.255.255")],
    "inner_link_local": [outer(packets.gre(inner(group=g))) for g in ("224.0.0.0", "224.0.0.22", "224.0.0.255")],
    "inner_igmp": [control(2, ttl=t) for t in (0, 1, 2, 64)] + [control(2, group="224.0.1.1"), control(2, source="0.0.0.0")],
    "bad_source": [outer(packets.gre(inner(source=s))) for s in ("239.9.9.9", "224.0.0.1", "255.255.255.255",
                                                                "127.0.0.1", "0.0.0.0", "0.1.2.3")],
    "ttl_expired": [outer(packets.gre(inner(ttl=t))) for t in (0, 1)],
    "ecn": [outer(packets.gre(inner(tos=0)), tos=3), outer(packets.gre(inner(tos=0xb8)), tos=0xbb)],
    "unknown_peer": [outer(packets.gre(inner()), source="10.200.0.1"), outer(packets.gre(inner()), destination="10.0.0.9"),
                     # the addresses the wrong way round
                     outer(packets.gre(inner()), source=hub.LOCAL, destination=hub.remote(0))],
    "unknown_key": [outer(packets.gre(inner(), key=1)), outer(packets.gre(inner(), key=0)),
                    outer(packets.gre(inner()), i=3), outer(packets.gre(inner(), key=KEYED + 1), i=3)],
    "no_mroute": [outer(packets.gre(inner(group=g))) for g in ("239.1.1.2", "224.0.1.0", "232.1.1.2")],
    "rpf": [outer(packets.gre(inner()), i=1)],
    "empty_oil": [outer(packets.gre(inner(group="239.5.5.5")))],
}

# Those that no kernel interface gives to the forwarder: test_devices has a capture file do it.
CAPTURED = {
    # The kernel gives no frame that short.
    "eth_truncated": [packets.mac(hub.MAC), packets.ether(hub.MAC, hub.MAC, b"", pad=0)[:13],
                      packets.ether(hub.MAC, hub.MAC, b"", vlan=7, pad=0)[:17], b"x"],
    # DPDK's af_packet driver has the kernel reassemble (PACKET_FANOUT_FLAG_DEFRAG).
    "outer_fragment": [outer(packets.gre(inner()), fragment=f) for f in (0x2000, 0x2001, 0x0001, 0x1fff)],
}

# Which cannot be provoked by any frame, and where they are tested instead.
ELSEWHERE = {
    "punt_neighbor": "unit/test_datapath: how full a ring gets is a matter of time",
    "punt_control": "unit/test_datapath",
    "punt_keepalive": "unit/test_datapath_host",
    "punt_tcp": "unit/test_datapath",
    "punt_traffic": "unit/test_datapath",
    "punt_gre": "unit/test_datapath_punt",
    "punt_other": "unit/test_datapath_punt",
    "punt_multicast": "unit/test_datapath",
    "reassembly_full": "unit/test_reassembly: af_packet has the kernel reassemble",
    "reassembly_failed": "unit/test_reassembly",
    "reassembly_timeout": "unit/test_reassembly",
    "keepalive_rate": "e2e/test_liveness: the time between two keepalives decides",
    "sequence": "e2e/test_options: old numbers of a strict tunnel",
    "no_sequence": "e2e/test_options: no numbers in a strict tunnel",
    "iif_down": "e2e/test_host: the operator sets an interface down",
    "source_guard": "e2e/test_igmp: `sources` of members",
    "ttl_threshold": "e2e/test_kernel_mroutes: the kernel gives thresholds",
    "boundary": "e2e/test_policy", "source_filter": "e2e/test_policy", "policed": "e2e/test_policy",
    "fanout_limit": "e2e/test_policy",
    "relay_full": "unit/test_datapath",
    "header_split": "unit/test_datapath: no driver here splits so",
    "shared_input": "unit/test_datapath: no driver here shares a buffer when none is free",
}
