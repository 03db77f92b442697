# SPDX-License-Identifier: BSD-3-Clause
"""The policy of a vif: boundaries, sources, TTL threshold, fan-out, and policers in both directions."""
import os
import time

import pytest
from lab import until
from support import hub, packets

CPUS = sorted(os.sched_getaffinity(0))
TWO_WORKERS = ["--lcores", f"0@{CPUS[0]},1@{CPUS[0]},2@{CPUS[-1]}"]


def frame(group="239.1.1.1", source="10.1.1.1", i=0, size=30, **ip):
    return hub.from_site(i, packets.multicast(source, group, packets.payload_of(1, size), **ip))


def receivers(test_hub, *args, **more):
    """The numbers of the sites that receive a packet."""
    by_site = hub.sites_of(test_hub.exchange([frame(*args, **more)]))
    return {i for i in range(10) if hub.remote(i) in by_site}


def any_to_all(policies, count=4, mroutes=None, **more):
    """`policies` of tunnels by number."""
    tunnels = {i: {"policy": policies[i]} if i in policies else {} for i in range(count)}
    return hub.config(tunnels, mroutes or [{"group": "239.0.0.0/8", "from": "any", "to": "all"}], **more)


def losses(test_hub, name):
    return {reason: n for reason, n in test_hub.forwarder.query(f"/gremc/tunnel,{name}")["losses"].items() if n}


def vif_drops(test_hub, name):
    for entry in test_hub.forwarder.pages("/gremc/vif_drops").values():
        if entry["name"] == name:
            return {reason: drop["packets"] for reason, drop in entry["drops"].items()}
    return {}


# ---- boundaries ----

def test_groups_do_not_cross_a_boundary_inwards(make_hub):
    """Groups of `in` are dropped, counted by vif, and explained; a boundary with a hole is two prefixes."""
    test_hub = make_hub(any_to_all({0: {"boundary": {"in": ["239.2.0.0/16", "239.1.1.2"]}}}))
    assert receivers(test_hub, "239.1.1.1") == {1, 2, 3}
    assert receivers(test_hub, "239.2.1.1", i=1) == {0, 2, 3}
    for group in ("239.2.0.0", "239.2.255.255", "239.1.1.2"):
        with test_hub.counting(boundary=1):
            assert receivers(test_hub, group) == set()
        why = test_hub.forwarder.query(f"/gremc/why,t0,10.1.1.1,{group}")
        assert (why["verdict"], why["reason"]) == ("drop", "boundary")
    assert vif_drops(test_hub, "t0") == {"boundary": 3}
    assert test_hub.forwarder.query("/gremc/why,t0,10.1.1.1,239.3.1.1")["verdict"] == "forward"


def test_oils_respect_a_boundary_outwards(make_hub):
    """A route inside the boundary does not have the vif at all; of a wider route only those packets are lost."""
    routes = [{"group": "239.0.0.0/8", "from": "any", "to": "all"}, {"group": "239.2.2.2", "from": "any", "to": "all"},
              {"group": "239.2.2.3", "source": "10.1.1.1", "from": ["t0"], "to": ["t1"]}]
    test_hub = make_hub(any_to_all({1: {"boundary": {"out": ["239.2.0.0/16"]}}}, mroutes=routes))
    oil = test_hub.forwarder.query("/gremc/mroute,*,239.2.2.2")
    assert "t1" not in oil["oif_names"] and oil["oifs"] == 3
    with test_hub.counting():
        assert receivers(test_hub, "239.2.2.2") == {2, 3}
        assert receivers(test_hub, "239.3.3.3") == {1, 2, 3}
    with test_hub.counting(empty_oil=1):
        assert receivers(test_hub, "239.2.2.3") == set()
    with test_hub.counting(oif_scope=1):
        assert receivers(test_hub, "239.2.9.9") == {2, 3}
    assert losses(test_hub, "t1") == {"oif_scope": 1} and losses(test_hub, "t2") == {}
    why = test_hub.forwarder.query("/gremc/why,t0,10.1.1.1,239.2.9.9")
    assert (why["verdict"], why["wanted"], why["policy"]) == ("forward", 3, 1) and "boundary" in why["detail"]
    assert why["oif_names"] == ["t2", "t3"]


# ---- sources, TTL, fan-out ----

def test_only_listed_senders_cross_a_vif(make_hub):
    test_hub = make_hub(any_to_all({0: {"sources": {"in": ["10.1.0.0/16", "10.1.5.0/24"]}},
                                    2: {"sources": {"out": ["10.1.1.1", "192.0.2.0/24"]}}}))
    assert receivers(test_hub, source="10.1.1.1") == {1, 2, 3}
    with test_hub.counting(source_filter=1):
        assert receivers(test_hub, source="10.2.1.1") == set()
    assert vif_drops(test_hub, "t0") == {"source_filter": 1}
    with test_hub.counting(oif_source=1):
        assert receivers(test_hub, source="10.1.1.2") == {1, 3}
    assert losses(test_hub, "t2") == {"oif_source": 1}
    assert receivers(test_hub, source="192.0.2.9", i=1) == {0, 2, 3}
    why = test_hub.forwarder.query("/gremc/why,t0,10.2.1.1,239.1.1.1")
    assert (why["verdict"], why["reason"]) == ("drop", "source_filter")


def test_the_ttl_must_be_above_the_threshold(make_hub):
    """The TTL as received, as in the kernel; other interfaces are not affected."""
    test_hub = make_hub(any_to_all({1: {"ttl-threshold": 32}, 2: {"ttl-threshold": 254}}))
    for ttl, expected in ((32, {3}), (33, {1, 3}), (254, {1, 3}), (255, {1, 2, 3})):
        with test_hub.counting(**({"oif_scope": 3 - len(expected)} if len(expected) < 3 else {})):
            assert receivers(test_hub, ttl=ttl) == expected
    assert losses(test_hub, "t1") == {"oif_scope": 1} and losses(test_hub, "t2") == {"oif_scope": 3}


def test_a_vif_causes_no_larger_fanout_than_it_may(make_hub):
    """Three replicas are allowed, four are not; the limit is that of the incoming vif."""
    routes = [{"group": "239.1.1.1", "from": "any", "to": ["t1", "t2", "t3"]},
              {"group": "239.2.2.2", "from": "any", "to": ["t1", "t2", "t3", "t4"]},
              {"group": "239.3.3.3", "from": ["t0", "t5"], "to": ["t0", "t1", "t2", "t3"]}]
    test_hub = make_hub(any_to_all({0: {"max-fanout": 3}}, 6, routes))
    assert receivers(test_hub, "239.1.1.1") == {1, 2, 3}
    assert receivers(test_hub, "239.2.2.2", i=5) == {1, 2, 3, 4}
    assert receivers(test_hub, "239.3.3.3") == {1, 2, 3}  # without itself
    with test_hub.counting(fanout_limit=1):
        assert receivers(test_hub, "239.2.2.2") == set()
    assert vif_drops(test_hub, "t0") == {"fanout_limit": 1}
    why = test_hub.forwarder.query("/gremc/why,t0,10.1.1.1,239.2.2.2")
    assert (why["verdict"], why["reason"]) == ("drop", "fanout_limit")


def test_native_ports_have_policies_too(make_hub):
    configuration = hub.config(2, [{"group": "239.0.0.0/8", "from": "any", "to": "all"}])
    configuration["ethernets"]["lan"] = {"device": "net_af_packet1", "multicast": True, "policy": {
        "boundary": {"in": ["239.1.0.0/16"], "out": ["239.2.0.0/16"]}, "sources": {"in": ["10.7.7.0/24"]}}}
    test_hub = make_hub(configuration, wires=2)

    def from_lan(group, source="10.7.7.7"):
        low = packets.address(group)
        mac = f"01:00:5e:{low[1] & 0x7f:02x}:{low[2]:02x}:{low[3]:02x}"
        return test_hub.exchange([packets.ether(mac, "02:00:00:00:07:07", packets.multicast(source, group, b"native"))], wire=1)

    assert len(from_lan("239.3.3.3")) == 2
    with test_hub.counting(boundary=1):
        assert from_lan("239.1.3.3") == []
    with test_hub.counting(source_filter=1):
        assert from_lan("239.3.3.3", "10.7.8.1") == []
    with test_hub.counting(oif_scope=1):
        assert len(test_hub.exchange([frame("239.2.3.3")])) == 1
    assert vif_drops(test_hub, "lan") == {"boundary": 1, "source_filter": 1}


# ---- reload, telemetry ----

def test_a_reload_changes_every_part(make_hub):
    """Policies come, change and go while other vifs go on; telemetry shows them."""
    wanted = any_to_all({})
    test_hub = make_hub(wanted)

    def reload(i, policy):
        wanted["tunnels"][f"t{i}"] = hub.tunnel(i, **({"policy": policy} if policy else {}))
        taken, text = test_hub.forwarder.reload(wanted)
        assert taken, text

    assert receivers(test_hub) == {1, 2, 3} and test_hub.forwarder.pages("/gremc/policies") == {}
    reload(1, {"boundary": {"out": ["239.1.0.0/16"]}, "police": {"out": {"pps": 7}}})
    with test_hub.counting(oif_scope=1):
        assert receivers(test_hub) == {2, 3}
    shown, = test_hub.forwarder.pages("/gremc/policies").values()
    assert shown == {"name": "t1", "in": {"boundary": 0, "sources": 0, "pps": 0, "kbps": 0, "burst": 0},
                     "out": {"boundary": 1, "sources": 0, "pps": 7, "kbps": 0, "burst": 50},
                     "ttl_threshold": 0, "max_fanout": 0, "dropped": 0, "lost": 1}
    reload(1, {"ttl-threshold": 100})
    with test_hub.counting(oif_scope=1):
        assert receivers(test_hub) == {2, 3}
    reload(0, {"sources": {"in": ["10.9.0.0/16"]}})
    with test_hub.counting(source_filter=1):
        assert receivers(test_hub) == set()
    reload(0, {"max-fanout": 2})
    with test_hub.counting(fanout_limit=1):
        assert receivers(test_hub) == set()
    reload(1, None)
    reload(0, None)
    assert receivers(test_hub) == {1, 2, 3} and test_hub.forwarder.pages("/gremc/policies") == {}
    assert test_hub.forwarder.query("/gremc/tunnel,t3")["lost"] == 0


# ---- policers ----

def test_a_policer_drops_what_is_above_its_burst(make_hub):
    """A rate so low that no token comes while the test runs: the burst passes, in each direction, and no more."""
    test_hub = make_hub(any_to_all({0: {"police": {"in": {"pps": 1, "burst": 5000}}},
                                    2: {"police": {"out": {"pps": 1, "burst": 3000}}}}))
    back = test_hub.exchange([frame()] * 100)
    by_site = {i: sum(f[30:34] == packets.address(hub.remote(i)) for f in back) for i in (1, 2, 3)}
    seconds = 10  # a busy machine: a token for each
    assert 5 <= by_site[1] <= 5 + seconds and by_site[3] == by_site[1]
    assert 3 <= by_site[2] <= min(3 + seconds, by_site[1])
    assert vif_drops(test_hub, "t0") == {"policed": 100 - by_site[1]}
    assert losses(test_hub, "t2") == ({"oif_policed": by_site[1] - by_site[2]} if by_site[1] > by_site[2] else {})
    # t1 has no policer: its packets arrive
    assert receivers(test_hub, i=1) >= {0, 3}


def rate_when_close(test_hub, frames, name, counter, expected):
    """Flood a policer; return the rate of a tunnel's counter over ten seconds, or over more until it is within one percent.

    A busy machine delays both readings of the counter. That matters less the longer the time between them is."""
    def count():
        return test_hub.forwarder.query(f"/gremc/tunnel,{name}")[counter], time.monotonic()

    def policed():
        test_hub.wire.send(frames)
        test_hub.wire.collect(seconds=0)
        return "policed" in vif_drops(test_hub, name) or "oif_policed" in losses(test_hub, name)

    def is_close():
        policed()
        now = count()
        seconds = now[1] - first[1]
        rate = (now[0] - first[0]) / max(seconds, 1)
        return seconds >= 10 and abs(rate - expected) <= 0.01 * expected and rate

    until(policed, "the first packets beyond the burst are dropped")
    first = count()
    return until(is_close, f"the rate is {expected}")


# A burst of five seconds: its tokens are lost only if the machine stops the sender for longer.
RATES = [("in", {"pps": 300}, "rx_packets", 300, None), ("out", {"pps": 300}, "tx_packets", 300, None),
         ("in", {"kbps": 800}, "rx_bytes", 100000, None), ("out", {"kbps": 800}, "tx_bytes", 100000, None),
         ("out", {"pps": 300}, "tx_packets", 300, TWO_WORKERS), ("in", {"kbps": 800}, "rx_bytes", 100000, TWO_WORKERS)]


@pytest.mark.waits
@pytest.mark.parametrize("direction, rate, counter, expected, cpus", RATES)
def test_the_rate_is_within_one_percent(make_hub, direction, rate, counter, expected, cpus):
    """Over ten seconds, with one worker and with two that share the policer (flows are distributed by software)."""
    policed = 0 if direction == "in" else 1
    configuration = any_to_all({policed: {"police": {direction: {**rate, "burst": 5000}}}}, 3, settings={"spread": True})
    test_hub = make_hub(configuration, **({"cpus": cpus} if cpus else {}))
    frames = [frame(f"239.1.{n % 7}.{n}", f"10.1.1.{n % 13 + 1}", size=100 + 7 * n) for n in range(1, 64)]
    rate_when_close(test_hub, frames, f"t{policed}", counter, expected)
    if cpus:
        assert all(lcore["wanted"] for lcore in test_hub.forwarder.pages("/gremc/lcores").values())
    until(lambda: test_hub.info()["queued"] == test_hub.info()["relayed"] == 0, "all is sent")
