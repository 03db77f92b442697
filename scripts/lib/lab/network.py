# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces, veth pairs and bridges."""
import contextlib
import itertools
import os
from pathlib import Path

from . import owner
from .process import LabError, libc, run
from .telemetry import runtime_directory

CLONE_NEWNET = 0x40000000
RUN = Path("/run/netns")

_number = itertools.count()


class Namespace:
    """A network namespace gremc-PID-START-LABEL without IPv6: its wires carry only the packets of a test."""

    def __init__(self, label):
        self.name = owner.label(f"{label}{next(_number)}")
        run("ip", "netns", "add", self.name)
        self.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        self.ip("link set lo up")

    def argv(self, *argv):
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, *argv, **options):
        return run(*self.argv(*argv), **options)

    def ip(self, *commands, check=True):
        """Each command is the rest of a command line after `ip`; all of them run in one process."""
        for command in commands:
            run("ip", "-n", self.name, *command.split(), check=check)

    @contextlib.contextmanager
    def inside(self):
        """The calling thread is in the namespace: sockets opened now belong to it."""
        here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(RUN / self.name, os.O_RDONLY)
        try:
            if libc.setns(there, CLONE_NEWNET):
                raise LabError(f"cannot enter the namespace {self.name}")
            try:
                yield self
            finally:
                libc.setns(here, CLONE_NEWNET)
        finally:
            os.close(here)
            os.close(there)

    def counter(self, interface, name):
        """A counter of an interface, as /sys/class/net/INTERFACE/statistics has it."""
        out = self.run("cat", f"/sys/class/net/{interface}/statistics/{name}").stdout
        return int(out)

    def remove(self):
        run("ip", "netns", "del", self.name, check=False)


def veth(a, a_name, b, b_name, mtu=None):
    """A wire: a_name in namespace a, b_name in namespace b, both up, without addresses. Checksums are computed
    in software, because no NIC does it."""
    a.ip(f"link add {a_name} type veth peer name {b_name} netns {b.name}")
    for ns, name in ((a, a_name), (b, b_name)):
        if mtu:
            ns.ip(f"link set dev {name} mtu {mtu}")
        ns.run("ethtool", "-K", name, "tx", "off")
        ns.ip(f"link set dev {name} up")


def bridge(ns, name, *members):
    """A learning bridge without spanning tree (which would block for 30 s) or multicast snooping."""
    ns.ip(f"link add name {name} type bridge stp_state 0 mcast_snooping 0", f"link set dev {name} up")
    for member in members:
        ns.ip(f"link set dev {member} master {name}")


def _is_in(pid, namespace):
    """Is a process in a network namespace?"""
    with contextlib.suppress(OSError):
        return os.path.samestat(os.stat(f"/proc/{pid}/ns/net"), os.stat(RUN / namespace))
    return False


def sweep():
    """Remove the remains of earlier processes that were killed: their processes, daemons included,
    network namespaces (TAP and TUN devices go with them), DPDK's runtime folders and temporary files."""
    owner.sweep_processes()
    for path in RUN.glob(owner.PREFIX + "*"):
        if not owner.is_orphan(path.name):
            continue
        for pid in run("ip", "netns", "pids", path.name, check=False).stdout.split():
            owner.kill(int(pid), lambda p=pid, n=path.name: _is_in(p, n))
        run("ip", "netns", "del", path.name, check=False)
    owner.sweep_folders({runtime_directory(), *owner.temporary_roots()})
