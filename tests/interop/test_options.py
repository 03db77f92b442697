# SPDX-License-Identifier: BSD-3-Clause
"""Two Linux kernels with every combination of `ip tunnel`'s key, csum and seq, both ways; tshark checks every packet."""
import contextlib
import itertools

import pytest
from network import BAD_CHECKSUM, COMPLAINT, HUB, HUB_INNER
from test_linux import Sites

COUNT = 60
# Options of `ip tunnel`, and of the hub.
OPTIONS = (("key 42", {"key": 42}), ("csum", {"checksum": True}), ("seq", {"sequence": "strict"}))
COMBINATIONS = [chosen for n in range(len(OPTIONS) + 1) for chosen in itertools.combinations(OPTIONS, n)]


@pytest.fixture(scope="module")
def sites(make_network, tshark):
    network = make_network(2)
    network.start()
    with contextlib.ExitStack() as stack:
        made = Sites(network, "")
        stack.callback(made.close)
        yield made


def configure(sites, theirs, ours):
    """The kernels' gre1 and the hub's tunnels get other options."""
    wanted = sites.network.configuration(2, {1: ours, 2: ours})
    taken, text = sites.network.hub.reload(wanted)
    assert taken, text
    for n, peer in enumerate(sites.peers, 1):
        peer.sh(f"ip tunnel del gre1 && ip tunnel add gre1 mode gre remote {HUB} local {sites.network.address(n)} ttl 64 {theirs} && "
                f"ip link set gre1 multicast on up && ip addr add {sites.network.inner(n)} peer {HUB_INNER} dev gre1 && "
                "ip route add 239.0.0.0/8 dev gre1")


@pytest.mark.parametrize("chosen", COMBINATIONS, ids=lambda chosen: "+".join(theirs.split()[0] for theirs, _ in chosen) or "none")
def test_every_combination_works_both_ways(sites, top, chosen):
    """Linux requires the checksum and the ascending numbers that it is configured with; so does the hub with `strict`."""
    ours = {key: value for _, options in chosen for key, value in options.items()}
    configure(sites, " ".join(theirs for theirs, _ in chosen), ours)
    largest = 1476 - 4 * len(chosen) - 28
    for sender, size in ((0, 9), (1, largest)):
        assert sites.multicast(top, f"239.1.{len(chosen)}.{sender + 1}", sender, size, COUNT) == [(COUNT, COUNT, 0)]
    for n in (1, 2):
        tunnel = sites.network.hub.query(f"/gremc/tunnel,gre{n}")
        if "sequence" in ours:
            numbers = tunnel["sequence_numbers"]
            assert (numbers["missing"], numbers["reordered"], numbers["duplicates"]) == (0, 0, 0)


def test_keys_of_each_direction_with_checksum(sites, top):
    configure(sites, "ikey 7 okey 8 csum seq", {"key": {"input": 8, "output": 7}, "checksum": True, "sequence": "count"})
    for sender in (0, 1):
        assert sites.multicast(top, f"239.2.1.{sender + 1}", sender, 501, COUNT) == [(COUNT, COUNT, 0)]


def test_the_wire(sites):
    """The last of the module: tshark has nothing to complain of, and verifies the checksums that the hub sent."""
    network = sites.network
    assert set(network.hub.drops()) <= {"inner_link_local", "no_sequence", "unknown_key"}
    network.finish()
    assert network.fields(COMPLAINT, "frame.number", "_ws.expert.message") == []
    assert network.fields(BAD_CHECKSUM, "frame.number") == []
    assert network.fields("gre.checksum.status == 0", "frame.number") == []
    sent = network.fields(f"ip.src == {HUB} && gre.flags.checksum == 1", "gre.checksum.status")
    assert len(sent) >= 2 * COUNT * len(COMBINATIONS) // 2 and {status for status, in sent} == {"1"}
