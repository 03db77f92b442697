# SPDX-License-Identifier: BSD-3-Clause
"""Capture files (pcap), as DPDK's net_pcap reads and writes them."""
import struct

MAGIC, NANO_MAGIC = 0xa1b2c3d4, 0xa1b23c4d


def write(path, frames):
    with open(path, "wb") as out:
        out.write(struct.pack("=IHHiIII", MAGIC, 2, 4, 0, 0, 262144, 1))
        for n, frame in enumerate(frames):
            out.write(struct.pack("=IIII", n, 0, len(frame), len(frame)) + frame)


def read(path):
    data = path.read_bytes()
    assert struct.unpack_from("=I", data)[0] in (MAGIC, NANO_MAGIC)
    frames, at = [], 24
    while at < len(data):
        captured, original = struct.unpack_from("=II", data, at + 8)
        assert captured == original
        frames.append(data[at + 16:at + 16 + captured])
        at += 16 + captured
    return frames
