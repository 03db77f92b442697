# SPDX-License-Identifier: BSD-3-Clause
"""Several mroutes with one group and source, each for packets from other interfaces."""
import os

import pytest
from lab import until
from support import hub, igmp, packets

GROUP, SOURCE = "239.1.1.1", "10.1.1.1"


def mroute(from_, to, **more):
    return {"group": GROUP, "from": hub.names(from_), "to": hub.names(to), **more}


def reached(test_hub, i, source=SOURCE, group=GROUP):
    """The sites that a packet from site i reaches."""
    back = test_hub.exchange([hub.from_site(i, packets.multicast(source, group, b"?"))])
    by_site = hub.sites_of(back)
    assert all(len(frames) == 1 for frames in by_site.values())
    return {n for n in range(16) if hub.remote(n) in by_site}


def counters(test_hub, **fields):
    """{iif: packets} of the mroutes with these fields."""
    return {entry["iif"]: entry["packets"] for entry in test_hub.forwarder.pages("/gremc/mroutes").values()
            if all(entry[name] == value for name, value in fields.items())}


@pytest.mark.parametrize("key", [{}, {"source": SOURCE}, {"group": "239.1.0.0/16"}], ids=["(*,G)", "(S,G)", "prefix"])
def test_each_interface_has_its_own_receivers(make_hub, key):
    """A packet leaves by the oil of its interface; other interfaces fail the RPF check; counters are separate."""
    test_hub = make_hub(hub.config(6, [{**mroute([0], [1, 2]), **key}, {**mroute([1, 2], [0, 2, 4]), **key},
                                       {**mroute([3], [5], order="rotate"), **key}]))
    assert reached(test_hub, 0) == {1, 2}
    assert reached(test_hub, 1) == {0, 2, 4}
    assert reached(test_hub, 2) == {0, 4}  # split horizon
    assert reached(test_hub, 3) == {5}
    with test_hub.counting(rpf=2):
        assert reached(test_hub, 4) == reached(test_hub, 5) == set()
    assert counters(test_hub, branch=1) == {"t0": 1, "": 2, "t3": 1}
    source, group = key.get("source", "*"), key.get("group", GROUP)
    shown = test_hub.forwarder.query(f"/gremc/mroute,{source},{group},0,t2")
    assert (shown["iif_names"], shown["oif_names"]) == (["t1", "t2"], ["t0", "t2", "t4"])
    assert "each for other incoming interfaces" in test_hub.forwarder.query(f"/gremc/mroute,{source},{group}")["error"]
    assert test_hub.info()["mroutes"] == 3
    why = test_hub.forwarder.query(f"/gremc/why,t1,{SOURCE},{GROUP}")
    assert (why["verdict"], why["oif_names"], why["mroute"]["branch"]) == ("forward", ["t0", "t2", "t4"], 1)
    why = test_hub.forwarder.query(f"/gremc/why,t5,{SOURCE},{GROUP}")
    assert (why["reason"], why["iif_names"]) == ("rpf", ["t0", "t1", "t2", "t3"])


def test_reloads_keep_the_counters_of_branches(make_hub):
    """One mroute becomes several and back; a branch keeps its counter while it keeps an interface."""
    wanted = hub.config(6, [mroute([0, 1], [2])])
    test_hub = make_hub(wanted)

    def reload(*mroutes):
        wanted["mroutes"] = list(mroutes)
        taken, text = test_hub.forwarder.reload(wanted)
        assert taken, text

    assert reached(test_hub, 0) == reached(test_hub, 1) == {2}
    reload(mroute([0], [3]), mroute([1], [4]))
    assert counters(test_hub) == {"t0": 2, "t1": 0}
    assert (reached(test_hub, 0), reached(test_hub, 1)) == ({3}, {4})
    reload(mroute([1], [4, 5]), mroute([0], [3]), mroute([2], [0]))
    assert counters(test_hub) == {"t0": 3, "t1": 1, "t2": 0}
    assert (reached(test_hub, 0), reached(test_hub, 1), reached(test_hub, 2)) == ({3}, {4, 5}, {0})
    reload(mroute([1], [2]))
    assert counters(test_hub) == {"t1": 2}
    with test_hub.counting(rpf=1):
        assert reached(test_hub, 0) == set()
    # two mroutes that accept one interface are refused, and change nothing
    wanted["mroutes"] = [mroute([1], [2]), mroute([1, 3], [4])]
    taken, text = test_hub.forwarder.reload(wanted)
    assert not taken and "from t1 already" in text
    assert reached(test_hub, 1) == {2}


def test_members_join_every_branch(make_hub):
    """A member of the group receives the packets of each branch that covers it."""
    test_hub = make_hub(hub.config({i: {"addresses": [f"10.8.0.{1 + i}"], "igmp": {"mode": "querier", "fast-leave": True}}
                                    for i in range(6)},
                                   [mroute([0], [2], group="239.0.0.0/8"), mroute([1], [3], group="239.0.0.0/8")]))
    forwarder = test_hub.forwarder

    def tell(packet):
        test_hub.wire.send([hub.from_site(5, packet)])
        joins = 1 if packet is join else 0
        until(lambda: forwarder.query("/gremc/groups")["total"] == joins, "the membership has changed", every=0.01)

    def oif_names(iif):
        return forwarder.query(f"/gremc/why,{iif},{SOURCE},{GROUP}")["oif_names"]

    join, leave = igmp.join("10.9.0.5", GROUP), igmp.leave("10.9.0.5", GROUP)
    tell(join)
    assert (oif_names("t0"), oif_names("t1")) == (["t2", "t5"], ["t3", "t5"])
    assert counters(test_hub, group=GROUP, origin="igmp", branch=1) == {"t0": 0, "t1": 0}
    assert forwarder.query(f"/gremc/why,t4,{SOURCE},{GROUP}")["reason"] == "rpf"
    tell(leave)
    assert (oif_names("t0"), oif_names("t1")) == (["t2"], ["t3"])


def test_workers_share_the_oil_of_a_branch(make_hub):
    """Two workers, each with its part of the oil of the packet's interface."""
    receivers = range(2, 102)
    test_hub = make_hub(hub.config(102, [mroute([0], receivers), mroute([1], receivers[:70], order="rotate")],
                                   settings={"shard-threshold": 64}), cpus=["--lcores", f"(0-2)@{min(os.sched_getaffinity(0))}"])
    for site, count in ((0, 100), (1, 70)):
        back = test_hub.exchange([hub.from_site(site, packets.multicast(SOURCE, GROUP, b"?"))], replicas=count)
        assert set(hub.sites_of(back)) == {hub.remote(i) for i in receivers[:count]}
