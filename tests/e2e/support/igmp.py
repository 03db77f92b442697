# SPDX-License-Identifier: BSD-3-Clause
"""IGMP messages of hosts and routers, and the expected messages to them."""
import struct

from . import packets

ALERT = b"\x94\x04\0\0"
IS_IN, IS_EX, TO_IN, TO_EX, ALLOW, BLOCK = range(1, 7)


def message(kind, code, rest):
    data = struct.pack("!BBH", kind, code, 0) + rest
    return data[:2] + struct.pack("!H", packets.checksum(data)) + data[4:]


def packet(source, destination, data, **ip):
    return packets.ipv4(source, destination, 2, data, **{"ttl": 1, "tos": 0xc0, "options": ALERT, **ip})


def record(kind, group, *sources):
    return struct.pack("!BBH4s", kind, 0, len(sources), packets.address(group)) + \
        b"".join(map(packets.address, sources))


def report(source, *records, **ip):
    """Version 3."""
    return packet(source, "224.0.0.22", message(0x22, 0, struct.pack("!HH", 0, len(records)) + b"".join(records)), **ip)


def join(source, group, *sources, **ip):
    """The first report of a host of version 3: any source, or these."""
    return report(source, record(ALLOW, group, *sources) if sources else record(TO_EX, group), **ip)


def leave(source, group, *sources, **ip):
    return report(source, record(BLOCK, group, *sources) if sources else record(TO_IN, group), **ip)


def v2_report(source, group, **ip):
    return packet(source, group, message(0x16, 0, packets.address(group)), **ip)


def v1_report(source, group, **ip):
    return packet(source, group, message(0x12, 0, packets.address(group)), **ip)


def v2_leave(source, group, **ip):
    return packet(source, "224.0.0.2", message(0x17, 0, packets.address(group)), **ip)


def query(source, group="0.0.0.0", code=100, qrv=2, qqic=125, sources=(), **ip):
    rest = packets.address(group) + struct.pack("!BBH", qrv, qqic, len(sources)) + b"".join(map(packets.address, sources))
    return packet(source, "224.0.0.1" if group == "0.0.0.0" else group, message(0x11, code, rest), **ip)


class Query:
    """A query (or any IGMP message) as it came out of a tunnel, verified."""

    def __init__(self, frame):
        ip = frame[38:]  # Ethernet, IPv4, GRE without a key
        words = ip[0] & 15
        self.source, self.destination = (".".join(map(str, ip[n:n + 4])) for n in (12, 16))
        self.ttl, self.tos, self.options = ip[8], ip[1], ip[20:words * 4]
        length = struct.unpack("!H", ip[2:4])[0]
        data = ip[words * 4:length]
        assert packets.checksum(ip[:words * 4]) == 0 and packets.checksum(data) == 0
        self.kind, self.code = data[0], data[1]
        self.group = ".".join(map(str, data[4:8]))
        self.data = data


def queries(frames):
    """{outer destination: [Query]} of the frames that hold IGMP."""
    found = {}
    for frame in frames:
        if frame[23] == packets.GRE and frame[38 + 9] == 2:
            found.setdefault(".".join(map(str, frame[30:34])), []).append(Query(frame))
    return found
