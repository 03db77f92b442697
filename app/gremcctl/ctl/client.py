# SPDX-License-Identifier: BSD-3-Clause
"""A client of DPDK's telemetry socket: one connection, one reply for each command."""
import json
import os
import socket
import struct


class Unreachable(Exception):
    """No program answers at the socket."""


def runtime_directory():
    """DPDK's: it holds a directory for each --file-prefix."""
    base = os.environ.get("RUNTIME_DIRECTORY")
    if not base:
        base = "/var/run" if os.getuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "/tmp")
    return os.path.join(base, "dpdk")


def socket_path(file_prefix):
    return os.path.join(runtime_directory(), file_prefix, "dpdk_telemetry.v2")


def running():
    """The file prefixes of the programs that answer now."""
    found = []
    try:
        prefixes = sorted(os.listdir(runtime_directory()))
    except OSError:
        return found
    for prefix in prefixes:
        try:
            Client(socket_path(prefix)).close()
        except Unreachable:
            continue
        found.append(prefix)
    return found


class Client:
    """One connection. Closed by close() or at the end of a `with`."""

    def __init__(self, path, timeout=10.0):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # A blocking connect() waits while the queue of connections is full; with settimeout() it fails at once.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(timeout), 0))
        try:
            self._socket.connect(str(path))
            self._socket.settimeout(timeout)
            # DPDK greets with its version, process and the size of its longest reply.
            self.hello = json.loads(self._socket.recv(1024))
        except (OSError, ValueError) as error:
            self._socket.close()
            reason = getattr(error, "strerror", None) or error
            raise Unreachable(f"no telemetry at {path}: {reason}") from error

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()

    def raw(self, command):
        """The whole reply, {COMMAND: ANSWER}, as text."""
        self._socket.sendall(command.encode())
        return self._socket.recv(self.hello["max_output_len"]).decode()

    def query(self, command):
        """The answer as an object; None if DPDK has no such command."""
        return json.loads(self.raw(command))[command.split(",")[0]]

    def pages(self, command):
        """All entries of a paged list, by their numbers."""
        page = self.query(command)
        entries = dict(page["list"])
        while page["next"]:
            page = self.query(f"{command},{page['next']}")
            entries.update(page["list"])
        return entries
