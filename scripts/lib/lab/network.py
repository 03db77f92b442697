# SPDX-License-Identifier: BSD-3-Clause
"""Network namespaces, veth pairs and bridges."""
import contextlib
import itertools
import os
import signal
from pathlib import Path

from .process import LabError, libc, run

CLONE_NEWNET = 0x40000000
PREFIX = "gremc-"
RUN = Path("/run/netns")

_number = itertools.count()


class Namespace:
    """A network namespace gremc-PID-LABEL without IPv6: only what a test sends is on its wires."""

    def __init__(self, label):
        self.name = f"{PREFIX}{os.getpid()}-{label}{next(_number)}"
        run("ip", "netns", "add", self.name)
        self.run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        self.ip("link set lo up")

    def argv(self, *argv):
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, *argv, **options):
        return run(*self.argv(*argv), **options)

    def ip(self, *commands, check=True):
        """Each command is what follows `ip` on a command line; all of them in one process."""
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
    """A wire: a_name in namespace a, b_name in namespace b, both up, without addresses. Checksums are finished
    in software, for no NIC will do it."""
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


def sweep():
    """Remove the namespaces of earlier processes that were killed before they could do it themselves."""
    for path in RUN.glob(PREFIX + "*"):
        owner = path.name[len(PREFIX):].split("-")[0]
        if not owner.isdigit() or Path("/proc", owner).exists():
            continue
        for pid in run("ip", "netns", "pids", path.name, check=False).stdout.split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        run("ip", "netns", "del", path.name, check=False)
