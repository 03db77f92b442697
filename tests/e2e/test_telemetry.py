# SPDX-License-Identifier: BSD-3-Clause
"""The telemetry socket: every command answers, lists are complete over their pages, counters match the traffic."""
import json

import pytest
from support import hub, packets

TUNNELS, MROUTES = 1100, 1200


def group(n):
    return f"239.{1 + n // 250}.{n % 250}.1"


@pytest.fixture(scope="module")
def test_hub(make_module_hub):
    mroutes = [{"group": group(n), "from": "any", "to": [hub.name(n % TUNNELS)]} for n in range(MROUTES - 2)]
    mroutes.append({"group": "239.255.0.0/16", "from": "any", "to": "all"})
    mroutes.append({"group": "232.1.1.1", "source": "10.1.1.1", "from": ["t0", "t1"], "to": ["t2"]})
    test_hub = make_module_hub(hub.config({i: {"key": i} if i % 2 else {} for i in range(TUNNELS)}, mroutes))
    test_hub.exchange([hub.from_site(0, packets.multicast("10.1.1.1", group(n), b"x")) for n in (2, 2, 5)])
    return test_hub


def test_every_command_answers(test_hub):
    """Each command that DPDK lists under /gremc answers valid JSON, with good, wrong and absurd parameters."""
    with test_hub.forwarder.telemetry() as telemetry:
        commands = [name for name in telemetry.query("/") if name.startswith("/gremc/")]
        assert set(commands) == {f"/gremc/{name}" for name in (
            "info", "lcores", "ports", "pools", "drops", "vif_drops", "trace", "reasons", "neighbors", "tunnels", "tunnel", "hosts",
            "mroutes", "mroute", "igmp", "groups", "kernel", "peers", "policies", "why")}
        for command in commands:
            text = telemetry.query(f"/help,{command}")
            assert telemetry.query(command) is not None, command
            assert text, command
            for parameters in ("", "0", "1", "-1", "4294967295", "99999999999999999999", "t0", "*,239.1.2.1",
                               "10.1.1.1,232.1.1.1", "t0,10.1.1.1,232.1.1.1", "x" * 900, ",,,,", "a,b,c,d,e", "%s%n", "\x01"):
                answer = json.loads(telemetry.raw(f"{command},{parameters}"))
                assert answer[command] is not None, (command, parameters)


def test_info_has_totals_and_times(test_hub):
    info = test_hub.info()
    assert (info["tunnels"], info["mroutes"], info["ports"], info["workers"]) == (TUNNELS, MROUTES, 1, 1)
    assert (info["rx_packets"], info["forwarded"], info["wanted"], info["sent"]) == (3, 3, 3, 3)
    assert info["pid"] == test_hub.forwarder.process.pid


def test_lists_are_complete_over_their_pages(test_hub):
    """More than a page of tunnels, mroutes and neighbours: all of them, each once."""
    tunnels = test_hub.forwarder.pages("/gremc/tunnels")
    assert {(entry["name"], entry["remote"], entry.get("input_key")) for entry in tunnels.values()} == \
        {(hub.name(i), hub.remote(i), i if i % 2 else None) for i in range(TUNNELS)}
    assert all(entry["resolved"] for entry in tunnels.values())
    mroutes = test_hub.forwarder.pages("/gremc/mroutes")
    assert len(mroutes) == MROUTES
    assert {entry["group"] for entry in mroutes.values()} == \
        {group(n) for n in range(MROUTES - 2)} | {"239.255.0.0/16", "232.1.1.1"}
    neighbors = test_hub.forwarder.pages("/gremc/neighbors")
    assert {(entry["next_hop"], entry["mac"]) for entry in neighbors.values()} == \
        {(hub.remote(i), hub.remote_mac(i)) for i in range(TUNNELS)}


def test_counters_match_the_traffic(test_hub):
    query = test_hub.forwarder.query
    assert query(f"/gremc/mroute,*,{group(2)}")["packets"] == 2
    assert query(f"/gremc/mroute,*,{group(5)}")["packets"] == 1
    assert query("/gremc/tunnel,t0")["rx_packets"] == 3
    assert query("/gremc/tunnel,t2")["tx_packets"] == 2
    assert query("/gremc/tunnel,t2")["tx_bytes"] == 2 * 29
    port = test_hub.forwarder.pages("/gremc/ports")["0"]
    assert (port["name"], port["rx_packets"], port["tx_packets"], port["tx_lost"]) == ("wan", 3, 3, 0)
    worker, = test_hub.forwarder.pages("/gremc/lcores").values()
    assert (worker["rx_packets"], worker["sent"]) == (3, 3)
    pools = test_hub.forwarder.pages("/gremc/pools")
    assert {entry["kind"] for entry in pools.values()} == {"rx", "header", "host"}
    assert all(entry["available"] <= entry["size"] for entry in pools.values())
    reasons = query("/gremc/reasons")
    assert reasons["drops"].keys() == query("/gremc/drops")["drops"].keys()
    assert reasons["losses"].keys() == query("/gremc/drops")["losses"].keys()


# Interface, source, group: verdict, reason, replicas.
WHY = {
    ("t0", "10.1.1.1", group(2)): ("forward", "", 1),
    ("t2", "10.1.1.1", group(2)): ("drop", "empty_oil", 0),
    ("t7", "10.1.1.1", "239.255.7.7"): ("forward", "", TUNNELS - 1),
    ("t1", "10.1.1.1", "232.1.1.1"): ("forward", "", 1),
    ("t3", "10.1.1.1", "232.1.1.1"): ("drop", "rpf", 0),
    ("t0", "10.1.1.2", "232.1.1.1"): ("drop", "no_mroute", 0),
    ("t0", "10.1.1.1", "225.1.1.1"): ("drop", "no_mroute", 0),
    ("t0", "10.1.1.1", "224.0.0.5"): ("drop", "inner_link_local", 0),
    ("t0", "239.1.1.1", group(2)): ("drop", "bad_source", 0),
    ("t0", "10.1.1.1", "10.2.2.2"): ("drop", "inner_unicast", 0),
    ("wan", "10.1.1.1", group(2)): ("drop", "not_gre", 0),
}


@pytest.mark.parametrize("question", WHY)
def test_why_agrees_with_the_data_path(test_hub, question):
    """The data path handles a packet as /gremc/why explains, and /gremc/vif_drops names the tunnel and the reason."""
    verdict, reason, wanted = WHY[question]
    iif, source, destination = question
    answer = test_hub.forwarder.query(f"/gremc/why,{iif},{source},{destination}")
    assert (answer["verdict"], answer["reason"], answer["wanted"]) == (verdict, reason, wanted)
    inner = packets.multicast(source, destination, b"?")
    if iif == "wan":
        frame = packets.ether(hub.MAC, hub.remote_mac(0), inner)
    else:
        i = int(iif[1:])
        frame = hub.from_site(i, inner, key=i if i % 2 else None)
    with test_hub.counting(**({reason: 1} if reason else {})):
        assert len(test_hub.exchange([frame])) == wanted
    if reason and iif != "wan":
        drop = {entry["name"]: entry["drops"] for entry in test_hub.forwarder.pages("/gremc/vif_drops").values()}[iif][reason]
        assert drop["packets"] >= 1
        if reason in ("rpf", "no_mroute", "empty_oil"):
            assert (drop["source"], drop["group"]) == (source, destination)


def test_wrong_commands_get_an_error_text(test_hub):
    for command, part in (("/gremc/tunnel,nobody", "nobody"), ("/gremc/mroute,*,239.99.99.99", "no mroute"),
                          ("/gremc/why,t0,here,there", "here"), ("/gremc/tunnels,x", "x"), ("/gremc/why,t0", "parameters")):
        assert part in test_hub.forwarder.query(command)["error"], command


def test_readers_do_not_delay_workers(test_hub):
    """Questions from several connections at once, while packets flow and reloads happen."""
    import threading
    failures = []

    def ask():
        try:
            with test_hub.forwarder.telemetry() as telemetry:
                for _ in range(30):
                    assert len(telemetry.pages("/gremc/mroutes")) >= MROUTES - 1
                    info = telemetry.query("/gremc/info")
                    assert info["wanted"] == info["sent"] + info["lost"] + info["queued"] + info["waiting"]
                    assert info["rx_packets"] == info["forwarded"] + info["punted"] + info["dropped"]
        except Exception as error:  # noqa: BLE001: reported by the main thread
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    configuration = json.loads(test_hub.forwarder.config.read_text())
    frames = [hub.from_site(0, packets.multicast("10.1.1.1", "239.255.1.1", bytes([n]))) for n in range(5)]
    while any(thread.is_alive() for thread in threads):
        configuration["mroutes"][0]["to"] = ["t5"] if configuration["mroutes"][0]["to"] == ["t6"] else ["t6"]
        assert test_hub.forwarder.reload(configuration)[0]
        assert len(test_hub.exchange(frames)) == 5 * (TUNNELS - 1)
    assert not failures, failures
