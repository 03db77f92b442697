# SPDX-License-Identifier: BSD-3-Clause
"""VLAN interfaces of a kernel, also where it has none of its own (CONFIG_VLAN_8021Q)."""
import select
import struct
import threading

from lab import Namespace, veth

from .wire import Wire

TAG = 0x8100


class VlanInterface:
    """`interface`.`number` in a namespace, with the interface's MAC address. Where the kernel cannot make one it is a
    veth whose frames get their tag, and lose it, here: the kernel's ARP, routes and sockets see no difference."""

    def __init__(self, namespace, interface, number):
        self.namespace, self.number, self.name = namespace, number, f"{interface}.{number}"
        self._beyond = self._thread = None
        self._wires = []
        link = ("ip", "link", "add", "link", interface, "name", self.name, "type", "vlan", "id", str(number))
        self.mac = namespace.run("cat", f"/sys/class/net/{interface}/address").stdout.strip()
        if namespace.run(*link, check=False).returncode:
            self._stand_in(interface)
        namespace.ip(f"link set dev {self.name} up")

    def _stand_in(self, interface):
        self._beyond = Namespace("vlan")
        veth(self.namespace, self.name, self._beyond, "inside")
        self.namespace.ip(f"link set dev {self.name} address {self.mac}")
        self.namespace.run("ethtool", "-K", self.name, "tx", "off")
        self._wires = [Wire(self.namespace, interface), Wire(self._beyond, "inside")]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self):
        outside, inside = self._wires
        tag = struct.pack("!HH", TAG, self.number)
        while not self._over.is_set():
            select.select(self._wires, [], [], 0.05)
            while (frame := outside.receive()) is not None:
                if frame[12:14] == tag[:2] and (frame[14] & 15) << 8 | frame[15] == self.number:
                    inside.send([frame[:12] + frame[16:]])
            while (frame := inside.receive()) is not None:
                outside.send([frame[:12] + tag + frame[12:]])

    def remove(self):
        if self._thread:
            self._over.set()
            self._thread.join()
        for wire in self._wires:
            wire.close()
        if self._beyond:
            self._beyond.remove()
        self.namespace.run("ip", "link", "del", self.name, check=False)
