# SPDX-License-Identifier: BSD-3-Clause
"""`trace`: the last dropped packets, decoded in one line each or written as pcapng."""
import socket
import struct

from . import tables

PROTOCOLS = {1: "ICMP", 2: "IGMP", 6: "TCP", 17: "UDP", 47: "GRE", 50: "ESP", 89: "OSPF", 103: "PIM"}
ETHERNET, IP = 1, 101  # link types of pcapng


class Sample:
    """One entry of /gremc/trace."""

    def __init__(self, entry, now):
        self.entry = entry
        self.time = now - entry["age_us"] / 1e6  # seconds since 1970
        parts = sorted((int(key[len("bytes_"):]), text) for key, text in entry.items() if key.startswith("bytes_"))
        self.bytes = bytes.fromhex("".join(text for _, text in parts))
        self.link = ETHERNET if entry["begins_with"] == "ethernet" else IP


def samples(client, name, now):
    """All samples, the newest first; name None: of all interfaces. A query error is in `error` of the second result."""
    found, offset = {}, 0
    while True:
        page = client.query(f"/gremc/trace,{offset}" + (f",{name}" if name else ""))
        if "error" in page:
            return [], page
        for entry in page["list"].values():
            # packets dropped meanwhile move older ones to the next page, too
            found.setdefault((entry["worker"], entry["number"]), Sample(entry, now()))
        offset = page["next"]
        if not offset:
            return sorted(found.values(), key=lambda sample: -sample.time), page


# ---- one line ----

def ports_text(protocol, data):
    if protocol not in (6, 17) or len(data) < 4:
        return ""
    return " {} > {}".format(*struct.unpack_from("!HH", data))


def gre_text(data):
    """A GRE header (RFC 2784, 2890) and the packet in it."""
    if len(data) < 4:
        return ", cut"
    flags, protocol = struct.unpack_from("!HH", data)
    at, text = 4, ""
    for bit, name in ((0x8000, "checksum"), (0x2000, "key"), (0x1000, "sequence")):
        if not flags & bit:
            continue
        if len(data) < at + 4:
            return text + ", cut"
        value, = struct.unpack_from("!I", data, at)
        text += f" {name} {value >> 16:#06x}" if name == "checksum" else f" {name} {value}"
        at += 4
    if flags & 7:
        return f"{text} version {flags & 7}"
    return text + (": " + ip_text(data[at:]) if protocol == 0x0800 else f" protocol {protocol:#06x}")


def ip_text(data):
    if len(data) < 20 or data[0] >> 4 != 4 or data[0] & 15 < 5:
        return f"no IPv4 header ({data[:4].hex() or 'no bytes'})"
    header, protocol = 4 * (data[0] & 15), data[9]
    text = f"{socket.inet_ntoa(data[12:16])} > {socket.inet_ntoa(data[16:20])} {PROTOCOLS.get(protocol, f'protocol {protocol}')}"
    fragment, = struct.unpack_from("!H", data, 6)
    if fragment & 0x1fff:
        return f"{text} fragment at {8 * (fragment & 0x1fff)}"
    if protocol == 47:
        return text + gre_text(data[header:])
    return f"{text}{ports_text(protocol, data[header:])}, TTL {data[8]}"


def packet_text(sample):
    data = sample.bytes
    if sample.link == IP:
        return ip_text(data)
    if len(data) < 14:
        return "no Ethernet header"
    kind, at, text = struct.unpack_from("!H", data, 12)[0], 14, ""
    if kind == 0x8100 and len(data) >= 18:
        tag, kind = struct.unpack_from("!HH", data, 14)
        at, text = 18, f"VLAN {tag & 0xfff} "
    return text + (ip_text(data[at:]) if kind == 0x0800 else f"Ethernet type {kind:#06x}")


def lines(found, now, columns):
    if not found:
        return ["nothing was dropped"]
    rows = [(f"{now - sample.time:.3f}s", sample.entry["kind"], sample.entry["reason"], sample.entry["name"] or "-",
             sample.entry["length"], packet_text(sample)) for sample in found]
    return tables.table(["AGO", "KIND", "REASON", "INTERFACE", "LENGTH", "PACKET"], rows, columns)


# ---- pcapng ----

def block(kind, body):
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def option(code, text):
    data = text.encode()
    return struct.pack("<HH", code, len(data)) + data + bytes(-len(data) % 4)


def pcapng(found, reasons):
    """The bytes of a file with one interface for each kind of sample; each packet has its reason as comment.
    reasons: the answer of /gremc/reasons."""
    interfaces = {("drop", ETHERNET): 0, ("drop", IP): 1, ("loss", ETHERNET): 2, ("loss", IP): 3}
    out = [block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1) + option(4, "gremcctl trace") + bytes(4))]
    for kind, link in interfaces:
        out.append(block(1, struct.pack("<HHI", link, 0, 0) + option(2, kind) + bytes(4)))
    for sample in reversed(found):  # the oldest first
        entry, time = sample.entry, int(sample.time * 1e6)
        meaning = reasons["drops" if entry["kind"] == "drop" else "losses"].get(entry["reason"], "")
        comment = f"{entry['kind']} {entry['reason']} {entry['name'] or 'no interface'}: {meaning}"
        body = struct.pack("<IIIII", interfaces[entry["kind"], sample.link], time >> 32, time & 0xffffffff,
                           len(sample.bytes), max(entry["length"], len(sample.bytes)))
        out.append(block(6, body + sample.bytes + bytes(-len(sample.bytes) % 4) + option(1, comment) + bytes(4)))
    return b"".join(out)
