# SPDX-License-Identifier: BSD-3-Clause
"""One lcore, several, and fewer queues than lcores; large oils and received flows that lcores share."""
import os

import pytest
from lab import FIRST, until
from support import hub, packets, traffic

CPUS = sorted(os.sched_getaffinity(0))
A, B = CPUS[0], CPUS[-1]
FANOUT = 31

CHOICES = {
    "one lcore": ["-l", f"{A}"],
    "one worker": ["--lcores", f"0@{A},1@{B}"],
    "two workers": ["--lcores", f"0@{A},1@{A},2@{B}"],
    "four workers": ["--lcores", f"(0-4)@({A},{B})"],
    "lcores that do not start at 0": ["--lcores", f"7@{A},9@{B}"],
}


def inners(count, group="239.1.1.1"):
    return [packets.multicast("10.1.1.1", group, packets.payload_of(n, 10 * n % 1400)) for n in range(count)]


def two_ports():
    """Tunnel 0 on port wan, tunnel 1 on port other; each sends to tunnels on both."""
    configuration = hub.one_to_many(FANOUT)
    configuration["ethernets"]["other"] = {"device": "net_af_packet1", "addresses": ["172.16.0.1/24"],
                                           "neighbors": {"172.16.0.2": "02:05:00:00:00:02"}}
    configuration["tunnels"]["far"] = {"local": "172.16.0.1", "remote": "172.16.0.2"}
    configuration["mroutes"] = [{"group": "239.0.0.0/8", "from": ["t0", "far"], "to": "all"}]
    return configuration


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("queues", [1, 2])
def test_every_choice_of_lcores_forwards_everything(make_hub, choice, queues):
    """Every choice of lcores and queues forwards everything, in order on each tunnel for each port."""
    test_hub = make_hub(two_ports(), wires=2, cpus=CHOICES[choice], af_packet=f"{hub.FAST},qpairs={queues}")
    sent = inners(91)
    by_site = hub.sites_of(test_hub.exchange([hub.from_site(0, inner) for inner in sent]))
    assert by_site.pop("172.16.0.2") is not None
    assert by_site == {hub.remote(i): [hub.to_site(i, inner) for inner in sent] for i in range(1, FANOUT + 1)}
    frames = [packets.ether("02:00:00:00:00:02", "02:05:00:00:00:02", packets.ipv4(
        "172.16.0.2", "172.16.0.1", packets.GRE, packets.gre(inner))) for inner in sent]
    by_site = hub.sites_of(test_hub.exchange(frames, wire=1))
    assert by_site == {hub.remote(i): [hub.to_site(i, inner) for inner in sent] for i in range(FANOUT + 1)}
    lcores = test_hub.forwarder.pages("/gremc/lcores")
    assert sum(entry["rx_packets"] for entry in lcores.values()) == 2 * len(sent)
    assert len(lcores) == max(1, {"two workers": 2, "four workers": 4}.get(choice, 1))


def test_several_queues_see_several_flows(make_hub):
    """Two queues and two workers: flows are spread by the kernel, and each is complete and in order."""
    flows = 64
    configuration = hub.config(2 * flows, [{"group": f"239.1.1.{i}", "from": [hub.name(i)],
                                            "to": [hub.name(flows + i)]} for i in range(flows)])
    test_hub = make_hub(configuration, cpus=CHOICES["two workers"], af_packet=f"{hub.FAST},qpairs=2")
    sent = {i: inners(20, f"239.1.1.{i}") for i in range(flows)}
    back = test_hub.exchange([hub.from_site(i, sent[i][n]) for n in range(20) for i in range(flows)])
    by_site = hub.sites_of(back)
    assert by_site == {hub.remote(flows + i): [hub.to_site(flows + i, inner) for inner in sent[i]]
                       for i in range(flows)}


def on_two_nodes():
    """A command that shows a program A and B on two NUMA nodes, by another /sys in a mount namespace."""
    def mask(cpu):
        words = [0] * (cpu // 32 + 1)
        words[-1] = 1 << cpu % 32
        return ",".join(f"{word:08x}" for word in reversed(words))
    nodes = "; ".join(f"mkdir -p node{n}/cpu{cpu}; echo {mask(cpu)} >node{n}/cpumap" for n, cpu in enumerate((A, B)))
    return ["unshare", "--mount", "sh", "-ec", f"mount -t tmpfs none /sys/devices/system/node; cd /sys/devices/system/node; "
            f'{nodes}; cd "$OLDPWD"; exec "$@"', "sh"]


@pytest.mark.skipif(A == B, reason="two nodes need two CPUs")
def test_each_numa_node_has_current_tables(make_hub):
    """Workers of two NUMA nodes have a copy of the tables each, and both follow changes. The workers share every oil, so each
    copy causes half of the replicas."""
    fanout = 128
    configuration = hub.one_to_many(fanout)
    configuration["settings"] = {"shard-threshold": 2}
    test_hub = make_hub(configuration, cpus=CHOICES["two workers"], wrapper=on_two_nodes())
    sent = inners(10)

    def exchange(first):
        expected = {hub.remote(i): [hub.to_site(i, inner) for inner in sent] for i in range(first, fanout + 1)}
        frames = [hub.from_site(0, inner) for inner in sent]
        assert hub.sites_of(test_hub.exchange(frames, replicas=len(sent) * len(expected))) == expected

    assert test_hub.forwarder.out.wait("^tables are on NUMA nodes 0 1, a copy on each$", 1)
    exchange(1)
    before = test_hub.info()
    assert before["table_nodes"] == 2
    lcores = test_hub.forwarder.pages("/gremc/lcores").values()
    assert sorted(entry["socket"] for entry in lcores) == [0, 1]
    assert all(entry["wanted"] for entry in lcores), "one worker made all replicas"
    configuration["mroutes"][0]["to"] = hub.names(range(9, fanout + 1))  # replaced
    for i in range(0, fanout, 2):
        configuration["tunnels"][hub.name(i)]["mtu"] = 1400  # another vif
    assert test_hub.forwarder.reload(configuration)[0]
    exchange(9)
    configuration["mroutes"] = []
    assert test_hub.forwarder.reload(configuration)[0]
    assert not test_hub.exchange([hub.from_site(0, sent[0])])
    assert test_hub.drops() == {"no_mroute": 1}


def test_a_worker_without_a_queue_hands_replicas_over(make_hub):
    """A worker without a transmit queue hands its replicas over. Only replicas that do not fit into the ring are dropped,
    and all drops are counted."""
    configuration = hub.config(1, [{"group": "239.1.1.1", "from": ["far"], "to": []}])
    wan = configuration["ethernets"]["wan"]
    wan["gateway4"] = "10.255.255.254"
    wan["neighbors"]["10.255.255.254"] = hub.remote_mac(0)
    many = 20000
    configuration["tunnels"] = {hub.name(i): hub.tunnel(i) for i in range(many)}
    wan["neighbors"].update({hub.remote(i): hub.remote_mac(0) for i in range(many)})
    configuration["ethernets"]["other"] = {"device": "net_af_packet1", "addresses": ["172.16.0.1/24"],
                                           "neighbors": {"172.16.0.2": "02:05:00:00:00:02"}}
    configuration["tunnels"]["far"] = {"local": "172.16.0.1", "remote": "172.16.0.2"}
    configuration["mroutes"][0]["to"] = hub.names(range(many))
    # Both workers on one CPU: the one that owns the queue cannot empty the ring while the other fills it.
    test_hub = make_hub(configuration, wires=2, cpus=["--lcores", f"0@{A},1@{B},2@{B}"])
    frame = packets.ether("02:00:00:00:00:02", "02:05:00:00:00:02", packets.ipv4(
        "172.16.0.2", "172.16.0.1", packets.GRE, packets.gre(inners(1)[0])))
    test_hub.wires[1].send([frame] * 20)
    # a shard is wanted when its worker takes it
    until(lambda: test_hub.info()["wanted"] == 20 * many, "all shards are replicated")
    info = test_hub.handled(20)
    losses = test_hub.drops()
    assert set(losses) == {"ring_full"}, losses
    assert info["wanted"] == 20 * many == info["sent"] + losses["ring_full"]
    lost = sum(entry["lost"] for entry in test_hub.forwarder.pages("/gremc/tunnels").values())
    assert lost == losses["ring_full"]
    assert len(test_hub.wire.collect(info["sent"])) == info["sent"]


def test_an_interface_that_goes_down_loses_no_buffer(make_hub):
    """The interface behind a port goes down and up again: drops are counted by reason, accepted packets arrive, and no buffer
    is missing at the end."""
    test_hub = make_hub(two_ports(), wires=2)
    frames = [packets.ether("02:00:00:00:00:02", "02:05:00:00:00:02", packets.ipv4(
        "172.16.0.2", "172.16.0.1", packets.GRE, packets.gre(inner))) for inner in inners(91)]

    def send():
        before = test_hub.info()["rx_packets"]
        test_hub.wires[1].send(frames)
        return test_hub.handled(before + len(frames))

    each = send()["sent"]
    test_hub.namespace.ip("link set dev p0 down")
    while not (info := send())["lost"]:
        assert info["wanted"] < 100 * each, "it takes and takes"
    assert set(test_hub.drops()) == {"tx_full"}
    test_hub.namespace.ip("link set dev p0 up")
    until(lambda: test_hub.info()["lost"] == send()["lost"], "it sends again")
    lost = test_hub.info()["lost"]
    info = send()
    assert info["lost"] == lost
    assert len(test_hub.wire.collect(info["sent"], 10)) == info["sent"]


SHARDED, WITHOUT = 150, 10  # tunnels that one mroute sends by; others, which come and go


def sharded(n):
    """One mroute above the threshold; the other tunnels and mroutes change with n, and so do the numbers of vifs to come."""
    wanted = hub.config(SHARDED + 1, [{"group": "239.1.1.1", "from": ["t0"], "to": hub.names(range(1, SHARDED + 1))}],
                        settings={"shard-threshold": 64})
    for i in range(SHARDED + 1, SHARDED + 1 + WITHOUT):
        if (i + n) % 3:
            wanted["tunnels"][f"n{n % 4}-{i}"] = hub.tunnel(i)
    others = [name for name in wanted["tunnels"] if name.startswith("n")]
    wanted["mroutes"].append({"group": f"239.2.2.{n % 5}", "from": "any", "to": others})
    return wanted


def test_a_large_oil_is_split_between_workers(make_hub, tmp_path):
    """Two workers replicate the packets of one mroute: each tunnel gets all of them in order while reloads change other
    settings, and the accounts of both workers balance."""
    program = traffic.build(tmp_path)
    test_hub = make_hub(sharded(0), wrapper=FIRST, af_packet=f"{traffic.RINGS},qpairs=2",
                        cpus=CHOICES["two workers"])
    receiver = traffic.Receiver(program, test_hub.namespace, "w0")
    frame = hub.from_site(0, packets.multicast("10.1.1.1", "239.1.1.1", bytes(64)))
    sender = traffic.Sender(program, test_hub.namespace, "w0", frame, 400, 400 * 60)
    reloads = 0
    while reloads < 10:
        reloads += 1
        taken, text = test_hub.forwarder.reload(sharded(reloads))
        assert taken, text
        assert sender.running
    sent = sender.stop()
    info = test_hub.handled(sent, 20)
    assert (info["rx_packets"], info["sent"], info["lost"]) == (sent, sent * SHARDED, 0), test_hub.drops()
    assert receiver.stop() == {hub.remote(i): (sent, 0, 0, sent - 1) for i in range(1, SHARDED + 1)}
    shares = sorted(entry["sent"] for entry in test_hub.forwarder.pages("/gremc/lcores").values())
    # the oil is split by blocks of 32 interfaces: each worker gets a part
    assert len(shares) == 2 and sum(shares) == info["sent"] and shares[0] >= sent * 32


def test_received_flows_are_distributed_to_workers(make_hub):
    """One receive queue, and `spread`: both workers forward, each flow is complete and in order on each tunnel."""
    flows = 64
    configuration = hub.config(5, [{"group": "239.1.0.0/16", "from": ["t0"], "to": hub.names(range(1, 5))}],
                               settings={"spread": True})
    test_hub = make_hub(configuration, cpus=CHOICES["two workers"])
    sent = {i: inners(20, f"239.1.1.{i}") for i in range(flows)}
    by_site = hub.sites_of(test_hub.exchange([hub.from_site(0, sent[i][n]) for n in range(20) for i in range(flows)]))
    assert set(by_site) == {hub.remote(i) for i in range(1, 5)}
    for site in range(1, 5):
        arrived = by_site[hub.remote(site)]
        assert len(arrived) == 20 * flows
        for i in range(flows):
            wanted = [hub.to_site(site, inner) for inner in sent[i]]
            mine = set(wanted)
            assert [frame for frame in arrived if frame in mine] == wanted
    lcores = test_hub.forwarder.pages("/gremc/lcores").values()
    assert sorted(entry["rx_packets"] > 0 for entry in lcores) == [False, True]
    assert all(entry["forwarded"] > 20 * flows / 8 for entry in lcores)
