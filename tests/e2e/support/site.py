# SPDX-License-Identifier: BSD-3-Clause
"""A server: a namespace whose NICs belong to the forwarder, and whose network is that of the host interfaces."""
import contextlib
import itertools
import socket
import struct

from lab import PATIENCE, Forwarder, Namespace, until
from lab.forwarder import write_config

from .hub import FAST, Hub

IP_MTU_DISCOVER, IP_PMTUDISC_DO = 10, 2

_number = itertools.count()


def quiet(namespace, interface):
    """The kernel sees a net_af_packet's interface, too, as it does no NIC's: it must not answer there."""
    namespace.run("sysctl", "-qw", f"net.ipv4.conf.{interface}.rp_filter=1", f"net.ipv4.conf.{interface}.arp_ignore=8")


class Site:
    def __init__(self, binary, directory, label):
        self.binary, self.directory, self.label = binary, directory, label
        self.namespace = Namespace(label)
        self.config = directory / f"{label}{next(_number)}.yaml"
        self.forwarder = None

    def start(self, configuration, *interfaces, seconds=PATIENCE, queues=1, **options):
        """Its ports are net_af_packet0, 1, ... on these interfaces, with so many queues each."""
        write_config(self.config, configuration)
        for interface in interfaces:
            quiet(self.namespace, interface)
        devices = [f"net_af_packet{n},iface={interface},qpairs={queues},{FAST}" for n, interface in enumerate(interfaces)]
        self.forwarder = Forwarder(self.binary, self.config, self.namespace, devices, **options)
        return self.forwarder.start(seconds)

    # ---- state of the kernel ----

    def addresses(self, interface):
        return self.namespace.run("ip", "-4", "-o", "addr", "show", "dev", interface).stdout

    def link(self, interface):
        return self.namespace.run("ip", "link", "show", "dev", interface, check=False).stdout

    def ping(self, address, count=3, *more):
        """Return the number of answers. All requests leave at once: ping waits for the last answer no longer than its interval
        and twice the slowest time."""
        out = self.namespace.run("ping", "-n", "-q", "-i", "2", "-l", count, "-W", "2", "-c", count, *more, address, check=False)
        return int(out.stdout.split(" packets transmitted, ")[1].split(" received")[0]) if "received" in out.stdout else 0

    def reaches(self, address, seconds=PATIENCE):
        """Wait until it answers: ARP and LACP may take their time."""
        until(lambda: self.ping(address, 1, "-W", "0.3"), f"{self.label} reaches {address}", seconds, every=0.01)

    def host(self, name):
        """The entry of a host interface."""
        return next((entry for entry in self.forwarder.pages("/gremc/hosts").values() if entry["name"] == name), None)

    @contextlib.contextmanager
    def socket(self, *arguments):
        with self.namespace.inside():
            opened = socket.socket(*arguments)
        with opened:
            opened.settimeout(10)
            yield opened

    def close(self, check=True):
        try:
            if check and self.forwarder and self.forwarder.running:
                Hub.check(self.forwarder)
        finally:
            if self.forwarder and self.forwarder.process:
                self.forwarder.kill()
            self.namespace.remove()


def member(receiver, group, port, interface):
    """Make a UDP socket one that receives a group on an interface, by its name."""
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    receiver.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    receiver.bind((group, port))
    index = _index(receiver, interface)
    receiver.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP,
                        struct.pack("=4s4si", socket.inet_aton(group), bytes(4), index))


def sends_by(sender, interface, ttl=8):
    sender.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("=4s4si", bytes(4), bytes(4),
                                                                             _index(sender, interface)))
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
    # received packets come from the wire only
    sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)


def _index(opened, interface):
    """SIOCGIFINDEX: in the namespace of the socket."""
    import fcntl
    return struct.unpack("16xi12x", fcntl.ioctl(opened, 0x8933, struct.pack("16s16x", interface.encode())))[0]
