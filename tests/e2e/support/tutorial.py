# SPDX-License-Identifier: BSD-3-Clause
"""The network of the tutorial: a hub, a site in the east and one in the west on one switch, and a host on the hub's LAN.

    east 192.0.2.11 --- nic0 .                 . nic0, nic1 --- hub 192.0.2.1 --- nic2 --- lan 198.51.100.2
                              >--- switch ---<
    west 192.0.2.12 --- nic0 '                 '

Each site has a forwarder with the tunnel gre1 to the hub, and programs use gre1 as an interface of the kernel: 10.0.0.11 in the
east, 10.0.0.12 in the west.
"""
import contextlib
import json
import shlex
import textwrap

from lab import Forwarder, Namespace, bridge, run, start, until, veth
from lab.forwarder import write_config
from lab.process import Lines

from .hub import FAST, Hub
from .site import quiet

SITES = {"east": 11, "west": 12}
SITE = """
    ethernets:
      wan: {{device: net_af_packet0, addresses: [192.0.2.{n}/24], host: true{more}}}
    tunnels:
      gre1: {{local: 192.0.2.{n}, remote: 192.0.2.1, addresses: [10.0.0.{n}], peer: 10.0.0.1, host: true}}
    mroutes: []
"""


class Server:
    """A machine of the network, and the commands that a user types there."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.namespace = Namespace(name)
        self.forwarder = None

    def sh(self, command, check=True):
        """Run a command line and return its output; `mcast` and `gremcctl` are those of the sources."""
        return run(*self._argv(command), check=check, cwd=self.lab.directory).stdout

    def _argv(self, command):
        first, *rest = shlex.split(command)
        programs = {"mcast": ["/usr/bin/python3", "-B", self.lab.top / "scripts/lib/mcast.py"],
                    "gremcctl": [self.lab.top / "app/gremcctl/gremcctl"]}
        return self.namespace.argv(*map(str, programs.get(first, [first])), *rest)

    def start(self, text, interfaces=("nic0",), options=()):
        """Write the configuration and start dpdk-gremc; net_af_packet0, 1, ... are these interfaces."""
        config = self.lab.directory / f"{self.name}.yaml"
        write_config(config, textwrap.dedent(text))
        for interface in interfaces:
            quiet(self.namespace, interface)
            self.namespace.ip(f"link set dev {interface} up")
        devices = [f"net_af_packet{n},iface={interface},{FAST}" for n, interface in enumerate(interfaces)]
        self.forwarder = Forwarder(self.lab.binary, config, self.namespace, devices, options=options).start()

    def reload(self, text):
        """Write the configuration, and `kill -HUP`. Returns the messages."""
        accepted, messages = self.forwarder.reload(textwrap.dedent(text))
        assert accepted, messages
        return messages

    def telemetry(self, command):
        """`gremcctl query COMMAND`."""
        return json.loads(self.sh(f"gremcctl -f {self.forwarder.prefix} query {command}"))

    @contextlib.contextmanager
    def receiving(self, group, count, interface="gre1"):
        """`mcast receive`, during the body; then all `count` packets must arrive."""
        command = f"mcast receive --interface {interface} --group {group} --count {count}"
        process = start(self._argv(command), stdout=-1, text=True)
        lines = Lines(process.stdout)
        until(lambda: lines.lines or lines.ended, f"{self.name} joins {group}")
        assert lines.lines[:1] == ["joined"], f"{command} failed"
        yield
        until(lambda: process.poll() is not None, lambda: f"{self.name} receives {count} packets of {group}: {lines.lines}")
        lines.join()
        assert lines.lines[-1] == f"{count} {count} 0"

    def send(self, group, count=10, interface="gre1"):
        """`mcast send`, as soon as the next hops of all tunnels are resolved."""
        until(self.lab.is_resolved, "the next hops of all tunnels are resolved")
        self.sh(f"mcast send --interface {interface} --group {group} --count {count}")

    def close(self):
        if self.forwarder and self.forwarder.running:
            Hub.check(self.forwarder)


class Tutorial:
    def __init__(self, binary, top, directory):
        self.binary, self.top, self.directory = binary, top, directory
        self.switch, self.hub, self.lan = Namespace("switch"), Server(self, "hub"), Server(self, "lan")
        self.sites = [Server(self, name) for name in SITES]
        self.east, self.west = self.sites
        ports = []
        for server, nic in ((self.hub, "nic0"), (self.hub, "nic1"), (self.east, "nic0"), (self.west, "nic0")):
            ports.append(f"{server.name}{nic[-1]}")
            veth(self.switch, ports[-1], server.namespace, nic)
        bridge(self.switch, "br0", *ports)
        self.hub.namespace.ip("link set dev nic1 down")  # else the kernel answers ARP for nic0 there
        veth(self.hub.namespace, "nic2", self.lan.namespace, "eth0")
        self.lan.namespace.ip("addr add 198.51.100.2/24 dev eth0")

    @staticmethod
    def until(condition):
        """Wait for a condition, as a user repeats a command."""
        until(condition, "the condition of the tutorial")

    def is_resolved(self):
        return all(tunnel["resolved"] for server in (self.hub, *self.sites) for tunnel in
                   server.forwarder.pages("/gremc/tunnels").values())

    def start_sites(self, more=""):
        """`more`: keys of the sites' port."""
        for site in self.sites:
            site.start(SITE.format(n=SITES[site.name], more=more))

    def close(self):
        servers = [self.hub, self.lan, *self.sites]
        try:
            for server in servers:
                server.close()
        finally:
            for server in servers:
                if server.forwarder and server.forwarder.process:
                    server.forwarder.kill()
                server.namespace.remove()
            self.switch.remove()
