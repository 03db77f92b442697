# SPDX-License-Identifier: BSD-3-Clause
"""A hub and its wire: a switch in a namespace, with sites that the tests attach, and everything on the hub's port
captured."""
import struct
import subprocess

from lab import Forwarder, Namespace, bridge, run, start, until, veth
from lab.forwarder import write_config
from support import capture

HUB, HUB_MAC, HUB_INNER = "192.0.2.1", "02:00:00:00:00:01", "10.0.0.1"
PORTS = "46000-46001"  # of the packets of the sites

# The faults that tshark finds, as display filters: malformed, or an expert's warning or error; a checksum that is bad.
COMPLAINT = "_ws.malformed || _ws.expert.severity >= 0x600000"
BAD_CHECKSUM = "ip.checksum.status == 0 || udp.checksum.status == 0"


class Network:
    def __init__(self, binary, directory, sites, tunnels, groups):
        """`sites` is how many; tunnels is {number: keys of the tunnel}; groups are (*,G), from any to all."""
        self.binary, self.directory, self.groups = binary, directory, groups
        self.switch, self.namespace = Namespace("switch"), Namespace("hub")
        veth(self.switch, "hub", self.namespace, "wan0")
        self.namespace.ip(f"link set dev wan0 address {HUB_MAC}")
        bridge(self.switch, "br0", "hub")
        self.sites = []
        for n in range(1, sites + 1):
            site = Namespace("site")
            veth(self.switch, f"site{n}", site, "eth0")
            self.switch.ip(f"link set dev site{n} master br0")
            self.sites.append(site)
        path = directory / "hub.yaml"
        write_config(path, self.configuration(sites, tunnels))
        self.hub = Forwarder(binary, path, self.namespace, ["net_af_packet0,iface=wan0"])
        self.capture = directory / "wan0.pcap"
        self.tcpdump = None

    @staticmethod
    def address(n):
        return f"192.0.2.{10 + n}"

    @staticmethod
    def mac(n):
        return f"02:00:00:00:00:{10 + n}"

    @staticmethod
    def inner(n):
        return f"10.0.0.{10 + n}"

    def configuration(self, sites, tunnels):
        numbers = range(1, sites + 1)
        return {"ethernets": {"wan": {"device": "net_af_packet0", "addresses": [f"{HUB}/24"],
                                      "neighbors": {self.address(n): self.mac(n) for n in numbers}}},
                "tunnels": {f"gre{n}": {"local": HUB, "remote": self.address(n), **tunnels.get(n, {})} for n in numbers},
                "mroutes": [{"group": group, "from": "any", "to": "all"} for group in self.groups]}

    def start(self):
        # At the switch's end of the hub's cable: packets of the hub do not pass the taps of its own interface.
        # tcpdump's buffer holds as many packets of the length of -s as fit into -B KiB.
        self.tcpdump = start(self.switch.argv("tcpdump", "-U", "--immediate-mode", "-n", "-s", "2048", "-B", "32768", "-i", "hub",
                                              "-w", str(self.capture)), stderr=subprocess.DEVNULL)
        until(self.capture.exists, "tcpdump listens")
        self.hub.start()

    def finish(self):
        """Stop the hub, check its accounts, and return its summary."""
        assert self.hub.stop() == 0, self.hub.text()
        summary = self.hub.summary()
        assert summary["missing"] == 0 and summary["wanted"] == summary["sent"] + summary["lost"], self.hub.text()
        expected = summary["in"] + summary["sent"]
        until(lambda: self.captured() >= expected, f"tcpdump has written all of {expected} packets", every=0.2)
        self.tcpdump.terminate()
        self.tcpdump.wait(10)
        return summary

    def captured(self):
        try:
            return len(capture.read(self.capture))
        except struct.error:
            return 0  # the last one is being written

    def close(self):
        for process in (self.hub.process, self.tcpdump):
            if process and process.poll() is None:
                process.kill()
                process.wait()
        self.hub.kill()
        for namespace in (self.switch, self.namespace, *self.sites):
            namespace.remove()

    # ---- the analysis of the capture by tshark ----

    def tshark(self, *arguments):
        # The tests' own ports carry plain data: no dissector shall interpret random bytes.
        return run("tshark", "-n", "-r", self.capture, "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
                   "-d", f"udp.port=={PORTS},data", *arguments, timeout=120).stdout

    def fields(self, display_filter, *names):
        """The fields of each packet that matches; several values of a field are joined by commas."""
        arguments = [argument for name in names for argument in ("-e", name)]
        lines = self.tshark("-Y", display_filter, "-T", "fields", *arguments).splitlines()
        return [line.split("\t") for line in lines]
