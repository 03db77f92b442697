# SPDX-License-Identifier: BSD-3-Clause
"""A hub on a server whose kernel keeps the interface p0 (`interface: p0`, AF_XDP), and a site with a kernel of its own
at the other end of the wire."""
import struct

from lab import Namespace, run, until, veth

from . import hub, packets
from .wire import Wire

PORT, WIRE = "p0", "w0"
SITE = "10.0.0.2"  # the site's own address; those of the tunnels are beside it
OTHER = "10.0.0.9"  # a second address of the server's
TYPE_AT, TAGGED_TYPE_AT = 12, 16
IGMP = 2


def config(tunnels, mroutes, **port):
    """As hub.config(), on the kernel's interface."""
    whole = hub.config(tunnels, mroutes, **port)
    del whole["ethernets"]["wan"]["device"]
    whole["ethernets"]["wan"] = {"interface": PORT, **whole["ethernets"]["wan"]}
    return whole


def is_replica(frame):
    """GRE (except IGMP in it), or native multicast of the tests' groups; not the kernel's own packets."""
    at = TAGGED_TYPE_AT if frame[TYPE_AT:TYPE_AT + 2] == b"\x81\x00" else TYPE_AT
    if frame[at:at + 2] != b"\x08\x00":
        return False
    if frame[at + 11] == packets.GRE:
        return frame[at + 35] != IGMP
    return frame[at + 18] == 239


class ReplicaWire(Wire):
    """A wire that delivers the forwarder's packets only, not the other ones of the server."""

    def receive(self):
        while (frame := super().receive()) is not None:
            if is_replica(frame):
                return frame
        return None


class SharedHub(hub.Hub):
    """`kernel` captures the packets that the server's kernel receives on p0. queues: of both ends of the wire."""

    def __init__(self, *arguments, addresses=(hub.LOCAL, OTHER), queues=1, **options):
        self.site = self.kernel = None
        self._addresses, self._queues = addresses, queues
        super().__init__(*arguments, **options)

    def _wire(self, n, mtu, af_packet, mac):
        self.site = Namespace("site")
        many = f"numrxqueues {self._queues} numtxqueues {self._queues}"
        self.site.ip(f"link add {WIRE} {many} type veth peer name {PORT} {many} netns {self.namespace.name}")
        for namespace, name in ((self.site, WIRE), (self.namespace, PORT)):
            namespace.run("ethtool", "-K", name, "tx", "off", "txvlan", "off", "rxvlan", "off")
            if mtu:
                namespace.ip(f"link set dev {name} mtu {mtu}")
        self.namespace.ip(f"link set dev {PORT} address {hub.MAC}", f"link set dev {PORT} up",
                          *(f"addr add {address}/8 dev {PORT}" for address in self._addresses))
        self.site.ip(f"link set dev {WIRE} up", f"addr add {SITE}/8 dev {WIRE}")
        self.wires.append(ReplicaWire(self.site, WIRE))
        self.kernel = Wire(self.namespace, PORT)

    def ping(self, count=5, interval=0.02):
        """The site pings the server; how many answers came."""
        out = self.site.run("ping", "-n", "-q", "-c", count, "-i", interval, "-W", 2, hub.LOCAL, check=False).stdout
        return int(out.split(" received")[0].rsplit(" ", 1)[-1])

    def passed(self, frames):
        """Send frames and return those that the server's kernel received, because the forwarder did not take them. The last
        frame, which the forwarder never takes, marks the end."""
        end = packets.ether(hub.MAC, hub.remote_mac(0), b"the end", ethertype=0x88b5)
        self.kernel.collect(seconds=0)
        self.wire.send([*frames, end])
        seen = []
        until(lambda: seen.extend(self.kernel.collect(seconds=0)) or end in seen, "the last frame in the kernel")
        return [frame for frame in frames if frame in seen]

    def program(self):
        """The name of the XDP program on p0, or None."""
        out = self.namespace.run("ip", "-d", "link", "show", "dev", PORT).stdout
        return out.split("prog/xdp")[1].split(" name ")[1].split()[0] if "prog/xdp" in out else None

    def allmulti(self):
        out = self.namespace.run("ip", "-d", "link", "show", "dev", PORT).stdout
        return int(out.split(" allmulti ")[1].split()[0])

    def close(self, check=True):
        try:
            super().close(check)
        finally:
            if self.kernel:
                self.kernel.close()
            if self.site:
                self.site.remove()
