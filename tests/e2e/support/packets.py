# SPDX-License-Identifier: BSD-3-Clause
"""Packets as bytes, built field by field so that any of them can be wrong."""
import socket
import struct

GRE = 47
UDP = 17


def checksum(data):
    """RFC 1071, of bytes of any length."""
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def address(text):
    return socket.inet_aton(text)


def ipv4(source, destination, protocol, payload=b"", ttl=64, tos=0, ident=1, fragment=0, options=b"", version=4,
         ihl=None, length=None, sum_=None):
    """An IPv4 packet. fragment is the whole 16-bit field: 0x4000 is DF, 0x2000 MF. ihl (words), length and sum_ are
    right unless given."""
    assert len(options) % 4 == 0
    words = 5 + len(options) // 4
    header = struct.pack("!BBHHHBBH4s4s", version << 4 | (words if ihl is None else ihl), tos,
                         words * 4 + len(payload) if length is None else length, ident, fragment, ttl, protocol, 0,
                         address(source), address(destination)) + options
    value = checksum(header) if sum_ is None else sum_
    return header[:10] + struct.pack("!H", value) + header[12:] + payload


def udp(source, destination, payload, sport=1000, dport=5000):
    length = 8 + len(payload)
    header = struct.pack("!HHH", sport, dport, length)
    pseudo = address(source) + address(destination) + struct.pack("!BBH", 0, UDP, length)
    value = checksum(pseudo + header + b"\0\0" + payload) or 0xffff
    return header + struct.pack("!H", value) + payload


def multicast(source, group, payload=b"", **ip):
    """A whole inner packet: IPv4 and UDP."""
    return ipv4(source, group, UDP, udp(source, group, payload), **ip)


def sample_bytes(entry):
    """The first bytes of a dropped packet, from an entry of /gremc/trace."""
    parts = sorted((int(key.split("_")[1]), value) for key, value in entry.items() if key.startswith("bytes_"))
    return bytes.fromhex("".join(value for _, value in parts))


def gre(payload, key=None, sequence=None, with_checksum=False, flags=0, protocol=0x0800):
    """A GRE header before a payload; `flags` is or-ed into the first word."""
    word = flags | (0x8000 if with_checksum else 0) | (0x2000 if key is not None else 0) | \
        (0x1000 if sequence is not None else 0)
    fields = (struct.pack("!I", key) if key is not None else b"") + \
        (struct.pack("!I", sequence) if sequence is not None else b"")
    start = struct.pack("!HH", word, protocol)
    if not with_checksum:
        return start + fields + payload
    return start + struct.pack("!HH", checksum(start + b"\0\0\0\0" + fields + payload), 0) + fields + payload


def gre_in_udp(source, destination, payload, port=4754, sport=50000, with_checksum=True):
    """The UDP header of RFC 8086 before a GRE packet between two outer addresses."""
    whole = udp(source, destination, payload, sport, port)
    return whole if with_checksum else whole[:6] + b"\0\0" + whole[8:]


def ether(destination, source, payload, ethertype=0x0800, vlan=None, pad=60):
    tag = b"" if vlan is None else struct.pack("!HH", 0x8100, vlan)
    frame = mac(destination) + mac(source) + tag + struct.pack("!H", ethertype) + payload
    return frame.ljust(pad, b"\0")


def forwarded(inner):
    """The inner packet after a router: TTL - 1, and the checksum that belongs to it."""
    length = (inner[0] & 15) * 4
    header = bytearray(inner[:length])
    header[8] -= 1
    header[10:12] = b"\0\0"
    header[10:12] = struct.pack("!H", checksum(bytes(header)))
    return bytes(header) + inner[length:]


def payload_of(number, size):
    """A payload that differs between packets and shows a shift."""
    return bytes((number * 31 + i * 7 + (i >> 8)) & 0xff for i in range(size))
