#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Multicast UDP with content that can be checked; runs on the sites.

  mcast.py send    --interface gre1 --group G --count N --rate PPS --size BYTES [--ttl T]
  mcast.py receive --interface gre1 --group G --count N --seconds S

Datagram number N is its number, 8 bytes, then bytes that follow from it. Each side writes a line
`packets distinct wrong` when it has changed, a few times a second at most, and at the end; the receiver writes
`joined` first. It ends when all COUNT arrived, after SECONDS, or by SIGTERM.
"""
import argparse
import random
import signal
import socket
import struct
import time

PORT = 46000  # no protocol of its own, so that a packet analyser shows plain data
LINE_SECONDS = 0.2


def datagram(number, size):
    return struct.pack("!Q", number) + random.Random(number).randbytes(max(0, size - 8))


class Stop:
    """Set by SIGTERM and SIGINT: the loops end and say their last numbers."""

    def __init__(self):
        self.asked = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.ask)

    def ask(self, *_):
        self.asked = True


stop = Stop()


class Report:
    """At most a line in `seconds`."""

    def __init__(self, seconds=LINE_SECONDS):
        self.seconds = seconds
        self.said = None
        self.next = 0.0

    def __call__(self, packets, distinct, wrong, force=False):
        now, line = time.monotonic(), f"{packets} {distinct} {wrong}"
        if line != self.said and (force or now >= self.next):
            print(line, flush=True)
            self.said, self.next = line, now + self.seconds


def udp(options):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    return s, socket.inet_aton(options.group), socket.if_nametoindex(options.interface)


def send(options):
    s, _, index = udp(options)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, options.ttl)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, struct.pack("@4s4si", b"", b"", index))
    # A port that the kernel chooses may be some protocol's: then an analyser finds the content malformed.
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("", PORT))
    # More often than a receiver: a receiver must not appear to have received more than was sent.
    report, start, sent = Report(LINE_SECONDS / 10), time.monotonic(), 0
    while sent < options.count and not stop.asked:
        # The rate is the program's purpose; this is its clock.
        wait = start + sent / options.rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        s.sendto(datagram(sent, options.size), (options.group, PORT))
        sent += 1
        report(sent, sent, 0)
    report(sent, sent, 0, force=True)


def receive(options):
    s, group, index = udp(options)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    s.bind((options.group, PORT))
    s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, struct.pack("@4s4si", group, b"\0" * 4, index))
    s.settimeout(LINE_SECONDS)
    print("joined", flush=True)
    packets, wrong, seen, report = 0, 0, set(), Report()
    deadline = time.monotonic() + options.seconds
    while len(seen) < options.count and time.monotonic() < deadline and not stop.asked:
        try:
            data = s.recv(65536)
        except socket.timeout:
            data = None
        if data is not None:
            packets += 1
            number = struct.unpack("!Q", data[:8])[0] if len(data) >= 8 else -1
            if number < 0 or data != datagram(number, len(data)):
                wrong += 1
            seen.add(number)
        report(packets, len(seen), wrong)
    report(packets, len(seen), wrong, force=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["send", "receive"])
    parser.add_argument("--interface", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--count", type=int, default=1 << 62)
    parser.add_argument("--rate", type=float, default=50.0)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--ttl", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=1e9)
    options = parser.parse_args()
    (send if options.what == "send" else receive)(options)


if __name__ == "__main__":
    main()
