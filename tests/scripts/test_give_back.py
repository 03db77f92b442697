# SPDX-License-Identifier: BSD-3-Clause
"""scripts/give-back: wrong arguments change nothing, and a step that fails is undone."""
import contextlib
import itertools
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from lab import Namespace, LabError, run, until

IFACE, ASIDE = "nic7", "nic7_k"
SAVED = Path("/run/dpdk-gremc-give-back")
LEFT_BY_TAKEOVER = (f"link add {ASIDE} type veth peer name other", "link set other up", f"addr add 198.51.100.77/32 dev {ASIDE}",
                    f"tuntap add dev {IFACE} mode tap", f"addr add 198.51.100.1/24 brd 198.51.100.255 dev {IFACE}",
                    f"addr add 10.7.0.1 peer 10.7.0.2 dev {IFACE}", f"link set {IFACE} up",
                    f"route add default via 198.51.100.254 dev {IFACE}", f"route add 203.0.113.0/25 dev {IFACE} metric 9")

# `ip` in the place of the real one: its call number N fails.
FAILING_IP = """#!/bin/bash
exec 9>>{counter}
flock 9
echo "$*" >&9
[ "$(wc -l <{counter})" != {fails} ] || {{ echo "no, says this test" >&2; exit 9; }}
exec 9>&-
exec {real} "$@"
"""

# A PCI bus with one device. Its drivers are plain files, so no driver binds the device.
BUS = """mount -t tmpfs none /sys/bus && mkdir -p /sys/bus/pci/devices/0000:07:00.0 /sys/bus/pci/drivers/{driver} || exit 99
cd /sys/bus/pci; : >drivers_probe; echo "(null)" >devices/0000:07:00.0/driver_override
exec "$0" "$@"
"""


@pytest.fixture
def server(laboratory):
    namespace = Namespace("server")
    namespace.ip(*LEFT_BY_TAKEOVER)
    yield namespace
    for path in SAVED.glob(f"{IFACE}.{os.stat('/run/netns/' + namespace.name).st_ino}*"):
        path.unlink()
    namespace.remove()


def state(namespace):
    """Interfaces, addresses and routes, as text without numbers that change."""
    links = {line.split(": ")[1].split("@")[0]: "UP" in line.split("<")[1].split(">")[0].split(",")
             for line in namespace.run("ip", "-o", "link").stdout.splitlines()}
    # the kernel labels an address by the name that its interface has when it is renamed: nic7:2
    addresses = sorted(re.sub(r":\d+$", "", " ".join(line.split()[1:]).split("\\")[0].strip())
                       for line in namespace.run("ip", "-4", "-o", "addr").stdout.splitlines())
    routes = sorted(line.replace(" linkdown", "").strip() for line in namespace.run("ip", "route").stdout.splitlines())
    return links, addresses, routes


def is_tap(namespace, name):
    return " tun type tap" in namespace.run("ip", "-d", "link", "show", "dev", name, check=False).stdout


def gave_back(namespace, before):
    links, addresses, routes = state(namespace)
    assert not is_tap(namespace, IFACE) and set(links) == {"lo", IFACE, "other"} and links[IFACE]
    wanted = [a for a in before[1] if f" {ASIDE}" not in a and not a.startswith(ASIDE)]
    assert set(wanted) <= set(addresses) and routes == before[2]


@pytest.mark.parametrize("arguments, says", [
    (["0000:ff:1f.7=ixgbe"], "there is no PCI device 0000:ff:1f.7"),
    (["ixgbe=0000:01:00.0"], "is not PCI=DRIVER"),
    (["0000:01:00.0"], "is not PCI=DRIVER"),
    (["0000:01:00.0=../x"], "is not PCI=DRIVER"),
])
def test_wrong_arguments_change_nothing(server, top, arguments, says):
    before = state(server)
    done = server.run(top / "scripts/give-back", IFACE, *arguments, check=False)
    assert done.returncode == 1 and says in done.stderr
    assert state(server) == before and is_tap(server, IFACE)
    server.run(top / "scripts/give-back", IFACE)
    gave_back(server, before)


@pytest.mark.parametrize("name", ["a/b", "..", "sixteen_letters_", "two words", " "])
def test_impossible_interface_names_are_refused(server, top, name):
    before = state(server)
    done = server.run(top / "scripts/give-back", name, check=False)
    assert done.returncode == 1 and "cannot be the name of an interface" in done.stderr
    assert state(server) == before


def on_a_bus(namespace, top, driver, *arguments):
    done = namespace.run("unshare", "--mount", "sh", "-c", BUS.format(driver=driver), top / "scripts/give-back", *arguments, check=False)
    assert done.returncode != 99, done.stderr
    return done


def test_missing_driver_is_refused(server, top):
    before = state(server)
    done = on_a_bus(server, top, "igc", IFACE, "0000:07:00.0=igcc")
    assert done.returncode == 1 and "the kernel has no driver igcc" in done.stderr
    assert state(server) == before


def test_driver_that_does_not_bind_is_undone(server, top):
    before = state(server)
    done = on_a_bus(server, top, "igc", IFACE, "07:00.0=igc")
    assert done.returncode == 1 and "the driver igc does not take it" in done.stderr and "is as it was" in done.stderr
    assert state(server) == before and is_tap(server, IFACE)


def test_one_device_twice_is_refused(server, top):
    before = state(server)
    done = on_a_bus(server, top, "igc", IFACE, "0000:07:00.0=igc", "07:00.0=igc")
    assert done.returncode == 1 and "named twice" in done.stderr
    assert state(server) == before


def test_device_without_a_driver_is_refused(server, top):
    server.ip(f"link del {ASIDE}")
    before = state(server)
    done = server.run(top / "scripts/give-back", IFACE, check=False)
    assert done.returncode == 1 and "nothing would take the place" in done.stderr
    assert state(server) == before


class FailingIp:
    """Runs give-back with an `ip` whose call number `fails` fails."""

    def __init__(self, directory, namespace, top):
        self.namespace, self.script = namespace, top / "scripts/give-back"
        self.place = Path(os.path.realpath("/usr/sbin/ip"))
        self.real, self.wrapper, self.counter = directory / "real-ip", directory / "ip", directory / "calls"
        self.real.write_bytes(self.place.read_bytes())
        self.real.chmod(0o755)

    def calls(self):
        return self.counter.read_text().splitlines()

    def run(self, fails):
        self.counter.write_text("")
        self.wrapper.write_text(FAILING_IP.format(counter=self.counter, fails=fails, real=self.real))
        self.wrapper.chmod(0o755)
        return self.namespace.run("unshare", "--mount", "sh", "-c", 'mount --bind "$1" "$2" && exec "$0" "$3"', self.script,
                                  self.wrapper, self.place, IFACE, check=False)


def test_each_step_that_fails_is_undone(server, top, tmp_path):
    """Each call of ip fails in turn: the TAP is as it was, or (a question that does not matter) all is done."""
    failing = FailingIp(tmp_path, server, top)
    before, undone = state(server), 0
    for number in itertools.count(1):
        done = failing.run(number)
        calls = failing.calls()
        if number > len(calls):
            break
        failed = (number, calls[number - 1], done.stdout, done.stderr)
        if done.returncode == 0:
            # a route by a gateway fails at first, when its turn comes before that of the route to the gateway
            assert "link set" not in failed[1] and "link del" not in failed[1] and "flush" not in failed[1], failed
            gave_back(server, before)
            server.ip(f"link del {IFACE}", *LEFT_BY_TAKEOVER)
            assert state(server) == before
            continue
        assert done.returncode == 1, failed
        assert state(server) == before and is_tap(server, IFACE), failed
        if any(word in failed[1] for word in ("link set", "link del", "flush")):
            assert "no, says this test" in done.stderr, failed
        undone += "is as it was" in done.stderr
    assert done.returncode == 0 and undone >= 7, undone
    gave_back(server, before)


def test_killed_run_is_repeated(server, top, tmp_path):
    """kill -9 while it waits for the driver's interface: the same call completes the work later."""
    server.ip(f"link set {ASIDE} name later")
    before = state(server)
    with contextlib.ExitStack() as stack:
        process = subprocess.Popen(server.argv("unshare", "--mount", "sh", "-c", "mount -t tmpfs none /sys/bus && "
                                               "mkdir -p /sys/bus/pci/devices/0000:07:00.0 /sys/bus/pci/drivers/igc && "
                                               "ln -s ../../drivers/igc /sys/bus/pci/devices/0000:07:00.0/driver && "
                                               ": >/sys/bus/pci/devices/0000:07:00.0/driver_override && exec \"$0\" \"$@\"",
                                               str(top / "scripts/give-back"), IFACE, "0000:07:00.0=igc"),
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
        stack.callback(process.wait)
        stack.callback(process.kill)
        until(lambda: is_tap(server, f"{IFACE}_t") and not server.run("ip", "-4", "-o", "addr", "show", "dev", f"{IFACE}_t").stdout
              or process.poll() is not None, "the TAP is parked")
        os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, process.stdout.read()
    server.ip(f"link set later name {ASIDE}")
    server.run(top / "scripts/give-back", IFACE)
    links, addresses, routes = state(server)
    assert links[IFACE] and not is_tap(server, IFACE) and routes == before[2]
    assert any("198.51.100.1/24" in address for address in addresses)
    with pytest.raises(LabError, match="the kernel's own already"):
        run(*server.argv(top / "scripts/give-back", IFACE))
