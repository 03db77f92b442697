# SPDX-License-Identifier: BSD-3-Clause
"""Events and faults of devices, which a test raises by devices.c, a plugin of the EAL."""
import shutil
import socket
import tempfile
from pathlib import Path

from lab import run


class Devices:
    """options() are those of a Forwarder; reset(), remove() and link() raise the events of a device; after stall() it takes
    nothing to send, after slow() little."""

    def __init__(self):
        # the EAL loads no plugin from a world-writable directory, such as /tmp
        self._directory = Path(tempfile.mkdtemp(prefix="gremc-devices-", dir="/run"))
        self._plugin, self._socket = self._directory / "devices.so", self._directory / "socket"
        flags = run("pkg-config", "--cflags", "libdpdk").stdout.split()
        run("gcc", "-O2", "-Wall", "-shared", "-fPIC", *flags, "-o", self._plugin, Path(__file__).with_suffix(".c"))

    def options(self):
        return {"eal": ("-d", str(self._plugin)), "environment": {"GREMC_TEST_DEVICES": str(self._socket)}}

    def _raise(self, event, device):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
            out.sendto(f"{event} {device}".encode(), str(self._socket))

    def link(self, device):
        self._raise("link", device)

    def reset(self, device):
        self._raise("reset", device)

    def remove(self, device):
        self._raise("remove", device)

    def stall(self, device):
        self._raise("stall", device)

    def slow(self, device):
        self._raise("slow", device)

    def close(self):
        shutil.rmtree(self._directory, ignore_errors=True)
