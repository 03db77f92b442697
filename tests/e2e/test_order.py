# SPDX-License-Identifier: BSD-3-Clause
"""`order: rotate`: which receiver of an mroute is the first, in the order in which frames leave a port."""
import collections
import os

import pytest
from support import hub, packets

CPUS = sorted(os.sched_getaffinity(0))


def configuration(receivers, order, settings=None):
    return hub.config(receivers + 1, [{"group": "239.1.1.1", "from": ["t0"], "order": order,
                                       "to": hub.names(range(1, receivers + 1))}], settings=settings)


def arrivals(test_hub, count, length=40):
    """Send packets with numbers from site 0. Returns: for each packet, the outer addresses in order of arrival."""
    frames = [hub.from_site(0, packets.multicast("10.1.1.1", "239.1.1.1", n.to_bytes(4, "big") + bytes(length - 4)))
              for n in range(count)]
    orders = collections.defaultdict(list)
    for frame in test_hub.exchange(frames):
        number = int.from_bytes(frame[-length:][:4], "big")
        orders[number].append(".".join(map(str, frame[30:34])))
    return [orders[n] for n in range(count)]


def order_of(test_hub):
    return test_hub.forwarder.query("/gremc/mroute,*,239.1.1.1")["order"]


@pytest.mark.parametrize("length", [40, 1000], ids=["copied", "shared"])
def test_each_receiver_is_first_equally_often(make_hub, length):
    """100 packets to 5 receivers: each is the first one 20 times, and each gets all packets."""
    test_hub = make_hub(configuration(5, "rotate"))
    assert order_of(test_hub) == "rotate"
    orders = arrivals(test_hub, 100, length)
    assert all(sorted(order) == sorted(map(hub.remote, range(1, 6))) for order in orders)
    firsts = collections.Counter(order[0] for order in orders)
    # The run begins with turn 1, so it begins and ends inside a round.
    assert all(19 <= firsts[hub.remote(i)] <= 21 for i in range(1, 6)), firsts
    # Neither of two neighbours in the oil is always ahead.
    assert 20 <= sum(order.index(hub.remote(2)) < order.index(hub.remote(3)) for order in orders) <= 80


def test_a_reload_changes_the_order_and_keeps_the_counters(make_hub):
    """fixed is the default; a change of the order alone loses nothing and resets nothing."""
    wanted = configuration(3, "fixed")
    test_hub = make_hub(wanted)
    fixed = [hub.remote(i) for i in range(1, 4)]
    assert arrivals(test_hub, 10) == [fixed] * 10
    for order, packets_before in (("rotate", 10), ("fixed", 40)):
        wanted["mroutes"][0]["order"] = order
        taken, text = test_hub.forwarder.reload(wanted)
        assert taken, text
        assert order_of(test_hub) == order
        assert test_hub.forwarder.query("/gremc/mroute,*,239.1.1.1")["packets"] == packets_before
        orders = arrivals(test_hub, 30)
        assert len({tuple(found) for found in orders}) == (1 if order == "fixed" else 6)
    assert test_hub.forwarder.query("/gremc/why,t0,10.1.1.1,239.1.1.1")["mroute"]["order"] == "fixed"


@pytest.mark.parametrize("settings", [{"shard-threshold": 64}, {"spread": True}], ids=["shards", "spread"])
def test_workers_that_share_the_work_rotate(make_hub, settings):
    """Two workers, each with its part of the oil, or with its flows: no replica is missing, and the order changes."""
    test_hub = make_hub(configuration(100, "rotate", settings),
                        cpus=["--lcores", f"0@{CPUS[0]},1@{CPUS[0]},2@{CPUS[-1]}"])
    frames = [hub.from_site(0, packets.multicast("10.1.1.1", "239.1.1.1", bytes(40))) for _ in range(20)]
    back = test_hub.exchange(frames, replicas=20 * 100)
    by_site = collections.Counter(".".join(map(str, frame[30:34])) for frame in back)
    assert by_site == {hub.remote(i): 20 for i in range(1, 101)}
    # Each worker sends the replicas of its 20 packets one after another: the first one of each differs.
    first = {hub.remote(i): [] for i in range(1, 101)}
    for place, frame in enumerate(back):
        first[".".join(map(str, frame[30:34]))].append(place)
    assert len({places[0] for places in first.values()}) == 100
    assert len({tuple(sorted(first, key=lambda site, n=n: first[site][n])) for n in range(20)}) > 10
