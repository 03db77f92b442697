# SPDX-License-Identifier: BSD-3-Clause
"""Stops and reloads while packets flow: every replica is accounted for, by name."""
import contextlib
import os

import pytest
from lab import FIRST, until
from support import hub, packets, traffic

CPUS = sorted(os.sched_getaffinity(0))
FAR = "02:05:00:00:00:02"


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    return traffic.build(tmp_path_factory.mktemp("traffic"))


def lcores(workers):
    """`workers` workers and lcore 0 on two CPUs."""
    return ["--lcores", f"(0-{workers})@({','.join(map(str, CPUS[:2]))})"]


# ---- stop ----

STOPS = {
    "spread": (40, {"spread": True}),
    "shards": (700, {"shard-threshold": 32}),
    "spread and shards": (700, {"spread": True, "shard-threshold": 32}),
    "one transmit queue": (700, {"shard-threshold": 0}),
}


def two_inputs(fanout, settings):
    """t0 on port wan and far on port other send; all receivers are on wan, which has one transmit queue."""
    configuration = hub.one_to_many(fanout)
    configuration["settings"] = settings
    configuration["ethernets"]["other"] = {"device": "net_af_packet1", "addresses": ["172.16.0.1/24"],
                                           "neighbors": {"172.16.0.2": FAR}}
    configuration["tunnels"]["far"] = {"local": "172.16.0.1", "remote": "172.16.0.2"}
    configuration["mroutes"] = [{"group": "239.1.1.0/24", "from": ["t0", "far"], "to": hub.names(range(1, fanout + 1))}]
    return configuration


def flows(count):
    """(wire, frame) of `count` flows, by both inputs."""
    for i in range(count):
        inner = packets.multicast("10.1.1.1", f"239.1.1.{i}", bytes(64))
        if i % 2 == 0:
            yield 0, hub.from_site(0, inner)
        else:
            yield 1, packets.ether("02:00:00:00:00:02", FAR, packets.ipv4("172.16.0.2", "172.16.0.1", packets.GRE, packets.gre(inner)))


@contextlib.contextmanager
def flooded(test_hub, program, fanout):
    """Packets flow until the body ends."""
    for wire in test_hub.wires:
        wire.close()  # nothing reads the replicas
    with contextlib.ExitStack() as stack:
        senders = [traffic.Sender(program, test_hub.namespace, f"w{wire}", frame, 400, 400 * 180) for wire, frame in flows(8)]
        for sender in senders:
            stack.callback(sender.stop)
        until(lambda: test_hub.info()["sent"] > 100 * fanout, "packets flow")
        yield
        assert all(sender.running for sender in senders)


def stop(test_hub, fanout):
    test_hub.check(test_hub.forwarder)
    summary = test_hub.forwarder.summary()
    assert summary["wanted"] == summary["forwarded"] * fanout


@pytest.mark.parametrize("workers", [4, 20])
@pytest.mark.parametrize("kind", STOPS)
def test_stop_under_load_counts_every_packet(make_hub, program, workers, kind):
    """More workers than CPUs, so some worker is always descheduled: SIGTERM ends the program, and each replica of a received
    packet is sent or lost by name."""
    fanout, settings = STOPS[kind]
    test_hub = make_hub(two_inputs(fanout, settings), wires=2, cpus=lcores(workers), memory=1024)
    with flooded(test_hub, program, fanout):
        def busy():
            return sum(entry["wanted"] > 0 for entry in test_hub.forwarder.pages("/gremc/lcores").values())
        until(lambda: busy() >= (2 if kind == "one transmit queue" else workers // 4), lambda: f"{busy()} workers are busy")
        stop(test_hub, fanout)


@pytest.mark.parametrize("fault", ["stall", "slow"])
@pytest.mark.parametrize("kind", ["shards", "one transmit queue"])
def test_slow_port_does_not_delay_the_stop(make_hub, program, devices, fault, kind):
    """A port that accepts nothing, or little, does not prevent the stop."""
    fanout, settings = STOPS[kind]
    test_hub = make_hub(two_inputs(fanout, settings), wires=2, cpus=lcores(4), memory=1024, **devices.options())
    with flooded(test_hub, program, fanout):
        getattr(devices, fault)("net_af_packet0")
        until(lambda: test_hub.drops().get("tx_full"), "the port refuses packets")
        stop(test_hub, fanout)


# ---- reloads ----

STEADY, OTHERS, RATE, RELOADS = 40, 20, 400, 18
BAD = {"stalled": 1, "slow": 2, "flaps": 3, "gone": 4}  # ports whose devices do not take all packets, and their wires
RELOAD_SETTINGS = {"shared transmit queues": {}, "shards": {"shard-threshold": 16}, "spread": {"spread": True}}


def network(wire):
    return f"172.16.{wire}"


def storm(n, settings):
    """t1 to t40 receive by wan for every n. n changes the tunnels of all ports, their remotes and settings, and the mroutes."""
    wanted = hub.config(STEADY + 1 + OTHERS, [], settings=settings)
    tunnels = wanted["tunnels"]
    for i in range(STEADY + 1, STEADY + 1 + OTHERS):
        del tunnels[hub.name(i)]
        if (i + n) % 4:
            tunnels[f"wan{(i + n) % OTHERS}"] = hub.tunnel(i, ttl=64 + n % 2)
    for port, wire in BAD.items():
        wanted["ethernets"][port] = {
            "device": f"net_af_packet{wire}", "addresses": [f"{network(wire)}.1/24"],
            "neighbors": {f"{network(wire)}.{10 + i}": f"02:05:00:00:{wire:02x}:{i:02x}" for i in range(2 * OTHERS)}}
        for i in range(OTHERS):
            if (i + n) % 5:
                tunnels[f"{port}{i}"] = {"local": f"{network(wire)}.1", "remote": f"{network(wire)}.{10 + i + n % 3 * (OTHERS // 2)}"}
    receivers = [name for name in tunnels if name != "t0"]
    wanted["mroutes"] = [{"group": "239.1.1.1", "from": ["t0"], "to": receivers}]
    wanted["mroutes"] += [{"group": f"239.2.{n % 3}.{i}", "from": "any", "to": receivers[i:]} for i in range(n % 7)]
    return wanted


def losses(test_hub):
    """The replicas that each port has lost."""
    return {entry["name"]: entry["tx_lost"] for entry in test_hub.forwarder.pages("/gremc/ports").values()}


@pytest.mark.parametrize("kind", RELOAD_SETTINGS)
def test_reloads_beside_bad_ports_lose_nothing_elsewhere(make_hub, program, devices, kind):
    """Six workers, one transmit queue a port, and a reload after the other, while one port takes nothing, one is slow, the
    link of one goes down and up, and the interface of one is deleted. Every packet of the good port arrives, in order; the
    others' losses have names."""
    settings = RELOAD_SETTINGS[kind]
    test_hub = make_hub(storm(0, settings), wires=1 + len(BAD), wrapper=FIRST, cpus=lcores(6), memory=1024, **devices.options())
    receiver = traffic.Receiver(program, test_hub.namespace, "w0")
    frame = hub.from_site(0, packets.multicast("10.1.1.1", "239.1.1.1", bytes(64)))
    sender = traffic.Sender(program, test_hub.namespace, "w0", frame, RATE, RATE * 120)
    devices.stall("net_af_packet1")
    devices.slow("net_af_packet2")
    reloads = 0

    def reload():
        nonlocal reloads
        reloads += 1
        taken, text = test_hub.forwarder.reload(storm(reloads, settings))
        assert taken, text
        test_hub.check_info(test_hub.info())
        test_hub.namespace.ip(f"link set p3 {'down' if reloads % 2 else 'up'}")

    def lost(*ports):
        now = losses(test_hub)
        return all(now[port] for port in ports)

    while reloads < RELOADS // 2 or not lost("stalled", "slow"):
        reload()
    test_hub.namespace.ip("link del p4")
    while reloads < RELOADS or not lost("flaps", "gone"):
        reload()
        assert sender.running
    sent = sender.stop()
    info = test_hub.handled(sent, 20)
    assert (info["rx_packets"], info["reloads"]) == (sent, reloads)
    assert losses(test_hub)["wan"] == 0
    assert set(test_hub.drops()) <= {"tx_full", "link_down", "port_down"}
    arrived = receiver.stop()
    steady = {hub.remote(i) for i in range(1, STEADY + 1)}
    assert {site: arrived[site] for site in steady} == {site: (sent, 0, 0, sent - 1) for site in steady}


# ---- the longest iteration ----

def test_longest_iteration_is_reported(make_hub):
    """Telemetry has the time of the iteration in which a worker made 5,000 replicas of a packet."""
    fanout, least = 5000, 10  # TSC cycles of a replica
    test_hub = make_hub(hub.one_to_many(fanout))
    test_hub.wire.send([hub.from_site(0, packets.multicast("10.1.1.1", "239.1.1.1", b"x"))])
    test_hub.handled(1)
    worker, = [entry for entry in test_hub.forwarder.pages("/gremc/lcores").values() if entry["wanted"]]
    assert worker["longest_cycles"] >= worker["longest_recent_cycles"] >= fanout * least
