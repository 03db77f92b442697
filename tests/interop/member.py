#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A member of a group as programs are: `member.py INTERFACE GROUP any|include|exclude [SOURCE...]`.

Writes `joined`, then a line `SOURCE=PACKETS ...` whenever that has changed. SIGTERM ends it: the kernel leaves.
"""
import collections
import signal
import socket
import struct
import sys

PORT = 46000
ADD_SOURCE, BLOCK_SOURCE, ADD = 39, 38, 35  # IP_ADD_SOURCE_MEMBERSHIP, IP_BLOCK_SOURCE, IP_ADD_MEMBERSHIP


def main():
    interface, group, mode, *sources = sys.argv[1:]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    s.bind((group, PORT))
    own = socket.inet_aton(address_of(s, interface))
    if mode != "include":
        s.setsockopt(socket.IPPROTO_IP, ADD,
                     struct.pack("@4s4si", socket.inet_aton(group), bytes(4), socket.if_nametoindex(interface)))
    for source in sources:
        s.setsockopt(socket.IPPROTO_IP, ADD_SOURCE if mode == "include" else BLOCK_SOURCE,
                     struct.pack("@4s4s4s", socket.inet_aton(group), own, socket.inet_aton(source)))
    print("joined", flush=True)
    counts, said = collections.Counter(), ""
    s.settimeout(0.05)
    while True:
        try:
            _, (source, _) = s.recvfrom(65536)
            counts[source] += 1
            continue
        except socket.timeout:
            pass
        line = " ".join(f"{source}={counts[source]}" for source in sorted(counts))
        if line != said:
            print(line, flush=True)
            said = line


def address_of(s, interface):
    """SIOCGIFADDR: source memberships name their interface by its address."""
    import fcntl
    request = struct.pack("@16s16x", interface.encode())
    return socket.inet_ntoa(fcntl.ioctl(s, 0x8915, request + bytes(8))[20:24])


if __name__ == "__main__":
    main()
