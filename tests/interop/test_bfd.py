# SPDX-License-Identifier: BSD-3-Clause
"""BFD of FRR (RFC 5881) over the host interfaces of a tunnel between two hubs, and its verdict as the state of the
interface."""
import contextlib
import json
import os
import tempfile
from pathlib import Path

import pytest
from hubs import FRR, SENDER, SOURCE, Hub, mac, underlay
from lab import Namespace, bridge, owner, until, veth
from support import packets
from support.wire import Wire

GROUP = "239.1.2.3"
INTERVAL = 200  # milliseconds; three of them without a packet are the end of a session


class BfdHub(Hub):
    """Hub 1 sends the group of its site by `right`, to hub 2."""

    def configuration(self):
        configuration = super().configuration()
        configuration["mroutes"] = [{"group": GROUP, "from": ["site"], "to": ["right"]}] if self.n == 1 else []
        return configuration

    def peer(self):
        """The tunnel between the two hubs, and the inner address at its other end."""
        name = "right" if self.n == 1 else "left"
        return name, self.tunnels[name][2]

    def write_daemons_config(self):
        name, address = self.peer()
        session = [f" peer {address} interface {name}", f"  receive-interval {INTERVAL}", f"  transmit-interval {INTERVAL}",
                   "  no shutdown"]
        (self.directory / "zebra.conf").write_text("")
        (self.directory / "bfdd.conf").write_text("\n".join(["bfd", *session]) + "\n")

    def daemons(self):
        return ("zebra", "bfdd")

    def start_daemons(self):
        for daemon in self.daemons():
            more = ["--bfdctl", self.directory / "bfdd.sock"] if daemon == "bfdd" else []
            self.namespace.run(f"{FRR}/{daemon}", "-d", "-u", "frr", "-g", "frr", "-f", self.directory / f"{daemon}.conf",
                               "-z", self.directory / "zserv.api", "-i", self.directory / f"{daemon}.pid",
                               "--vty_socket", self.directory, "-P", "0", "--log", f"file:{self.directory}/{daemon}.log", *more)

    def state(self):
        sessions = json.loads(self.ask("show bfd peers json"))
        return sessions[0]["status"] if sessions else "none"


@pytest.fixture(scope="module")
def two_hubs(binary, laboratory):
    for daemon in ("zebra", "bfdd"):
        if not os.path.exists(f"{FRR}/{daemon}"):
            pytest.skip("FRR is not installed (package frr)")
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=owner.label("bfd-"))))
        directory.chmod(0o755)
        switch = Namespace("switch")
        stack.callback(switch.remove)
        veth(switch, "site", switch, "site0")
        wire = Wire(switch, "site0")
        stack.callback(wire.close)
        hubs = []
        for n in (1, 2):
            place = directory / f"hub{n}"
            place.mkdir()
            hubs.append(BfdHub(n, binary, place, switch))
            stack.callback(hubs[-1].close)
        bridge(switch, "br0", "site", "hub1", "hub2")
        for hub in hubs:
            hub.start()
        yield switch, wire, hubs


def lost(hub, reason):
    return hub.forwarder.query("/gremc/drops")["losses"][reason]


def send(wire, count):
    inner = packets.multicast(SOURCE, GROUP, b"!", ttl=16)
    wire.send([packets.ether(mac(1), mac(SENDER), packets.ipv4(underlay(SENDER), underlay(1), packets.GRE,
                                                               packets.gre(inner)))] * count)


def sent(hub):
    return hub.forwarder.query("/gremc/tunnel,right")["tx_packets"]


def test_bfd_runs_over_the_tunnel_and_its_verdict_takes_the_tunnel_out(two_hubs):
    """Up; the wire to the other hub is cut, so BFD falls at the first; the interface follows; and back."""
    switch, wire, (first, second) = two_hubs
    until(lambda: first.state() == second.state() == "up", "BFD is up at both ends", every=0.2)
    switch.ip("link set dev hub2 down")
    until(lambda: first.state() == "down", "BFD notices the cut", every=0.1)
    # the verdict, as a script or a daemon applies it
    first.namespace.ip("link set dev right down")
    until(lambda: next(e for e in first.forwarder.pages("/gremc/hosts").values() if e["name"] == "right")["up"] == 0,
          "the interface is down", 20)
    before = sent(first), lost(first, "oif_down")
    send(wire, 10)
    until(lambda: lost(first, "oif_down") == before[1] + 10, "replicas are lost as oif_down")
    switch.ip("link set dev hub2 up")
    first.namespace.ip("link set dev right up")
    until(lambda: first.state() == second.state() == "up", "BFD is up again", every=0.2)
    before = sent(first)
    send(wire, 10)
    until(lambda: sent(first) >= before + 10, "replicas are sent again")
