# SPDX-License-Identifier: BSD-3-Clause
"""Marking: the outer DSCP and ECN, the priority in the VLAN tag, and the identification of packets sent."""
import itertools
import os
import struct
import subprocess

from support import hub, packets

GROUP = "239.1.1.1"
VLAN = 100
CPUS = sorted(os.sched_getaffinity(0))
DSCP_MAP = {"af41": "ef", 46: 46, "cs1": 0, 63: "le"}
DSCPS = {34: 46, 46: 46, 8: 0, 63: 1}


def inner_packet(n=0, **ip):
    return packets.multicast("10.1.1.1", GROUP, packets.payload_of(n, 40), **ip)


def all_from_0(tunnels, **more):
    return hub.config(tunnels, [{"group": GROUP, "from": ["t0"], "to": "all"}], **more)


def tos_of(frame, vlan=None):
    """The outer TOS; the outer checksum is right."""
    hub.without_free_fields(frame, vlan)
    return frame[15 if vlan is None else 19]


def outer_tos_by_site(test_hub, tos, vlan=None):
    """Send a packet with this inner TOS. A sender that follows RFC 6040 copies ECN, so nothing changes on the way in."""
    back = test_hub.exchange([hub.from_site(0, inner_packet(tos=tos), vlan=vlan, tos=tos & 3)])
    ip = 14 if vlan is None else 18
    return {".".join(map(str, frame[ip + 16:ip + 20])): tos_of(frame, vlan) for frame in back}


# The keys of a tunnel, and its outer DSCP by the inner one.
MODES = {"fixed": ({"tos": 184}, lambda dscp: 46), "plain": ({}, lambda dscp: 0),
         "inherited": ({"tos": "inherit"}, lambda dscp: dscp),
         "mapped": ({"tos": 72, "dscp-map": DSCP_MAP}, lambda dscp: DSCPS.get(dscp, 18)),
         "mapped, else inherited": ({"tos": "inherit", "dscp-map": DSCP_MAP}, lambda dscp: DSCPS.get(dscp, dscp))}
ECN = {"normal": lambda ecn: ecn, "compatibility": lambda ecn: 0}
COMBINATIONS = list(enumerate(itertools.product(MODES, ECN), start=1))


def marked_tunnels():
    return {0: {}, **{i: {**MODES[mode][0], **({} if ecn == "normal" else {"ecn": ecn})} for i, (mode, ecn) in COMBINATIONS}}


def expected_tos(tos):
    return {hub.remote(i): MODES[mode][1](tos >> 2) << 2 | ECN[ecn](tos & 3) for i, (mode, ecn) in COMBINATIONS}


def test_every_mode_of_dscp_and_ecn(make_hub):
    """All inner TOS values in tunnels with each mode of DSCP (RFC 2983) and of ECN (RFC 6040, 4.1)."""
    test_hub = make_hub(all_from_0(marked_tunnels()))
    for tos in range(256):
        assert outer_tos_by_site(test_hub, tos) == expected_tos(tos), tos


def test_telemetry_shows_the_marking_of_a_tunnel(make_hub):
    test_hub = make_hub(all_from_0(marked_tunnels()))
    for i, (mode, ecn) in COMBINATIONS:
        tunnel = test_hub.forwarder.query(f"/gremc/tunnel,t{i}")
        assert tunnel["ecn"] == ecn
        default = MODES[mode][0].get("tos", 0)
        changed = {str(k): v for k, v in DSCPS.items() if v != (k if default == "inherit" else default >> 2)}
        assert tunnel.get("dscp_map") == (changed if "mapped" in mode else None), mode


def test_decapsulation_is_the_same_in_both_modes(make_hub):
    """The tunnel that receives is in compatibility mode: the outer ECN field is merged, and CE over Not-ECT is dropped
    (RFC 6040, 4.2)."""
    test_hub = make_hub(all_from_0({0: {"ecn": "compatibility"}, 1: {"tos": "inherit"}}))
    for inside, outside, after in ((1, 3, 3), (2, 1, 1), (2, 0, 2), (0, 2, 0)):
        frame, = test_hub.exchange([hub.from_site(0, inner_packet(tos=inside), tos=outside)])
        assert tos_of(frame) == after
    with test_hub.counting(ecn=1):
        assert test_hub.exchange([hub.from_site(0, inner_packet(), tos=3)]) == []


def test_a_reload_changes_every_mode(make_hub):
    """Each combination becomes each other one in a running tunnel; its counters and those of the others continue."""
    wanted = all_from_0({0: {}, 1: {}, 2: {"tos": 40}})
    test_hub = make_hub(wanted)
    sent = 0
    for _, (mode, ecn) in COMBINATIONS + COMBINATIONS[::-1]:
        wanted["tunnels"]["t1"] = hub.tunnel(1, ecn=ecn, **MODES[mode][0])
        taken, text = test_hub.forwarder.reload(wanted)
        assert taken, text
        for tos in (0x88, 0xbb, 0xfe, 0x01):
            assert outer_tos_by_site(test_hub, tos) == {
                hub.remote(1): MODES[mode][1](tos >> 2) << 2 | ECN[ecn](tos & 3), hub.remote(2): 40 | tos & 3}
            sent += 1
    for name in ("t1", "t2"):
        assert test_hub.forwarder.query(f"/gremc/tunnel,{name}")["tx_packets"] == sent


# ---- priority in the VLAN tag ----

PRIORITIES = [(None, lambda dscp: 0), (5, lambda dscp: 5), ("dscp", lambda dscp: dscp >> 3),
              ({"ef": 6, 10: 2}, lambda dscp: {46: 6, 10: 2}.get(dscp, 0))]


def test_priority_follows_the_outer_dscp(make_hub):
    """Each form of `pcp`, set by a reload: the priority is that of the DSCP on the wire, not of the inner one."""
    tunnels = {0: {}, 1: {"tos": 184}, 2: {"tos": "inherit"}, 3: {"dscp-map": {10: 46}}}
    wanted = all_from_0(tunnels, vlan=VLAN)
    test_hub = make_hub(wanted)
    for pcp, priority in PRIORITIES:
        wanted["ethernets"]["wan"].pop("pcp", None)
        if pcp is not None:
            wanted["ethernets"]["wan"]["pcp"] = pcp
        taken, text = test_hub.forwarder.reload(wanted)
        assert taken, text
        port, = test_hub.forwarder.pages("/gremc/ports").values()
        assert port["pcp"] == "".join(str(priority(dscp)) for dscp in range(64))
        for dscp in (0, 10, 34, 46, 63):
            inner = inner_packet(dscp, tos=dscp << 2)
            back = test_hub.exchange([hub.from_site(0, inner, vlan=VLAN)])
            assert len(back) == 3
            for frame in back:
                tag, = struct.unpack("!H", frame[14:16])
                assert tag == VLAN | priority(frame[19] >> 2) << 13
            assert sorted(frame[19] >> 2 for frame in back) == sorted([46, dscp, 46 if dscp == 10 else 0])


def test_priority_of_native_multicast(make_hub):
    """A native port has no outer header: the DSCP of the packet itself selects the priority."""
    lan = {"device": "net_af_packet1", "multicast": True, "vlan": VLAN, "pcp": "dscp"}
    test_hub = make_hub(hub.config(1, [{"group": GROUP, "from": ["t0"], "to": ["lan"]}],
                                   more={"ethernets": {"wan": hub.port(1), "lan": lan}}), wires=2)
    for dscp in range(64):
        test_hub.wire.send([hub.from_site(0, inner_packet(tos=dscp << 2))])
        frame, = test_hub.wires[1].collect(1)
        assert struct.unpack("!H", frame[14:16])[0] == VLAN | (dscp >> 3) << 13


# ---- identification ----

def ids_of(frames):
    return [struct.unpack("!H", frame[18:20])[0] for frame in frames]


def test_identifications_of_a_pair_of_addresses_differ(make_hub):
    """Two tunnels between the same addresses count together (RFC 6864, 4.2); another tunnel does not shorten their
    period; tunnels with DF set need none (4.1)."""
    wanted = all_from_0({0: {}, 1: {"df": False, "key": 1}, 2: {"df": False}, 3: {}})
    wanted["tunnels"]["t1b"] = hub.tunnel(1, df=False, key=2)
    test_hub = make_hub(wanted)
    frames = []
    for start in range(0, 20000, 500):
        frames += test_hub.exchange([hub.from_site(0, inner_packet(n)) for n in range(start, start + 500)])
    by_site = {i: [frame for frame in frames if frame[30:34] == packets.address(hub.remote(i))] for i in (1, 2, 3)}
    assert len(by_site[1]) == 40000 and len(set(ids_of(by_site[1]))) == 40000
    assert len(by_site[2]) == 20000 and len(set(ids_of(by_site[2]))) == 20000
    assert set(ids_of(by_site[3])) == {0}


def test_identifications_of_several_workers_differ(make_hub):
    """Software RSS distributes the flows of one tunnel over two workers, and both send to the same peer."""
    test_hub = make_hub(all_from_0({0: {}, 1: {"df": False}}, settings={"spread": True}),
                        cpus=["--lcores", f"0@{CPUS[0]},1@{CPUS[0]},2@{CPUS[-1]}"])
    frames = []
    for start in range(0, 10000, 500):
        frames += test_hub.exchange([hub.from_site(0, packets.multicast(f"10.1.{n % 7}.{n % 11 + 1}", GROUP, b"flow"))
                                     for n in range(start, start + 500)])
    assert len(frames) == 10000 and len(set(ids_of(frames))) == 10000
    assert all(lcore["wanted"] for lcore in test_hub.forwarder.pages("/gremc/lcores").values())


def test_tshark_finds_no_fault_in_marked_packets(make_hub, tmp_path):
    """Wireshark reads the marks that the configuration gives, in frames with a tag, and finds every checksum right."""
    test_hub = make_hub(all_from_0({0: {}, 1: {"tos": "inherit", "dscp-map": {"af41": "ef"}, "df": False}},
                                   vlan=VLAN, pcp={"ef": 6}))
    frame, = test_hub.exchange([hub.from_site(0, inner_packet(tos=34 << 2 | 2), vlan=VLAN, tos=2)])
    capture = tmp_path / "marked.pcap"
    capture.write_bytes(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1) + struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
    fields = ["vlan.priority", "vlan.id", "ip.dsfield.dscp", "ip.dsfield.ecn", "ip.checksum.status", "ip.flags.df"]
    text = subprocess.run(["tshark", "-r", capture, "-o", "ip.check_checksum:TRUE", "-T", "fields", "-E", "separator=;",
                           *itertools.chain(*(("-e", field) for field in fields))],
                          capture_output=True, text=True, check=True, timeout=600).stdout
    # outer and inner header: EF and AF41, ECT(0) in both
    priority, vlan, dscp, ecn, sums, df = text.strip().split(";")
    assert (priority, vlan, dscp, ecn, sums) == ("6", str(VLAN), "46,34", "2,2", "1,1")
    assert df.split(",")[0] in ("0", "False")
