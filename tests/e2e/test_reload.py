# SPDX-License-Identifier: BSD-3-Clause
"""Reload: all or nothing, without loss on unchanged tunnels and mroutes."""
import copy
import threading
import time

import pytest
from lab import FIRST
from support import hub, packets, traffic

FRAME = packets.multicast("10.1.1.1", "239.1.1.1", bytes(100))
RATE = 10000
FANOUT = 8


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return traffic.build(tmp_path_factory.mktemp("traffic"))


def reached(test_hub, group="239.1.1.1", i=0, **gre):
    back = test_hub.exchange([hub.from_site(i, packets.multicast("10.1.1.1", group, b"?"), **gre)])
    return {n for n in range(10) if hub.remote(n) in hub.sites_of(back)}


def base():
    return hub.config(5, [{"group": "239.1.1.1", "from": ["t0"], "to": ["t1", "t2"]},
                          {"group": "239.2.2.2", "from": ["t0"], "to": ["t3"]}])


def test_a_reload_applies_every_change(make_hub):
    """Added, changed and removed: tunnels, mroutes, neighbours, settings."""
    wanted = base()
    test_hub = make_hub(wanted)
    forwarder = test_hub.forwarder

    def reload():
        taken, text = forwarder.reload(wanted)
        assert taken, text

    assert reached(test_hub) == {1, 2}
    reload()  # nothing changed
    assert reached(test_hub) == {1, 2}
    wanted["mroutes"][0]["to"] = ["t1", "t4"]
    reload()
    assert reached(test_hub) == {1, 4} and reached(test_hub, "239.2.2.2") == {3}
    wanted["tunnels"]["t5"] = hub.tunnel(5)
    wanted["ethernets"]["wan"]["neighbors"][hub.remote(5)] = hub.remote_mac(5)
    wanted["mroutes"].append({"group": "239.3.3.3", "from": "any", "to": "all"})
    reload()
    assert reached(test_hub, "239.3.3.3", i=5) == {0, 1, 2, 3, 4}
    del wanted["mroutes"][1]
    reload()
    with test_hub.counting(no_mroute=1):
        assert reached(test_hub, "239.2.2.2") == set()
    # a tunnel gets a key: the packets without one are not its any more
    wanted["tunnels"]["t0"]["key"] = 9
    reload()
    with test_hub.counting(unknown_key=1):
        assert reached(test_hub) == set()
    assert reached(test_hub, key=9) == {1, 4}
    # the other end moves
    wanted["tunnels"]["t4"]["remote"] = hub.remote(6)
    wanted["ethernets"]["wan"]["neighbors"][hub.remote(6)] = hub.remote_mac(6)
    reload()
    assert reached(test_hub, key=9) == {1, 6}
    # two tunnels change places
    wanted["tunnels"]["t1"]["remote"], wanted["tunnels"]["t2"]["remote"] = hub.remote(2), hub.remote(1)
    reload()
    assert reached(test_hub, key=9) == {2, 6}
    # a new name for an old tunnel, and one fewer
    wanted["tunnels"]["renamed"] = wanted["tunnels"].pop("t1")
    wanted["mroutes"][0]["to"] = ["renamed"]
    del wanted["tunnels"]["t4"]
    wanted["settings"] = {"copy-threshold": 0, "tx-retries": 0, "max-sleep": 50, "idle": False}
    reload()
    assert reached(test_hub, key=9) == {2}
    with test_hub.counting(unknown_peer=1):
        assert reached(test_hub, i=6) == set()
    info = test_hub.info()
    assert (info["tunnels"], info["mroutes"], info["reloads"]) == (5, 2, 8)
    # all tunnels and mroutes away, and back
    forwarder.reload({**wanted, "tunnels": {}, "mroutes": []})
    with test_hub.counting(unknown_peer=1):
        reached(test_hub, key=9)
    reload()
    assert reached(test_hub, key=9) == {2}


def test_counters_of_unchanged_tunnels_continue(make_hub):
    wanted = base()
    test_hub = make_hub(wanted)
    for _ in range(7):
        reached(test_hub)
    wanted["mroutes"].append({"group": "239.9.9.9", "from": "any", "to": "all"})
    wanted["tunnels"]["t9"] = hub.tunnel(4, key=3)
    assert test_hub.forwarder.reload(wanted)[0]
    reached(test_hub)
    assert test_hub.forwarder.query("/gremc/mroute,*,239.1.1.1")["packets"] == 8
    assert test_hub.forwarder.query("/gremc/tunnel,t1")["tx_packets"] == 8
    assert test_hub.forwarder.query("/gremc/tunnel,t0")["rx_packets"] == 8
    # new counters start at 0, also where an index is reused
    assert test_hub.forwarder.query("/gremc/mroute,*,239.9.9.9")["packets"] == 0
    del wanted["mroutes"][0]
    assert test_hub.forwarder.reload(wanted)[0]
    wanted["mroutes"].append({"group": "239.10.10.10", "from": "any", "to": "all"})
    assert test_hub.forwarder.reload(wanted)[0]
    assert test_hub.forwarder.query("/gremc/mroute,*,239.10.10.10")["packets"] == 0


REFUSED = {
    "syntax": ("tunnels: [", "not YAML"),
    "unknown key": (lambda c: c["tunnels"]["t1"].update(remot="10.0.0.9"), "did you mean `remote`"),
    "unknown vif": (lambda c: c["mroutes"][0].update(to=["t77"]), "t77"),
    "bad address": (lambda c: c["tunnels"]["t1"].update(remote="10.0.0.300"), "10.0.0.300"),
    "new port": (lambda c: c["ethernets"].update(lan={"device": "net_null0"}), "restart"),
    "vlan": (lambda c: c["ethernets"]["wan"].update(vlan=5), "restart"),
    "mtu": (lambda c: c["ethernets"]["wan"].update(mtu=1400), "restart"),
    "device": (lambda c: c["ethernets"]["wan"].update(device="net_null0"), "restart"),
    "multicast": (lambda c: c["ethernets"]["wan"].update(multicast=True), "restart"),
    "descriptors": (lambda c: c.update(settings={"rx-descriptors": 2048}), "restart"),
}


@pytest.fixture(scope="module")
def steady_hub(make_module_hub):
    return make_module_hub(base())


@pytest.mark.parametrize("case", REFUSED)
def test_an_invalid_reload_changes_nothing(steady_hub, case):
    """A wrong or impossible configuration changes nothing, and the log gives the reason."""
    change, reason = REFUSED[case]
    wanted = base()
    # The correct parts of it must not be applied either.
    wanted["mroutes"][0]["to"] = ["t4"]
    before = steady_hub.info()
    if isinstance(change, str):
        wanted = change
    else:
        change(wanted)
    taken, _ = steady_hub.forwarder.reload(wanted)
    assert not taken
    assert steady_hub.forwarder.err.wait(reason, 2), steady_hub.forwarder.text()
    after = steady_hub.info()
    assert after["reload_errors"] == before["reload_errors"] + 1 and after["reloads"] == before["reloads"]
    assert reached(steady_hub) == {1, 2}


def test_a_missing_file_changes_nothing(steady_hub):
    steady_hub.forwarder.config.unlink()
    assert not steady_hub.forwarder.reload()[0]
    assert reached(steady_hub) == {1, 2}
    assert steady_hub.forwarder.reload(base())[0]


def fanout_8():
    """Tunnels 1 to 8 receive 239.1.1.1; others come and go."""
    return hub.config(20, [{"group": "239.1.1.1", "from": ["t0"], "to": hub.names(range(1, FANOUT + 1))}])


def other(n):
    """A configuration that changes everything except the tunnels and mroutes of the traffic."""
    wanted = copy.deepcopy(fanout_8())
    for i in range(9, 20):
        name = wanted["tunnels"].pop(hub.name(i))
        if (i + n) % 3:
            wanted["tunnels"][f"n{n % 5}-{i}"] = {**name, "ttl": 1 + n % 255, "key": n}
    others = [name for name in wanted["tunnels"] if name.startswith("n")]
    wanted["mroutes"] += [{"group": f"239.2.{n % 7}.{i}", "from": "any", "to": others} for i in range(n % 11)]
    wanted["mroutes"].append({"group": "238.0.0.0/8", "from": "any", "to": "all"})
    wanted["ethernets"]["wan"]["neighbors"][hub.remote(19)] = f"02:aa:00:00:00:{n % 256:02x}"
    return wanted


@pytest.mark.parametrize("reload_every", [None, 0.1], ids=["steady", "reload every 100 ms"])
def test_a_reload_loses_no_packet_of_unchanged_tunnels(make_hub, program, reload_every):
    """10,000 packets a second, fan-out 8, for 5 s, or until there were 60 reloads: every replica arrives, in order, on its
    tunnel."""
    test_hub = make_hub(fanout_8(), wrapper=FIRST, af_packet=traffic.RINGS)
    receiver = traffic.Receiver(program, test_hub.namespace, "w0")
    sender = traffic.Sender(program, test_hub.namespace, "w0", hub.from_site(0, FRAME), RATE, RATE * (120 if reload_every else 5))
    reloads, pause, due = 0, threading.Event(), time.monotonic()
    while reload_every and reloads < 60:
        taken, text = test_hub.forwarder.reload(other(reloads))
        assert taken, text
        reloads += 1
        due += reload_every
        pause.wait(max(0.0, due - time.monotonic()))
        assert sender.running, f"{reloads} reloads in {sender.seconds} s"
    sent = sender.stop() if reload_every else sender.wait()
    info = test_hub.handled(sent, 20)
    assert (info["rx_packets"], info["sent"], info["lost"]) == (sent, sent * FANOUT, 0)
    assert receiver.stop() == {hub.remote(i): (sent, 0, 0, sent - 1) for i in range(1, FANOUT + 1)}


def changed(n):
    """Every setting of a tunnel but its key is another one for each n; every third configuration has more tunnels."""
    tunnels = {0: {"host": True, "addresses": ["192.168.77.1"], "peer": "192.168.77.2"}, **{i: {} for i in range(1, 5)}}
    for keys in tunnels.values():
        keys.update({"ttl": 60 + n, "tos": 4 * (n % 3), "mtu": 1400 + n, "df": not n & 1})
    for i in range(5, 5 + n % 3):
        tunnels[i] = {}
    mroutes = [{"group": f"239.1.{i >> 8}.{i & 255}", "from": ["t0"], "to": hub.names(i for i in tunnels if i)}
               for i in range(500)]
    return hub.config(tunnels, mroutes)


def test_changed_settings_lose_nothing(make_hub):
    """Tunnels of which anything but the key changes are in both configurations: multicast that comes and goes by them, and
    unicast for the kernel, is not dropped, and tunnels that are new have their next hop before an mroute names them."""
    test_hub = make_hub(changed(0))
    udp = packets.ipv4("192.168.77.2", "192.168.77.1", packets.UDP, packets.udp("192.168.77.2", "192.168.77.1", b"y"))
    frames = [hub.from_site(0, packets.multicast("10.1.1.1", "239.1.0.7", b"x")), hub.from_site(0, udp)]
    sent, over = 0, threading.Event()

    def send():
        nonlocal sent
        while not over.is_set():
            test_hub.wire.send(frames)
            sent += len(frames)
            over.wait(0.002)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for n in range(1, 10):
            taken, text = test_hub.forwarder.reload(changed(n))
            assert taken, text
    finally:
        over.set()
        sender.join()
    info = test_hub.handled(sent)
    assert test_hub.drops() == {}
    assert (info["punted"], info["forwarded"], info["lost"]) == (sent // 2, sent // 2, 0)
    entry = next(iter(test_hub.forwarder.pages("/gremc/hosts").values()))
    assert sum(entry["losses"].values()) == 0, entry
