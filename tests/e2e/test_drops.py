# SPDX-License-Identifier: BSD-3-Clause
"""Every reason, provoked from outside: its counter moves, and no other."""
import pytest
from lab import until
from support import hub, packets, reasons


@pytest.fixture(scope="module")
def test_hub(make_module_hub):
    return make_module_hub(reasons.configuration())


def test_no_reason_is_forgotten():
    """A new reason needs a test: frames in reasons.FRAMES or CAPTURED, or a place named in ELSEWHERE."""
    places = [*reasons.FRAMES, *reasons.CAPTURED, *reasons.ELSEWHERE]
    assert sorted(places) == sorted(reasons.drops())
    assert set(LOSSES) == set(reasons.losses())


@pytest.mark.parametrize("reason", reasons.FRAMES)
def test_each_drop_is_counted_by_its_reason(test_hub, reason):
    for frame in reasons.FRAMES[reason]:
        with test_hub.counting(**{reason: 1}):
            assert test_hub.exchange([frame]) == []


@pytest.mark.parametrize("reason", reasons.FRAMES)
def test_each_drop_shows_its_packet(test_hub, reason):
    """/gremc/trace has the frame as it came, with its reason, and the interface where the reason names one."""
    frame = reasons.FRAMES[reason][0]

    def newest_after_frame():
        test_hub.exchange([frame])
        return test_hub.forwarder.query("/gremc/trace")["list"]["0"]

    # a second later, if other tests had all samples of this reason in the present second
    until(lambda: newest_after_frame()["reason"] == reason, "the packet is sampled")
    newest = test_hub.forwarder.query("/gremc/trace")["list"]["0"]
    assert newest["begins_with"] == "ethernet"
    shown = packets.sample_bytes(newest)
    assert shown == bytes(frame)[:len(shown)] and len(shown) == min(newest["length"], 128) >= 14
    if newest["name"]:
        by_name = test_hub.forwarder.query(f"/gremc/trace,0,{newest['name']}")
        assert by_name["list"]["0"]["reason"] == reason
        assert {entry["name"] for entry in by_name["list"].values()} == {newest["name"]}


def test_drops_of_one_burst_are_counted_apart(test_hub):
    """All of them in random order among good packets: each has its own reason and no good one is hurt."""
    import random
    order = [(reason, frame) for reason, frames in reasons.FRAMES.items() for frame in frames] * 3
    good = [(None, hub.from_site(0, packets.multicast(reasons.SOURCE, reasons.GROUP, packets.payload_of(n, n))))
            for n in range(101)]
    order += good
    random.Random(3).shuffle(order)
    counts = {reason: 3 * len(frames) for reason, frames in reasons.FRAMES.items()}
    with test_hub.counting(**counts):
        back = test_hub.exchange([frame for _, frame in order])
    assert len(back) == len(good)


# Where each loss is provoked.
LOSSES = {
    "no_adjacency": "test_replicas_without_an_adjacency_are_dropped",
    "oif_down": "test_host.test_an_interface_set_down_neither_sends_nor_receives",
    "peer_dead": "test_liveness.test_a_peer_without_answers_gets_no_replicas",
    "too_big": "test_packets_above_the_tunnel_mtu_are_dropped",
    "oif_scope": "test_policy.test_oils_respect_a_boundary_outwards",
    "oif_source": "test_policy.test_only_listed_senders_cross_a_vif",
    "oif_policed": "test_policy.test_a_policer_drops_what_is_above_its_burst",
    "no_mbuf": "test_devices.test_replicas_that_full_devices_reject_are_counted",
    "tx_full": "test_devices.test_replicas_that_full_devices_reject_are_counted",
    "ring_full": "test_workers.test_a_worker_without_a_queue_hands_replicas_over",
    "link_down": "test_devices_change.test_the_tap_follows_the_link",
    "port_down": "test_devices_change.test_a_removed_device_returns",
    "shard_full": "unit/test_datapath: how full a ring gets is a matter of time",
}


def test_packets_above_the_tunnel_mtu_are_dropped(make_hub):
    """With DF set, over the MTU of one tunnel: lost there, sent to the others; at the MTU it goes."""
    test_hub = make_hub(hub.config({0: {}, 1: {}, 2: {"mtu": 500}, 3: {"key": 7}},
                                   [{"group": "239.1.1.1", "from": ["t0"], "to": "all"}]))
    cases = {500: set(), 501: {"t2"}, 1472: {"t2"}, 1473: {"t2", "t3"}, 1476: {"t2", "t3"}}
    for size, lost in cases.items():
        inner = packets.multicast("10.1.1.1", "239.1.1.1", packets.payload_of(size, size - 28), fragment=0x4000)
        with test_hub.counting(**({"too_big": len(lost)} if lost else {})):
            back = test_hub.exchange([hub.from_site(0, inner, fragment=0)])
        assert set(hub.sites_of(back)) == {hub.remote(i) for i in (1, 2, 3) if f"t{i}" not in lost}
        if size == 501:
            newest = test_hub.forwarder.query("/gremc/trace,0,t2")["list"]["0"]
            assert (newest["kind"], newest["reason"], newest["begins_with"], newest["length"]) == ("loss", "too_big", "ip", 501)
            assert packets.sample_bytes(newest)[28:] == packets.payload_of(501, 473)[:100]
    info = test_hub.forwarder.query("/gremc/tunnel,t2")
    # t2 wanted all five, and lost four of them
    assert (info["tx_packets"], info["lost"]) == (1, 4), info
    why = test_hub.forwarder.query("/gremc/why,t0,10.1.1.1,239.1.1.1")
    assert (why["verdict"], why["wanted"], why["smallest_mtu"]) == ("forward", 3, 500)


def test_replicas_without_an_adjacency_are_dropped(make_hub):
    """A next hop without a MAC loses its own replicas only, and late, until a reload brings the MAC."""
    configuration = hub.one_to_many(3)
    neighbors = configuration["ethernets"]["wan"]["neighbors"]
    mac = neighbors.pop(hub.remote(2))
    test_hub = make_hub(configuration)
    frame = hub.from_site(0, packets.multicast("10.1.1.1", "239.1.1.1", b"hello"))
    with test_hub.counting(no_adjacency=1):
        assert set(hub.sites_of(test_hub.exchange([frame]))) == {hub.remote(1), hub.remote(3)}
    why = test_hub.forwarder.query("/gremc/why,t0,10.1.1.1,239.1.1.1")
    assert (why["verdict"], why["no_adjacency"]) == ("forward", 1)
    # one that waits when the MAC comes is not lost
    wire, before = test_hub.wire, test_hub.info()
    wire.send([frame])
    until(lambda: test_hub.info()["waiting"] == 1, "one waits")
    neighbors[hub.remote(2)] = mac
    assert test_hub.forwarder.reload(configuration)[0]
    info = test_hub.handled(before["rx_packets"] + 1)
    assert (info["sent"] - before["sent"], info["lost"]) == (3, before["lost"])
    assert set(hub.sites_of(wire.collect(3, 10))) == {hub.remote(i) for i in (1, 2, 3)}
    with test_hub.counting():
        assert len(test_hub.exchange([frame])) == 3
    # and away again
    del neighbors[hub.remote(2)]
    assert test_hub.forwarder.reload(configuration)[0]
    with test_hub.counting(no_adjacency=1):
        assert len(test_hub.exchange([frame])) == 2
    # one that waits at the end is lost; close() does the sum
    wire.send([frame])
    until(lambda: test_hub.info()["waiting"] == 1, "another waits")
