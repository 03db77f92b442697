# SPDX-License-Identifier: BSD-3-Clause
"""A reload of many mroutes is applied in slices: packets of the host, IGMP and signals do not wait for its end."""
import select
import signal
import struct
import time
from pathlib import Path

import pytest
from lab import FIRST, until
from support import hub, igmp, packets

MANY = 1000000
MOST_TUNNELS = 65536
PEER, OWN = "192.168.77.2", "192.168.77.1"  # on tunnel t0
GROUP = "239.200.0.1"                       # t1 joins it
KNOWN = "239.1.0.0"                         # the first static group
JOINED = "239.201.0.1"                      # t1 of tunnels_config() joins it


def config(count, oifs=("t1",), more=()):
    """`count` groups from t0."""
    groups = (f"239.{1 + (i >> 16)}.{i >> 8 & 255}.{i & 255}" for i in range(count))
    return hub.config({0: {"host": True, "addresses": [OWN], "peer": PEER},
                       1: {"addresses": ["10.8.0.1"], "igmp": "querier"}, 2: {}},
                      [*({"group": group, "from": ["t0"], "to": list(oifs)} for group in groups), *more])


def tunnels_config(ttl, mroutes=()):
    """As many tunnels as there can be, with two next hops of their own and one that the others share."""
    igmp = {"mode": "querier", "join": [{"group": JOINED}]}
    tunnels = {0: {"host": True, "addresses": [OWN], "peer": PEER}, 1: {"addresses": ["10.8.0.1"], "igmp": igmp}, 2: {},
               **{i: {"remote": hub.remote(3), "key": i, "ttl": ttl} for i in range(3, MOST_TUNNELS)}}
    return hub.config(tunnels, [{"group": KNOWN, "from": ["t0"], "to": ["t1"]}, *mroutes],
                      neighbors={hub.remote(i): hub.remote_mac(i) for i in range(4)})


def start(make):
    test_hub = make(config(MANY), memory=1024, started=False, wrapper=FIRST)
    test_hub.forwarder.start(seconds=180)
    return test_hub


def is_applying(forwarder):
    """Whether the thread of an apply is there."""
    for task in Path(f"/proc/{forwarder.process.pid}/task").iterdir():
        try:
            if (task / "comm").read_text().strip() == "gremc-apply":
                return True
        except OSError:
            continue  # it has ended
    return False


def begin(test_hub, configuration):
    """Reload, and return when the apply has begun."""
    hub.write_config(test_hub.forwarder.config, configuration)
    since = len(test_hub.forwarder.err.lines)
    test_hub.forwarder.process.send_signal(signal.SIGHUP)
    until(lambda: is_applying(test_hub.forwarder), "the apply has begun", 120, every=0.001)
    return since


def end(test_hub, since, seconds=120):
    """Wait for the verdict on a reload: taken or not."""
    found = test_hub.forwarder.err.wait(r"gremc: (reloaded|reload refused)", seconds, since)
    assert found, test_hub.forwarder.text()
    return found[0].group(1) == "reloaded"


def echo_request(number):
    data = struct.pack("!BBHHHd", 8, 0, 0, 7, number & 0xffff, time.monotonic())
    data = data[:2] + struct.pack("!H", packets.checksum(data)) + data[4:]
    return hub.from_site(0, packets.ipv4(PEER, OWN, 1, data))


def answers(test_hub):
    """How long each echo reply took that has come by t0."""
    while (frame := test_hub.wire.receive()) is not None:
        inner = frame[38:]
        if len(inner) >= 36 and inner[9] == 1 and inner[20] == 0:
            yield time.monotonic() - struct.unpack("!d", inner[28:36])[0]


def reaches(test_hub, group, sites):
    """Wait until a packet of the group from t0 reaches these sites and no others. Queries leave by the wire, too."""
    frame = hub.from_site(0, packets.multicast("10.1.1.1", group, b"?"))

    def reached():
        test_hub.wire.send([frame])
        back = [f for f in test_hub.wire.collect(seconds=0.3) if f[38 + 9] == packets.UDP]
        return {n for n in range(3) if hub.remote(n) in hub.sites_of(back)}
    until(lambda: reached() == sites, f"{group} reaches {sites}")


@pytest.fixture(scope="module")
def test_hub(make_module_hub):
    return start(make_module_hub)


def ping_during_apply(test_hub, configuration):
    """Ping through t0 while a reload is applied. Returns (pings sent, answered before its end, their delays, its length)."""
    since = begin(test_hub, configuration)
    delays, number, began = [], 0, time.monotonic()
    while is_applying(test_hub.forwarder):
        test_hub.wire.send([echo_request(number)])
        number += 1
        select.select([test_hub.wire], [], [], 0.005)
        delays += answers(test_hub)
    took, during = time.monotonic() - began, len(delays)
    until(lambda: delays.extend(answers(test_hub)) or len(delays) >= number, "all pings are answered")
    assert end(test_hub, since)
    return number, during, delays, took


def test_pings_do_not_wait_for_an_apply(test_hub):
    """Through the TUN to the kernel and back. Without slices no ping is answered before the apply has ended, which takes
    some seconds."""
    for oifs in (["t1", "t2"], ["t2"], ["t1"], ["t1", "t2"]):
        number, during, delays, took = ping_during_apply(test_hub, config(MANY, oifs))
        if number > 10:
            break  # otherwise this process was descheduled until the end of the apply
    assert number > 10, "each apply was too short to show anything"
    print(f"{during} of {number} pings answered during an apply of {took:.2f} s; the slowest took {max(delays) * 1e3:.1f} ms")
    assert during > number / 2
    assert max(delays) < max(0.25, took / 2)
    reaches(test_hub, KNOWN, {hub.names(range(3)).index(oif) for oif in oifs})


def test_join_during_an_apply_is_not_lost(test_hub):
    since = begin(test_hub, config(MANY))
    test_hub.wire.send([hub.from_site(1, igmp.join("10.9.0.2", GROUP))])
    until(lambda: GROUP in {entry["group"] for entry in test_hub.forwarder.pages("/gremc/groups").values()}, "the membership")
    assert end(test_hub, since)
    reaches(test_hub, GROUP, {1})
    reaches(test_hub, KNOWN, {1})


def test_signals_during_an_apply_are_one_more_reload(test_hub):
    forwarder = test_hub.forwarder
    before = test_hub.info()["reloads"]
    since = begin(test_hub, config(MANY, ["t2"]))
    hub.write_config(forwarder.config, config(1, ["t1"]))
    for _ in range(3):
        forwarder.process.send_signal(signal.SIGHUP)
        select.select([], [], [], 0.01)
    assert is_applying(forwarder), "the signals came too late to show anything"
    assert end(test_hub, since)
    until(lambda: test_hub.info()["reloads"] == before + 2, "the second reload")
    # a third one would have begun by the end of this one
    taken, text = forwarder.reload(seconds=60)
    assert taken, text
    assert test_hub.info()["reloads"] == before + 3
    reaches(test_hub, KNOWN, {1})


def test_stop_during_an_apply_is_prompt(make_hub):
    test_hub = start(make_hub)
    reaches(test_hub, KNOWN, {1})
    begin(test_hub, config(MANY, ["t1", "t2"]))
    began = time.monotonic()
    assert test_hub.forwarder.stop(seconds=60) == 0, test_hub.forwarder.text()
    took = time.monotonic() - began
    print(f"it has ended {took:.2f} s after SIGTERM")
    assert "refused" not in test_hub.forwarder.text()
    assert took < 4


@pytest.fixture(scope="module")
def tunnel_hub(make_module_hub):
    test_hub = make_module_hub(tunnels_config(64), memory=1024, started=False, wrapper=FIRST)
    test_hub.forwarder.start(seconds=180)
    return test_hub


def test_pings_do_not_wait_for_a_reload_of_all_tunnels(tunnel_hub):
    """Each tunnel but three changes its template."""
    for ttl in (9, 10, 11, 12):
        number, during, delays, took = ping_during_apply(tunnel_hub, tunnels_config(ttl))
        if number > 10:
            break
    print(f"{during} of {number} pings answered during an apply of {took:.2f} s; the slowest took {max(delays) * 1e3:.1f} ms")
    assert number > 10, "each apply was too short to show anything"
    assert max(delays) < max(0.25, took / 2)
    reaches(tunnel_hub, KNOWN, {1})


def test_reload_that_its_last_step_refuses_changes_nothing(tunnel_hub):
    """The mroutes are replaced last, after new tunnels. The member t1 is one OIF more than an mroute can have beside the others,
    which the configuration cannot show before it is applied."""
    forwarder, before = tunnel_hub.forwarder, tunnel_hub.info()["reload_errors"]
    ttl = forwarder.query("/gremc/tunnel,t4")["ttl"]
    everyone = [name for i in range(MOST_TUNNELS) if (name := hub.name(i)) != "t1"]
    refused = tunnels_config(13, [{"group": JOINED, "from": ["t0"], "to": everyone}])
    refused["tunnels"]["t3"]["key"] = MOST_TUNNELS  # so that it is another tunnel
    since = begin(tunnel_hub, refused)
    assert not end(tunnel_hub, since)
    assert "an mroute has more than 65535 outgoing interfaces" in forwarder.text()
    info = tunnel_hub.info()
    assert (info["reload_errors"], info["tunnels"]) == (before + 1, MOST_TUNNELS)
    assert forwarder.query("/gremc/tunnel,t3")["input_key"] == 3
    assert forwarder.query("/gremc/tunnel,t4")["ttl"] == ttl
    reaches(tunnel_hub, KNOWN, {1})
    reaches(tunnel_hub, JOINED, {1})


def test_stop_during_a_reload_of_all_tunnels(make_hub):
    test_hub = make_hub(tunnels_config(64), memory=1024, started=False, wrapper=FIRST)
    test_hub.forwarder.start(seconds=180)
    begin(test_hub, tunnels_config(9))
    began = time.monotonic()
    assert test_hub.forwarder.stop(seconds=60) == 0, test_hub.forwarder.text()
    took = time.monotonic() - began
    print(f"it has ended {took:.2f} s after SIGTERM")
    assert took < 4
