# SPDX-License-Identifier: BSD-3-Clause
"""A cable between two wires that a test can cut: af_packet devices do not see a link go down, as a NIC does not when a
switch between fails."""
import select
import threading

LACP = b"\x01\x80\xc2\x00\x00\x02"


class Cable:
    """Carries frames both ways, in a thread, until closed. `carried` counts them without LACP."""

    def __init__(self, a, b):
        self._ends = (a, b)
        self._cut = threading.Event()
        self._closed = threading.Event()
        self.carried = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._closed.is_set():
            ready, _, _ = select.select(self._ends, [], [], 0.05)
            for end in ready:
                other = self._ends[end is self._ends[0]]
                for frame in end.collect(64, seconds=0):
                    if not self._cut.is_set():
                        other.send([frame])
                        self.carried += frame[:6] != LACP

    def cut(self):
        self._cut.set()

    def mend(self):
        self._cut.clear()

    def close(self):
        self._closed.set()
        self._thread.join()
