# SPDX-License-Identifier: BSD-3-Clause
"""Membership by IGMP over tunnels: who joins receives, who leaves does not, and who is hostile is counted."""
import random
import time

import pytest

from lab import PATIENCE, until
from support import hub, igmp, packets

G, G2, SSM = "239.1.2.3", "239.1.2.4", "232.1.1.1"
S1, S2 = "10.1.1.1", "10.1.1.2"
FAST = {"igmp": {"fast-leave": True}}


def config(tunnels, each=None, mroutes=(), more=None, **settings):
    """Every tunnel with IGMP; its queries soon, so that none comes unexpected."""
    return hub.config({i: {"addresses": [f"10.8.{i // 250}.{1 + i % 250}"], "igmp": "querier", **(each or {})}
                       for i in range(tunnels)}, list(mroutes), more=more, **settings)


def member(i):
    return f"10.9.{i // 250}.{1 + i % 250}"


def host(i, packet):
    return hub.from_site(i, packet)


def tell(test_hub, *frames):
    """Send control packets and wait until the forwarder has taken them in."""
    before = test_hub.info()["rx_packets"]
    test_hub.wire.send(frames)
    test_hub.handled(before + len(frames))


def groups(test_hub):
    return {(entry["interface"], entry["group"]): entry for entry in test_hub.forwarder.pages("/gremc/groups").values()}


def joined(test_hub, count):
    until(lambda: test_hub.forwarder.query("/gremc/groups")["total"] == count, f"{count} memberships", every=0.01)


def reached(test_hub, i, source, group):
    """The sites that a packet of this source reaches, from site i: all replicas that the forwarder has sent of it, and not
    its own queries."""
    def replicas(info):
        return info["sent"] - info["injected"]

    test_hub.wire.collect(seconds=0)
    before = test_hub.info()
    test_hub.wire.send([host(i, packets.multicast(source, group, b"?"))])
    count = replicas(test_hub.handled(before["rx_packets"] + 1)) - replicas(before)
    back = test_hub.wire.collect_matching(lambda frame: frame[38 + 9] == packets.UDP, count)
    assert len(back) == count
    return {n for n in range(64) if hub.remote(n) in hub.sites_of(back)}


def test_joins_and_leaves_change_the_oil(make_hub):
    test_hub = make_hub(config(4, FAST))
    assert reached(test_hub, 0, S1, G) == set()
    tell(test_hub, host(1, igmp.v2_report(member(1), G)), host(2, igmp.join(member(2), G)),
         host(3, igmp.join(member(3), G, S2)))
    joined(test_hub, 3)
    assert reached(test_hub, 0, S1, G) == {1, 2}
    assert reached(test_hub, 0, S2, G) == {1, 2, 3}
    mroutes = {(m["source"], m["group"]): m for m in test_hub.forwarder.pages("/gremc/mroutes").values()}
    assert set(mroutes) == {("*", G), (S2, G)}
    assert all(m["origin"] == "igmp" for m in mroutes.values())
    tell(test_hub, host(1, igmp.v2_leave(member(1), G)), host(2, igmp.leave(member(2), G)))
    joined(test_hub, 1)
    assert reached(test_hub, 0, S1, G) == set()
    assert reached(test_hub, 0, S2, G) == {3}


def test_source_filters_are_honoured(make_hub):
    """INCLUDE and EXCLUDE by source, SSM, and from one to the other."""
    test_hub = make_hub(config(5, FAST))
    tell(test_hub, host(1, igmp.join(member(1), G)),
         host(2, igmp.report(member(2), igmp.record(igmp.TO_EX, G, S1))),
         host(3, igmp.join(member(3), G, S1)),
         host(4, igmp.join(member(4), SSM, S2)))
    joined(test_hub, 4)
    assert reached(test_hub, 0, S1, G) == {1, 3}
    assert reached(test_hub, 0, S2, G) == {1, 2}
    assert reached(test_hub, 0, S2, SSM) == {4}
    assert reached(test_hub, 0, S1, SSM) == set()
    # Two sites change their filters: 3 now excludes its source, and 2 receives all sources.
    tell(test_hub, host(2, igmp.report(member(2), igmp.record(igmp.ALLOW, G, S1))),
         host(3, igmp.report(member(3), igmp.record(igmp.TO_IN, G, S2))),
         host(4, igmp.leave(member(4), SSM, S2)))
    joined(test_hub, 3)
    assert reached(test_hub, 0, S1, G) == {1, 2}
    assert reached(test_hub, 0, S2, G) == {1, 2, 3}
    assert reached(test_hub, 0, S2, SSM) == set()
    # no site receives its own packets
    assert reached(test_hub, 1, S1, G) == {2}


def test_queries_follow_rfc_3376(make_hub):
    """Every tunnel gets general queries. After a leave come group queries, and the membership ends if no report follows."""
    test_hub = make_hub(config(2, more={"igmp": {"last-member-interval": 200}}))
    found = {}
    until(lambda: found.update(igmp.queries(test_hub.wire.collect(seconds=0.1))) or len(found) == 2, "a query to each")
    for i in range(2):
        query = found[hub.remote(i)][0]
        assert (query.kind, query.code, query.group, query.destination) == (0x11, 100, "0.0.0.0", "224.0.0.1")
        assert (query.ttl, query.tos, query.options, query.source) == (1, 0xc0, igmp.ALERT, f"10.8.0.{1 + i}")
        assert query.data[8:10] == bytes([2, 125])
    tell(test_hub, host(1, igmp.v2_report(member(1), G)))
    joined(test_hub, 1)
    test_hub.wire.collect(seconds=0)
    tell(test_hub, host(1, igmp.v2_leave(member(1), G)))
    asked = []
    until(lambda: asked.extend(igmp.queries(test_hub.wire.collect(seconds=0.05)).get(hub.remote(1), [])) or
          len(asked) >= 2, "two group queries")
    assert [(q.group, q.destination, q.code) for q in asked] == [(G, G, 2)] * 2
    joined(test_hub, 0)


def test_the_lower_address_is_the_querier(make_hub):
    """The router with the lower address is the querier."""
    test_hub = make_hub(config(2))
    tell(test_hub, host(0, igmp.query("10.7.0.1")), host(1, igmp.query("10.9.0.1")))

    def queriers():
        return {entry["interface"]: (entry["is_querier"], entry["querier"])
                for entry in test_hub.forwarder.pages("/gremc/igmp").values()}
    until(lambda: queriers() == {"t0": (0, "10.7.0.1"), "t1": (1, "10.8.0.2")}, "one gives way, one does not")
    tell(test_hub, host(0, igmp.v2_report(member(0), G)))
    joined(test_hub, 1)


def test_a_join_adds_to_static_routes(make_hub):
    """A join adds receivers to a static route and never removes any; /gremc/why and /gremc/mroutes show the origin."""
    test_hub = make_hub(config(6, FAST, [{"group": "239.1.0.0/16", "from": ["t0"], "to": ["t1"]},
                                         {"group": G, "source": S2, "from": "any", "to": ["t2"]}]))
    tell(test_hub, host(3, igmp.v2_report(member(3), G)), host(1, igmp.report(member(1), igmp.record(igmp.TO_EX, G, S1))))
    # t1 excludes S1, but still receives by static routes
    tell(test_hub, host(4, igmp.v2_report(member(4), G2)))
    joined(test_hub, 3)
    assert reached(test_hub, 0, S1, "239.1.9.9") == {1}
    # 239.1.2.3 is inside the static prefix: its interfaces in and out hold
    assert reached(test_hub, 0, S1, G) == {1, 3}
    assert reached(test_hub, 0, S2, G) == {1, 2, 3}
    with test_hub.counting(rpf=1):
        assert reached(test_hub, 5, S1, G) == set()
    assert reached(test_hub, 0, S1, G2) == {1, 4}
    mroutes = {(m["source"], m["group"]): (m["origin"], m["origins"])
               for m in test_hub.forwarder.pages("/gremc/mroutes").values()}
    assert mroutes == {("*", "239.1.0.0/16"): ("static", "static"), (S2, G): ("static", "static+igmp"),
                       ("*", G): ("igmp", "static+igmp"), (S1, G): ("igmp", "static+igmp"),
                       ("*", G2): ("igmp", "static+igmp")}
    why = test_hub.forwarder.query(f"/gremc/why,t0,{S1},{G}")
    assert why["mroute"]["origins"] == "static+igmp"
    assert set(why["not_joined"]) == {"t1", "t2", "t4", "t5"}
    why = test_hub.forwarder.query(f"/gremc/why,t0,{S1},239.9.9.9")
    assert "no interface has joined" in why["detail"] and set(why["not_joined"]) == {"t1", "t2", "t3", "t4", "t5"}


def test_reload_keeps_members(make_hub):
    """A tunnel that changes is another vif with the same members; one that goes takes them along; IGMP may be turned off
    and on."""
    before = config(4, FAST)
    test_hub = make_hub(before)
    tell(test_hub, *(host(i, igmp.v2_report(member(i), G)) for i in (1, 2, 3)))
    joined(test_hub, 3)
    changed = config(4, FAST)
    changed["tunnels"]["t1"]["ttl"] = 9
    del changed["tunnels"]["t2"]
    changed["mroutes"] = [{"group": G2, "from": "any", "to": ["t3"]}]
    number = next(n for n, m in test_hub.forwarder.pages("/gremc/mroutes").items() if m["group"] == G)
    taken, text = test_hub.forwarder.reload(changed)
    assert taken, text
    joined(test_hub, 2)
    assert reached(test_hub, 0, S1, G) == {1, 3}
    # the same route as before, so its counters go on
    assert test_hub.forwarder.pages("/gremc/mroutes")[number]["group"] == G
    changed["tunnels"]["t3"]["igmp"] = "off"
    assert test_hub.forwarder.reload(changed)[0]
    joined(test_hub, 1)
    assert reached(test_hub, 0, S1, G) == {1}
    assert reached(test_hub, 0, S1, G2) == {3}
    bad = dict(changed, mroutes=[{"group": "10.0.0.1", "from": "any", "to": "all"}])
    assert not test_hub.forwarder.reload(bad)[0]
    assert reached(test_hub, 0, S1, G) == {1}
    assert test_hub.forwarder.reload(before)[0]
    tell(test_hub, host(3, igmp.v2_report(member(3), G)))
    joined(test_hub, 2)
    assert reached(test_hub, 0, S1, G) == {1, 3}


def test_limits_refuse_joins_by_reason(make_hub):
    """Limits of a tunnel: groups, sources, their number and rate. Refused joins are counted by reason."""
    test_hub = make_hub(config(2, {"igmp": {"groups": ["239.1.0.0/16", "232.0.0.0/8"], "sources": [S1], "max-groups": 3,
                                            "report-rate": 20, "fast-leave": True,
                                            "join": [{"group": "239.1.1.1"}]}}))
    joined(test_hub, 2)
    assert reached(test_hub, 0, S1, "239.1.1.1") == {1}
    assert reached(test_hub, 0, S2, "239.1.1.1") == set()
    tell(test_hub, host(1, igmp.v2_report(member(1), "239.2.2.2")), host(1, igmp.join(member(1), SSM, S2)),
         host(1, igmp.join(member(1), SSM)), host(1, igmp.v2_report(member(1), "224.0.0.251")),
         *(host(1, igmp.v2_report(member(1), f"239.1.3.{i}")) for i in range(10)))
    joined(test_hub, 4)

    def counters():
        return next(entry["counters"] for entry in test_hub.forwarder.pages("/gremc/igmp").values()
                    if entry["interface"] == "t1")
    found = counters()
    assert {name: found.get(name) for name in ("group_range", "source_refused", "ssm_any", "link_local", "group_limit")} == \
        {"group_range": 1, "source_refused": 1, "ssm_any": 1, "link_local": 1, "group_limit": 8}
    tell(test_hub, *(host(1, igmp.v2_report(member(1), "239.1.3.9")) for i in range(100)))
    until(lambda: counters().get("rate", 0) >= 50, "reports above the rate are refused")


def test_configured_sources_are_forwarded_from_the_first_packet(make_hub):
    """`sources` are addresses and prefixes. A member of any source gets each of them from the first packet on, except those
    that it excludes; other members are not affected."""
    configuration = config(4, FAST)
    for name in ("t2", "t3"):
        configuration["tunnels"][name]["igmp"] = {"fast-leave": True, "sources": ["10.1.0.0/16", "10.2.2.2"]}
    test_hub = make_hub(configuration)
    tell(test_hub, host(1, igmp.v2_report(member(1), G)), host(2, igmp.v2_report(member(2), G)),
         host(3, igmp.report(member(3), igmp.record(igmp.TO_EX, G, S1))), host(3, igmp.v2_report(member(3), G2)))
    joined(test_hub, 4)
    assert reached(test_hub, 0, S1, G) == {1, 2}
    assert reached(test_hub, 0, S2, G) == {1, 2, 3}
    assert reached(test_hub, 0, "10.2.2.2", G) == {1, 2, 3}
    assert reached(test_hub, 0, "10.2.2.3", G) == {1}
    with test_hub.counting(source_guard=1):
        assert reached(test_hub, 0, "10.3.1.1", G2) == set()
    assert reached(test_hub, 0, "10.1.200.1", G2) == {3}
    mroutes = {(m["source"], m["group"]): (m["oifs"], m["guarded"]) for m in test_hub.forwarder.pages("/gremc/mroutes").values()}
    assert mroutes == {("*", G): (3, 2), (S1, G): (2, 1), ("*", G2): (1, 1)}
    why = test_hub.forwarder.query(f"/gremc/why,t0,10.2.2.3,{G}")
    assert (why["verdict"], why["wanted"], why["oif_names"]) == ("forward", 1, ["t1"])
    assert test_hub.forwarder.query(f"/gremc/why,t0,10.3.1.1,{G2}")["reason"] == "source_guard"
    # other prefixes: the members stay
    configuration["tunnels"]["t2"]["igmp"]["sources"] = ["10.2.2.0/24"]
    del configuration["tunnels"]["t3"]["igmp"]["sources"]
    assert test_hub.forwarder.reload(configuration)[0]
    assert reached(test_hub, 0, S2, G) == {1, 3}
    assert reached(test_hub, 0, "10.2.2.3", G) == {1, 2, 3}
    assert reached(test_hub, 0, "10.3.1.1", G2) == {3}


def test_a_flood_of_wrong_messages_stays_bounded(make_hub):
    """A flood of wrong, random and absurd messages: state stays bounded, all is counted, members are served."""
    test_hub = make_hub(config(3, {"igmp": {"max-groups": 50, "max-sources": 10, "report-rate": 0}}))
    tell(test_hub, host(2, igmp.v2_report(member(2), G)))
    joined(test_hub, 1)
    rng = random.Random(5)
    good = igmp.report(member(1), *(igmp.record(igmp.ALLOW, f"239.7.0.{n}", S1, S2) for n in range(5)))
    flood = []
    for n in range(2000):
        kind = n % 5
        if kind == 0:  # anything
            flood.append(packets.ipv4("10.9.9.9", "224.0.0.22", 2, rng.randbytes(rng.randrange(60)), ttl=1))
        elif kind == 1:  # a bit is wrong
            packet = bytearray(good)
            packet[rng.randrange(24, len(packet))] ^= 1 << rng.randrange(8)
            flood.append(bytes(packet))
        elif kind == 2:  # more is announced than there is
            flood.append(igmp.packet(member(1), "224.0.0.22", igmp.message(0x22, 0, b"\0\0\xff\xff" +
                                                                            igmp.record(igmp.TO_EX, "239.7.7.7"))))
        elif kind == 3:  # a group for each, with many sources
            flood.append(igmp.report(member(1), igmp.record(igmp.ALLOW, f"239.8.{n // 250}.{n % 250}",
                                                            *(f"10.3.3.{k}" for k in range(1, 60)))))
        else:
            flood.append(igmp.report(member(1), igmp.record(7 + n % 200, "239.9.9.9", S1), ttl=1 + n % 3))
    for at in range(0, len(flood), 100):
        tell(test_hub, *(host(1, packet) for packet in flood[at:at + 100]))
    found = until(lambda: next((entry for entry in test_hub.forwarder.pages("/gremc/igmp").values()
                                if entry["interface"] == "t1" and entry["counters"].get("source_limit")), None), "refusals")
    counters = found["counters"]
    for name in ("truncated", "checksum", "group_limit", "source_limit", "record_type", "ttl"):
        assert counters.get(name, 0) > 0, (name, counters)
    assert found["groups"] <= 50
    assert all(entry["sources"] <= 10 for entry in groups(test_hub).values())
    assert reached(test_hub, 0, S1, G) == {2}


def test_the_proxy_reports_and_forwards(make_hub):
    """The proxy reports the memberships of the tunnels upstream, forwards packets from upstream to members, and packets of
    members upstream."""
    configuration = config(4, FAST)
    configuration["tunnels"]["t0"]["igmp"] = "upstream"
    test_hub = make_hub(configuration)
    test_hub.wire.collect(seconds=0.3)

    def upstream(count, seconds=PATIENCE):
        """The records that the upstream router hears: `count`, or fewer when the time is over."""
        heard, deadline = [], time.monotonic() + seconds
        while len(heard) < count and (left := deadline - time.monotonic()) > 0:
            for message in igmp.queries(test_hub.wire.collect(1, left)).get(hub.remote(0), []):
                if message.kind == 0x22:
                    assert (message.destination, message.ttl, message.source) == ("224.0.0.22", 1, "10.8.0.1")
                    heard.append(message.data[8:])
        return heard
    tell(test_hub, host(1, igmp.v2_report(member(1), G)))
    assert upstream(2) == [igmp.record(igmp.TO_EX, G)] * 2
    tell(test_hub, host(2, igmp.v2_report(member(2), G)))
    assert upstream(1, seconds=0.5) == []
    tell(test_hub, host(0, igmp.query("10.7.0.1", code=5)))
    assert upstream(1) == [igmp.record(igmp.IS_EX, G)]
    assert reached(test_hub, 0, S1, G) == {1, 2}
    assert reached(test_hub, 1, S1, G) == {0, 2}
    assert reached(test_hub, 3, S1, "239.9.9.9") == {0}
    # source-specific groups, too, with members of another source
    tell(test_hub, host(1, igmp.join(member(1), "232.9.9.9", S2)))
    assert upstream(2) == [igmp.record(igmp.ALLOW, "232.9.9.9", S2)] * 2
    assert reached(test_hub, 3, S1, "232.9.9.9") == {0}
    assert reached(test_hub, 3, S2, "232.9.9.9") == {0, 1}
    tell(test_hub, host(1, igmp.leave(member(1), "232.9.9.9", S2)))
    assert upstream(2) == [igmp.record(igmp.BLOCK, "232.9.9.9", S2)] * 2
    assert reached(test_hub, 3, S2, "232.9.9.9") == {0}
    tell(test_hub, host(1, igmp.v2_leave(member(1), G)), host(2, igmp.v2_leave(member(2), G)))
    assert upstream(2) == [igmp.record(igmp.TO_IN, G)] * 2
    # the upstream's own members are none of ours
    tell(test_hub, host(0, igmp.v2_report(member(0), G2)))
    assert groups(test_hub) == {}


def told_upstream(frames):
    """The groups of the version 3 reports that entered tunnel 0, and the largest of their packets."""
    groups_told, largest = [], 0
    for frame in frames:
        if frame[23] != packets.GRE or frame[30:34] != packets.address(hub.remote(0)) or frame[38 + 9] != 2:
            continue
        message = igmp.Query(frame)
        if message.kind == 0x22:
            largest = max(largest, int.from_bytes(frame[40:42], "big"))
            # records without sources
            groups_told += [".".join(map(str, message.data[at + 4:at + 8])) for at in range(8, len(message.data), 8)]
    return groups_told, largest


@pytest.mark.parametrize("mtu, count", [(68, 9), (576, 137), (1300, 320), (1476, 361)])
def test_proxy_reports_fit_the_mtu(make_hub, mtu, count):
    """One group more than some messages hold: the answer to a query has each once, in packets of the upstream's MTU."""
    wanted = [f"239.1.{n >> 8}.{n & 255}" for n in range(count)]
    test_hub = make_hub(hub.config({0: {"addresses": ["10.0.0.1"], "igmp": "upstream", "mtu": mtu},
                                    1: {"addresses": ["10.0.0.2"], "igmp": {"join": [{"group": g} for g in wanted]}}}, []))
    seen = []

    def said_twice():
        seen.extend(told_upstream(test_hub.wire.collect(seconds=0.05))[0])
        return len(seen) >= 2 * count and all(seen.count(g) >= 2 for g in wanted)
    until(said_twice, "the first reports", every=0)
    test_hub.wire.collect(seconds=1.5)  # their repetitions
    test_hub.wire.send([host(0, igmp.query("10.0.0.9", code=1))])
    answer, sizes = [], []

    def answered():
        told, size = told_upstream(test_hub.wire.collect(seconds=0.05))
        answer.extend(told)
        sizes.append(size)
        return len(answer) >= count
    until(answered, "the answer", every=0)
    assert sorted(answer) == sorted(wanted)
    assert mtu - 8 < max(sizes) <= mtu


def test_repeated_answers_keep_every_group(make_hub):
    """More groups than report-rate: a host reports all of them at once, always in the same order, and none is lost."""
    count, each = 1500, 100
    test_hub = make_hub(hub.config({0: {}, 1: {"addresses": ["10.8.0.2"],
                                               "igmp": {"max-groups": 2048, "report-rate": 500}}}, []))
    records = [igmp.record(igmp.IS_EX, f"239.7.{n >> 8}.{n & 255}") for n in range(count)]
    reports = [host(1, igmp.report(member(1), *records[at:at + each])) for at in range(0, count, each)]
    for _ in range(3):
        tell(test_hub, *reports)
        joined(test_hub, count)
    counters = next(e["counters"] for e in test_hub.forwarder.pages("/gremc/igmp").values() if e["interface"] == "t1")
    assert "rate" not in counters


def greedy_reports(site, groups_each, first=0):
    """Reports by which a site joins so many groups, with 64 sources each."""
    sources = [f"10.{site}.0.{1 + n}" for n in range(64)]
    records = [igmp.record(igmp.IS_IN, f"239.{site}.{g >> 8}.{g & 255}", *sources) for g in range(first, first + groups_each)]
    return [host(site, igmp.report(member(site), *records[at:at + 5])) for at in range(0, len(records), 5)]


def test_greedy_sites_harm_themselves_only(make_hub):
    """Thirty sites join as much as their limits permit, twice the capacity of the table. The thirty-first site and static
    mroutes still get their routes, and the log stays short."""
    static = {"group": "238.1.1.1", "from": ["t0"], "to": ["t31"]}
    limits = {"igmp": {"report-rate": 0}}
    timing = {"igmp": {"query-interval": 3600}}
    before = config(32, limits, [static], more=timing)
    test_hub = make_hub(before, memory=1024)
    last = next(number for number, entry in test_hub.forwarder.pages("/gremc/igmp").items() if entry["interface"] == "t30")

    def reports_of_the_last():
        return test_hub.forwarder.query(f"/gremc/igmp,{last}")["list"][str(last)]["counters"].get("v3_reports", 0)
    for at in range(0, 1024, 32):
        told = reports_of_the_last()
        for site in range(1, 31):
            tell(test_hub, *greedy_reports(site, 32, at))
        # no more at once than wait for the control thread without loss
        until(lambda: reports_of_the_last() == told + 7, "all reports taken in", every=0.01)
    budget = test_hub.forwarder.query("/gremc/igmp")["budget"]
    assert budget["limit"] - 10 * 9 <= budget["used"] <= budget["limit"]
    lines = len(test_hub.forwarder.err.lines)
    tell(test_hub, host(31, igmp.join(member(31), G)), host(31, igmp.join(member(31), SSM, S1)), *greedy_reports(31, 100))

    def entry_of(name):
        return next(e for e in test_hub.forwarder.pages("/gremc/igmp").values() if e["interface"] == name)
    # G; SSM and its source; each with 64 sources: 9 each, none of which another site joins
    until(lambda: entry_of("t31")["cost"] == 9 * (1 + 2 + 100 * 65), lambda: f"all that t31 asks for: {entry_of('t31')}")
    assert test_hub.info()["mroutes_waiting"] == 0
    assert reached(test_hub, 0, S1, G) == reached(test_hub, 0, S1, SSM) == reached(test_hub, 0, "10.31.0.64", "239.31.0.99") == {31}
    entries = {e["interface"]: e for e in test_hub.forwarder.pages("/gremc/igmp").values()}
    assert not {"budget", "evicted"} & set(entries["t31"]["counters"])
    assert all({"budget", "evicted"} & set(entries[f"t{site}"]["counters"]) for site in range(1, 31))
    shares = [entries[f"t{site}"]["cost"] for site in range(1, 31)]
    assert max(shares) - min(shares) < max(shares) / 50
    # one that was refused is explained
    why = test_hub.forwarder.query("/gremc/why,t0,10.1.0.64,239.1.3.255")
    assert why["reason"] == "no_mroute" and "30 interfaces had joins refused or given up: all memberships are at their limit (" in why["detail"]
    taken, _ = test_hub.forwarder.reload(config(32, limits, [static, {**static, "group": "238.1.1.2"}], more=timing), seconds=60)
    assert taken and reached(test_hub, 0, S1, "238.1.1.2") == {31}
    # going on joining costs few lines
    tell(test_hub, *(host(1, igmp.join(member(1), f"239.150.{n >> 8}.{n & 255}")) for n in range(1000)))
    assert len(test_hub.forwarder.err.lines) - lines < 20
    assert test_hub.info()["mroutes_waiting"] == 0
    # a million memberships are given back, on a busy machine, too
    assert test_hub.forwarder.stop(seconds=120) == 0
