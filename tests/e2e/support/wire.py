# SPDX-License-Identifier: BSD-3-Clause
"""The test's end of a wire: raw frames out and in."""
import select
import socket
import struct
import time

from lab import PATIENCE

SOL_PACKET = 263
SO_RCVBUFFORCE = 33
SO_SNDBUFFORCE = 32
PACKET_AUXDATA = 8
PACKET_IGNORE_OUTGOING = 23
ETH_P_ALL = 3
TP_STATUS_VLAN_VALID = 1 << 4
RECEIVE_BUFFER = 1 << 29


class Wire:
    """A packet socket on an interface. Frames that it sends itself are not seen again."""

    def __init__(self, namespace, interface):
        with namespace.inside():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
            self._socket.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 24)
            self._socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
            # The kernel removes a VLAN tag from the frame and reports it as ancillary data.
            self._socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            self._socket.bind((interface, ETH_P_ALL))
        self._socket.setblocking(False)

    def close(self):
        self._socket.close()

    def fileno(self):
        return self._socket.fileno()

    def send(self, frames):
        for frame in frames:
            while True:
                try:
                    self._socket.send(frame)
                    break
                except (BlockingIOError, OSError) as error:
                    if not isinstance(error, BlockingIOError) and error.errno != 105:  # ENOBUFS
                        raise
                    select.select([], [self._socket], [], 1.0)

    def receive(self):
        """One frame, or None when there is none yet."""
        try:
            frame, extra, _, _ = self._socket.recvmsg(65536, 64)
        except BlockingIOError:
            return None
        for level, kind, data in extra:
            if level == SOL_PACKET and kind == PACKET_AUXDATA:
                status, _, _, _, _, tci, tpid = struct.unpack("@IIIHHHH", data[:20])
                if status & TP_STATUS_VLAN_VALID:
                    frame = frame[:12] + struct.pack("!HH", tpid or 0x8100, tci) + frame[12:]
        return frame

    def collect_matching(self, match, count, seconds=PATIENCE):
        """The frames that match: `count` of them, or fewer when the time is over; others are left out."""
        found, deadline = [], time.monotonic() + seconds
        while len(found) < count and (left := deadline - time.monotonic()) > 0:
            found += [frame for frame in self.collect(1, left) if match(frame)]
        return found

    def collect(self, count=1 << 62, seconds=PATIENCE):
        """Return `count` frames, or those that arrived in time; with seconds=0 those that are there now."""
        frames, deadline = [], time.monotonic() + seconds
        while len(frames) < count:
            frame = self.receive()
            if frame is not None:
                frames.append(frame)
                continue
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._socket], [], [], left)[0]:
                break
        return frames
