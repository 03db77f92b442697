# SPDX-License-Identifier: BSD-3-Clause
"""GRE keepalives of peers and of the forwarder, and tunnels whose peer is dead."""
import pytest
from lab import until
from support import hub, packets

GROUP, SOURCE = "239.1.1.1", "10.1.1.1"

# The inner packet of a keepalive, as each vendor documents it: TOS, TTL, payload behind the inner GRE header.
FORMS = {"cisco": {"tos": 0xc0, "ttl": 255, "payload": b""},
         "huawei": {"tos": 0, "ttl": 255, "payload": b""},
         "mikrotik": {"tos": 0, "ttl": 64, "payload": bytes(12)}}


def answer_of(i, form, key=None, ident=7):
    """The answer that the forwarder has to return to site i, as it leaves the site."""
    form = FORMS[form]
    return packets.ipv4(hub.LOCAL, hub.remote(i), packets.GRE, packets.gre(form["payload"], key=key, protocol=0),
                        tos=form["tos"], ttl=form["ttl"], ident=ident)


def keepalive(i, form, key=None, inner_key=None):
    return hub.from_site(i, answer_of(i, form, inner_key), key=key)


def is_answer(i):
    """Whether a frame is an answer that the forwarder returns to site i."""
    def match(frame):
        return frame[14 + 9] == packets.GRE and frame[30:34] == packets.address(hub.remote(i)) and \
            frame[14 + 20 + 2:14 + 20 + 4] == b"\0\0"
    return match


def is_keepalive(i):
    """Whether a frame is a keepalive that the forwarder sends to site i: its inner packet comes back from there."""
    def match(frame):
        inner = frame[38:]
        return frame[30:34] == packets.address(hub.remote(i)) and len(inner) >= 24 and inner[9] == packets.GRE and \
            inner[12:16] == packets.address(hub.remote(i))
    return match


def peers(test_hub):
    return {entry["name"]: entry for entry in test_hub.forwarder.pages("/gremc/peers").values()}


def peer_is(test_hub, name, state):
    return until(lambda: peers(test_hub)[name]["state"] == state, f"the peer of {name} is {state}")


def answer(test_hub, i, frame):
    """Return the answer of a keepalive to the forwarder, as the peer does."""
    inner = packets.forwarded(frame[38:38 + int.from_bytes(frame[40:42], "big")])
    test_hub.wire.send([packets.ether(hub.MAC, hub.remote_mac(i), inner)])


def send_until_answered(test_hub, i, frame):
    """Send a keepalive again and again, because one within 100 ms after another is dropped. Return the answer."""
    def attempt():
        test_hub.wire.send([frame])
        return test_hub.wire.collect_matching(is_answer(i), 1, 0.3)
    return until(attempt, "an answer")[0]


@pytest.mark.parametrize("host", [False, True], ids=["alone", "host"])
@pytest.mark.parametrize("key", [None, 42], ids=["plain", "keyed"])
def test_keepalives_of_each_vendor_are_answered(make_hub, key, host):
    keys = {} if key is None else {"key": key}
    test_hub = make_hub(hub.config({0: {**keys, "host": host}, 1: {}}, [{"group": GROUP, "from": ["t0"], "to": ["t1"]}]))
    count = 0
    for form in FORMS:
        for inner_key in {None, key}:
            got = send_until_answered(test_hub, 0, keepalive(0, form, key, inner_key))
            length = len(answer_of(0, form, inner_key))
            assert got[:14] == packets.ether(hub.remote_mac(0), hub.MAC, b"")[:14]
            assert got[14:14 + length] == packets.forwarded(answer_of(0, form, inner_key))
            count += 1
    entry = peers(test_hub)["t0"]
    assert entry["requests"] == entry["answered"] >= count
    assert test_hub.forwarder.query("/gremc/drops")["punts"]["keepalive"] == entry["requests"]


def test_other_inner_unicast_is_not_answered(make_hub):
    test_hub = make_hub(hub.one_to_many(1))
    for inner in (packets.ipv4(hub.LOCAL, hub.remote(1), packets.GRE, packets.gre(b"", protocol=0)),
                  packets.ipv4("10.9.9.9", hub.remote(0), packets.GRE, packets.gre(b"", protocol=0)),
                  packets.ipv4(hub.LOCAL, hub.remote(0), packets.GRE, packets.gre(b"", protocol=0, key=1)),
                  packets.ipv4(hub.LOCAL, hub.remote(0), packets.GRE, packets.gre(b"", protocol=0x0800)),
                  packets.ipv4(hub.LOCAL, hub.remote(0), packets.UDP, bytes(12))):
        with test_hub.counting(inner_unicast=1):
            assert test_hub.exchange([hub.from_site(0, inner)]) == []
    assert peers(test_hub) == {}


def test_a_flood_of_keepalives_is_dropped_by_name(make_hub):
    test_hub = make_hub(hub.one_to_many(1))
    before = test_hub.info()["rx_packets"]
    test_hub.wire.send([keepalive(0, "cisco")] * 500)
    test_hub.handled(before + 500)
    until(lambda: peers(test_hub)["t0"]["requests"] + test_hub.drops()["keepalive_rate"] == 500, "each is counted")
    assert test_hub.drops()["keepalive_rate"] > 0
    assert peers(test_hub)["t0"]["requests"] < 500


def replicas(test_hub):
    return test_hub.exchange([hub.from_site(0, packets.multicast(SOURCE, GROUP, b"hello"))])


def sites_of_replicas(test_hub, i_with_keepalives):
    """The sites that get a replica. Keepalives that leave meanwhile are no replicas."""
    test_hub.wire.send([hub.from_site(0, packets.multicast(SOURCE, GROUP, b"hello"))])
    frames = test_hub.wire.collect_matching(lambda frame: not is_keepalive(i_with_keepalives)(frame), 2, 3)
    return set(hub.sites_of(frames))


def test_a_peer_without_answers_gets_no_replicas(make_hub):
    """Its replicas are lost as peer_dead, those of others are sent; the first answer brings it back."""
    test_hub = make_hub(hub.config({0: {}, 1: {"keepalive": {"interval": 1, "retries": 2}}, 2: {}},
                                   [{"group": GROUP, "from": ["t0"], "to": ["t1", "t2"]}]))
    assert peers(test_hub)["t1"]["state"] == "alive"
    peer_is(test_hub, "t1", "dead")
    assert sites_of_replicas(test_hub, 1) == {hub.remote(2)}
    assert test_hub.drops()["peer_dead"] == 1
    why = test_hub.forwarder.query(f"/gremc/why,t0,{SOURCE},{GROUP}")
    assert (why["verdict"], why["wanted"], why["peer_dead"]) == ("forward", 2, 1)
    assert "peer_dead" in why["detail"]
    assert "t1: no sign of life of the peer" in test_hub.forwarder.text()
    test_hub.wire.collect(seconds=0)
    frame, = test_hub.wire.collect_matching(is_keepalive(1), 1)
    answer(test_hub, 1, frame)
    peer_is(test_hub, "t1", "alive")
    entry = peers(test_hub)["t1"]
    assert (entry["changes"], entry["answers"]) == (2, 1)
    assert 0 < entry["rtt_ns"] < 10e9 and entry["rtt_least_ns"] == entry["rtt_ns"]
    assert "t1: the peer is alive again" in test_hub.forwarder.text()


def test_traffic_is_a_sign_of_life(make_hub):
    """Without keepalives of the forwarder; the keepalives of the peer count, too."""
    keys = {"liveness": "traffic", "keepalive": {"interval": 1, "retries": 1}}
    test_hub = make_hub(hub.config({0: {}, 1: keys}, [{"group": GROUP, "from": ["t0", "t1"], "to": ["t0", "t1"]}]))
    peer_is(test_hub, "t1", "dead")
    test_hub.wire.send([hub.from_site(1, packets.multicast(SOURCE, GROUP, b"hello"))])
    until(lambda: peers(test_hub)["t1"]["changes"] >= 2, "a packet brings it back")
    peer_is(test_hub, "t1", "dead")
    changes = peers(test_hub)["t1"]["changes"]
    test_hub.wire.send([keepalive(1, "cisco")])
    until(lambda: peers(test_hub)["t1"]["changes"] > changes, "a keepalive brings it back")


def test_reload_changes_liveness_and_loses_nothing_of_others(make_hub):
    mroutes = [{"group": GROUP, "from": ["t0"], "to": ["t1", "t2"]}]
    with_keepalive = hub.config({0: {}, 1: {"keepalive": {"interval": 1, "retries": 1}}, 2: {}}, mroutes)
    without = hub.config({0: {}, 1: {}, 2: {}}, mroutes)
    test_hub = make_hub(without)
    assert len(replicas(test_hub)) == 2
    assert test_hub.forwarder.reload(with_keepalive)[0]
    peer_is(test_hub, "t1", "dead")
    assert test_hub.forwarder.reload(without)[0]
    # off: alive, with its counters
    entry = peers(test_hub)["t1"]
    assert (entry["state"], entry["liveness"], entry["sends"]) == ("alive", "off", 0)
    assert entry["sent"] > 0
    test_hub.wire.collect(seconds=0)
    with test_hub.counting():
        assert set(hub.sites_of(replicas(test_hub))) == {hub.remote(1), hub.remote(2)}
    # a tunnel that is removed is forgotten
    mroutes = [{"group": GROUP, "from": ["t0"], "to": ["t2"]}]
    assert test_hub.forwarder.reload(hub.config({0: {}, 2: {}}, mroutes))[0]
    until(lambda: peers(test_hub) == {}, "no peer is left")
