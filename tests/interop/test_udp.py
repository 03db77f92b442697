# SPDX-License-Identifier: BSD-3-Clause
"""GRE-in-UDP (RFC 8086) to the fou of a Linux kernel, with every combination of GRE's options; tshark checks every packet.

The kernel of user-mode-linux receives by fou, and cannot send by it: it answers by plain GRE, which is another tunnel of the hub."""
import contextlib
import itertools

import pytest
from network import BAD_CHECKSUM, COMPLAINT, HUB, HUB_INNER, Network
from test_linux import Sites

COUNT = 60
OPTIONS = (("key 42", {"key": 42}), ("csum", {"checksum": True}), ("seq", {"sequence": "count"}), ("", {"udp-checksum": True}))
COMBINATIONS = [chosen for n in range(len(OPTIONS) + 1) for chosen in itertools.combinations(OPTIONS, n)]


class UdpNetwork(Network):
    """Site 1 has plain GRE. Site 2 receives GRE-in-UDP, and its answers belong to a third tunnel."""

    def configuration(self, sites, tunnels):
        configuration = super().configuration(sites, tunnels)
        there = configuration["tunnels"]["gre2"]
        there["mode"] = "gre-udp"
        configuration["tunnels"]["back2"] = {key: value for key, value in there.items() if key not in ("mode", "udp-checksum")}
        configuration["mroutes"] = [{"group": "239.1.0.0/16", "from": ["gre1"], "to": ["gre2"]},
                                    {"group": "239.2.0.0/16", "from": ["back2"], "to": ["gre1"]}]
        return configuration


@pytest.fixture(scope="module")
def sites(binary, laboratory, tmp_path_factory, tshark):
    network = UdpNetwork(binary, tmp_path_factory.mktemp("udp"), 2, {}, ())
    with contextlib.ExitStack() as stack:
        stack.callback(network.close)
        network.start()
        made = Sites(network, "")
        stack.callback(made.close)
        made.peers[1].sh("$(cat /proc/sys/kernel/modprobe) fou && ip fou add port 4754 ipproto 47")
        yield made


@pytest.mark.parametrize("chosen", COMBINATIONS, ids=lambda chosen: "+".join(theirs or "udp" for theirs, _ in chosen) or "none")
def test_fou_receives_every_combination(sites, top, chosen):
    """The kernel requires the GRE checksum and the ascending numbers that it is configured with, and accepts any UDP checksum."""
    network, peer = sites.network, sites.peers[1]
    ours = {key: value for _, options in chosen for key, value in options.items()}
    taken, text = network.hub.reload(network.configuration(2, {2: ours}))
    assert taken, text
    theirs = " ".join(theirs for theirs, _ in chosen)
    peer.sh(f"ip tunnel del gre1 && ip tunnel add gre1 mode gre remote {HUB} local {network.address(2)} ttl 64 {theirs} && "
            f"ip link set gre1 multicast on up && ip addr add {network.inner(2)} peer {HUB_INNER} dev gre1 && "
            "ip route add 239.0.0.0/8 dev gre1")
    options = sum(1 for theirs, _ in chosen if theirs)
    for size in 9, 1468 - 4 * options - 28:
        assert sites.multicast(top, f"239.1.1.{len(chosen) + 1}", 0, size, COUNT) == [(COUNT, COUNT, 0)]
    assert sites.multicast(top, f"239.2.1.{len(chosen) + 1}", 1, 501, COUNT) == [(COUNT, COUNT, 0)]
    assert network.hub.query("/gremc/tunnel,gre2")["mtu"] == 1468 - 4 * options


def test_the_wire(sites):
    """The last of the module: tshark finds GRE behind UDP, verifies the checksums that the hub sent, and has no complaint."""
    network = sites.network
    network.finish()
    assert network.fields(COMPLAINT, "frame.number", "_ws.expert.message") == []
    assert network.fields(BAD_CHECKSUM, "frame.number") == []
    assert network.fields("gre.checksum.status == 0", "frame.number") == []
    sent = network.fields(f"ip.src == {HUB} && udp.dstport == 4754 && gre", "udp.srcport", "udp.checksum.status")
    assert len(sent) == 2 * COUNT * len(COMBINATIONS)
    assert all(int(ports.split(",")[0]) >= 49152 for ports, _ in sent)
    outer = [status.split(",")[0] for _, status in sent]
    assert outer.count("1") == len(sent) // 2  # half of the combinations have a UDP checksum
