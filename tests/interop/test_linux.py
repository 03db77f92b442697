# SPDX-License-Identifier: BSD-3-Clause
"""Three Linux kernels, each with an ordinary gre1: one sends multicast, the other two receive every byte of it. tshark
checks every packet that the hub received and sent."""
import contextlib
import random
import shlex

import pytest
from network import BAD_CHECKSUM, COMPLAINT, HUB, HUB_INNER, HUB_MAC
from lab import LabError, make_peer, until

COUNT, RATE = 300, 200
MCAST = "scripts/lib/mcast.py"
# Differences of the sites' tunnels: (options of `ip tunnel`, options of the hub).
KINDS = {
    "plain": ("", {}),
    "key": ("key 42", {"key": 42}),
    "keys of each direction": ("ikey 7 okey 8", {"key": {"input": 8, "output": 7}}),
}


class Sites:
    """Three booted kernels behind a network, configured as the classic guide does."""

    def __init__(self, network, options):
        self.network = network
        self.peers = [make_peer(f"site{n}", namespace, "eth0") for n, namespace in enumerate(network.sites, 1)]
        try:
            for peer in self.peers:
                peer.launch()
            for n, peer in enumerate(self.peers, 1):
                peer.ready()
                peer.gre(network.mac(n), network.address(n), HUB, HUB_MAC, network.inner(n), HUB_INNER, options)
        except LabError:
            self.close()
            raise

    def multicast(self, top, group, sender, size, count=COUNT):
        """Send from one site; the reception of every other one: [(packets, distinct, wrong)]."""
        script = f"exec /usr/bin/python3 {shlex.quote(str(top / MCAST))}"
        others = [peer for n, peer in enumerate(self.peers) if n != sender]
        receivers = [peer.spawn(f"{script} receive --interface gre1 --group {group} --count {count} --seconds 60")
                     for peer in others]
        for receiver in receivers:
            until(lambda r=receiver: "joined" in r.text(), "a site joins")
        sending = self.peers[sender].spawn(
            f"{script} send --interface gre1 --group {group} --count {count} --rate {RATE} --size {size}")
        assert sending.wait(60) and sending.status == 0, sending.text("err")
        results = []
        for receiver in receivers:
            assert receiver.wait(20), receiver.text()
            results.append(tuple(map(int, receiver.text().split("\n")[-2].split())))
        return results

    def close(self):
        for peer in self.peers:
            peer.stop()


@pytest.fixture(scope="module", params=KINDS)
def sites(request, make_network, tshark):
    options, keys = KINDS[request.param]
    network = make_network(3, {n: keys for n in (1, 2, 3)})
    network.start()
    with contextlib.ExitStack() as stack:
        made = Sites(network, options)
        made.keyed = bool(options)
        stack.callback(made.close)
        yield made


def test_every_byte_arrives(sites, top):
    """From each site to the two others, in sizes from the smallest to the tunnel's MTU (1476; 1472 with a key)."""
    largest = (1472 if sites.keyed else 1476) - 28
    for sender, size in ((0, 8), (1, 1000), (2, largest)):
        assert sites.multicast(top, f"239.1.1.{sender + 1}", sender, size) == [(COUNT, COUNT, 0)] * 2, (sender, size)
    content = random.Random(1).randbytes(40000)
    compare_file(sites, content)


def compare_file(sites, content):
    """A file by multicast: each site stores the same file."""
    receiver = ("import socket, struct; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
                "s.bind(('239.5.5.5', 46001)); "
                "s.setsockopt(0, 35, struct.pack('@4s4si', socket.inet_aton('239.5.5.5'), bytes(4), "
                "socket.if_nametoindex('gre1'))); print('joined', flush=True); data = b''\n"
                f"while len(data) < {len(content)}: data += s.recv(65536)\n"
                "open('{path}', 'wb').write(data)")
    sender = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
              "s.setsockopt(0, socket.IP_MULTICAST_TTL, 3); s.bind(('', 46001))\n"
              "data = open('{path}', 'rb').read()\n"
              "for at in range(0, len(data), 1000): s.sendto(data[at:at + 1000], ('239.5.5.5', 46001))")
    jobs = []
    for peer in sites.peers:
        peer_path = peer.path("file")
        jobs.append(peer.spawn(f'exec /usr/bin/python3 -c "{receiver.replace("{path}", peer_path)}"')
                    if peer is not sites.peers[0] else None)
    for job in jobs[1:]:
        until(lambda j=job: "joined" in j.text(), "a site joins")
    (sites.peers[0].directory / "content").write_bytes(content)
    sites.peers[0].sh(f'/usr/bin/python3 -c "{sender.replace("{path}", sites.peers[0].path("content"))}"')
    for peer, job in zip(sites.peers[1:], jobs[1:]):
        assert job.wait(20) and job.status == 0, job.text("err")
        assert (peer.directory / "file").read_bytes() == content


def test_tshark_accepts_every_packet(sites, top):
    """The last of the module: the hub stops; tshark has nothing to complain of in any packet, and finds each replica."""
    network = sites.network
    before = network.hub.query("/gremc/info")
    assert before["lost"] == 0
    # The sites' membership reports are link-local: not forwarded, and nothing else is dropped.
    assert set(network.hub.drops()) <= {"inner_link_local"}
    summary = network.finish()
    # Among the input, the sites' reports may be older or younger than the forwarder.
    assert len(network.fields(f"ip.dst == {HUB} && udp", "frame.number")) == summary["forwarded"]
    assert network.fields(COMPLAINT, "frame.number", "_ws.expert.message") == []
    assert network.fields(BAD_CHECKSUM, "frame.number") == []
    sent = network.fields(f"ip.src == {HUB}", "gre.flags.version", "gre.proto", "gre.flags.key", "ip.ttl", "ip.flags.df",
                          "udp.checksum.status", "gre.key")
    assert len(sent) == summary["sent"] > 0
    for version, protocol, has_key, ttl, df, udp_status, _ in sent:
        # outer, inner
        assert (int(version, 0), int(protocol, 16)) == (0, 0x0800)
        assert ttl.split(",")[0] == "64" and ttl.split(",")[1] in ("15", "2")
        assert df.split(",")[0] in ("1", "True") and udp_status == "1"
        assert (has_key in ("1", "True")) == sites.keyed


def test_the_judge_can_fail(make_network, tshark):
    """A wrong checksum in the inner packet and a cut one are seen by the same questions."""
    from support import capture, hub, packets
    network = make_network(0)
    good = packets.multicast("10.1.1.1", "239.1.1.1", b"x" * 30)
    capture.write(network.capture, [hub.from_site(0, good), hub.from_site(0, packets.multicast(
        "10.1.1.1", "239.1.1.1", b"x" * 30, sum_=1)), hub.from_site(0, good[:-5])])
    assert network.fields(BAD_CHECKSUM, "frame.number") == [["2"]]
    assert ["1"] not in network.fields(COMPLAINT, "frame.number")
    assert ["3"] in network.fields(COMPLAINT, "frame.number")
