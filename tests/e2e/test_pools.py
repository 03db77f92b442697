# SPDX-License-Identifier: BSD-3-Clause
"""Buffers never run out permanently: many workers, small memory, bonds of several members."""
import os

import pytest
from lab import Forwarder, until
from lab.forwarder import write_config
from support import hub, packets

CPUS = sorted(os.sched_getaffinity(0))


def lcores(workers):
    """`workers` workers and lcore 0 on two CPUs."""
    return ["--lcores", f"(0-{workers})@({','.join(map(str, CPUS[:2]))})"]


def served(test_hub, wanted):
    """Wait until `wanted` replicas have been sent or lost since the start."""
    def done():
        info = test_hub.info()
        test_hub.wire.collect(seconds=0)
        return info if info["sent"] + info["lost"] >= wanted and info["queued"] == 0 else None
    return until(done, f"{wanted} replicas", every=0.005)


@pytest.mark.parametrize("workers,fanout,memory", [(20, 700, 1024), (28, 513, 384)])
def test_oil_split_among_many_workers_sends_everything(make_hub, workers, fanout, memory):
    """All workers replicate each packet and free buffers of other workers. Every replica is still sent after so many packets
    that their caches could hold all buffers."""
    count = 420
    test_hub = make_hub(hub.one_to_many(fanout), cpus=lcores(workers), memory=memory)
    frame = hub.from_site(0, packets.multicast("10.1.1.1", "239.1.1.1", b"x" * 60))
    for sent in range(1, count + 1):
        test_hub.wire.send([frame])
        served(test_hub, sent * fanout)
    info = test_hub.info()
    assert (info["wanted"], info["sent"]) == (count * fanout, count * fanout), test_hub.drops()


@pytest.mark.parametrize("workers,memory", [(24, 1024), (28, 384)])
def test_software_rss_keeps_buffers_for_the_queue(make_hub, workers, memory):
    """Packets that other workers drop do not leave the receiving queue without buffers."""
    test_hub = make_hub(hub.config({0: {}, 1: {}}, [{"group": "239.200.0.0/16", "from": ["t0"], "to": ["t1"]}],
                                   settings={"spread": True}), cpus=lcores(workers), memory=memory)
    strange = [hub.from_site(0, packets.multicast(f"10.1.{i % 7}.1", f"239.1.{i >> 8 & 255}.{i & 255}", b"x" * 60))
               for i in range(1000)]
    for turn in range(200):
        test_hub.wire.send(strange[turn % 10 * 100:][:100])
        received = 100 * (turn + 1)
        until(lambda: test_hub.info()["rx_packets"] >= received, f"{received} packets received", every=0.002)
    good = [hub.from_site(0, packets.multicast("10.1.1.1", f"239.200.0.{i}", b"x" * 60)) for i in range(100)]
    test_hub.wire.send(good)
    assert len(test_hub.wire.collect(100)) == 100


@pytest.mark.parametrize("workers,memory", [(28, 256), (100, 512)])
def test_many_workers_start_in_little_memory(make_hub, workers, memory):
    """Rings, caches and pools shrink until they fit, and all works."""
    test_hub = make_hub(hub.one_to_many(3), cpus=lcores(workers), memory=memory)
    assert "memory is short: the mbuf pools have" in test_hub.forwarder.text()
    assert len(test_hub.exchange([hub.from_site(0, packets.multicast("10.1.1.1", "239.1.1.1", b"x"))] * 10)) == 30


@pytest.mark.parametrize("members,workers", [(3, 1), (4, 1), (4, 3)])
def test_bond_pools_count_descriptors_of_members(binary, tmp_path, make_namespace, members, workers):
    """Each member takes the descriptors of its queues out of the bond's pools."""
    names = [f"m{n}" for n in range(members)]
    path = tmp_path / "bond.yaml"
    write_config(path, {
        "ethernets": {name: {"device": f"net_tap{n}"} for n, name in enumerate(names)},
        "bonds": {"bond0": {"interfaces": names, "parameters": {"mode": "active-backup"}, "addresses": ["10.0.0.1/8"],
                            "neighbors": {"10.0.0.2": "02:00:00:00:00:99", "10.0.0.3": "02:00:00:00:00:98"}}},
        "tunnels": {"a": {"local": "10.0.0.1", "remote": "10.0.0.2"}, "b": {"local": "10.0.0.1", "remote": "10.0.0.3"}},
        "mroutes": [{"group": "239.1.1.1", "from": "a", "to": "b"}]})
    forwarder = Forwarder(binary, path, make_namespace("bond"), [f"net_tap{n},iface=tap{n}" for n in range(members)], cpus=lcores(workers))
    try:
        forwarder.start()
        pools = forwarder.pages("/gremc/pools").values()
        assert all(pool["size"] > members * 1024 for pool in pools if pool["kind"] == "rx")
        hub.Hub.check(forwarder)
    finally:
        if forwarder.process:
            forwarder.kill()


def test_reload_reports_changes_that_need_a_restart(make_hub):
    """Pools and offloads are fixed at the start: a reload that needs more omits it with a warning."""
    configuration = hub.one_to_many(4)
    configuration["settings"] = {"shard-threshold": 0, "copy-threshold": 1500}
    test_hub = make_hub(configuration, cpus=lcores(2))
    assert "port wan: every replica is a copy" in test_hub.forwarder.text()
    configuration["settings"] = {"shard-threshold": 2, "spread": True, "copy-threshold": 100}
    assert test_hub.forwarder.reload(configuration)[0]
    text = test_hub.forwarder.text()
    assert "settings.spread: it stays off until a restart" in text
    assert "settings.shard-threshold: no shards until a restart" in text
    assert "settings.copy-threshold: port wan goes on copying payloads" in text
    for length in (10, 600, 1400):
        inner = packets.multicast("10.1.1.1", "239.1.1.1", packets.payload_of(length, length))
        by_site = hub.sites_of(test_hub.exchange([hub.from_site(0, inner)] * 20))
        assert by_site == {hub.remote(i): [hub.to_site(i, inner)] * 20 for i in range(1, 5)}
    assert test_hub.info()["relayed"] == 0
