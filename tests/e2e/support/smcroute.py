# SPDX-License-Identifier: BSD-3-Clause
"""smcroute: a daemon that sets the kernel's multicast routes by command."""
import shutil
import subprocess

import pytest
from lab import run, start, until


class Smcroute:
    """smcrouted in a namespace. vifs: the kernel's interfaces; thresholds: the TTL thresholds of some."""

    def __init__(self, namespace, directory, vifs, thresholds=()):
        if not shutil.which("smcrouted"):
            pytest.skip("smcroute is not installed (package smcroute)")
        self.namespace, self.socket = namespace, directory / "smc.sock"
        configuration = directory / "smc.conf"
        configuration.write_text("".join(f"phyint {vif} enable ttl-threshold {dict(thresholds).get(vif, 1)}\n" for vif in vifs))
        self.process = start(namespace.argv("smcrouted", "-n", "-N", "-f", str(configuration), "-P", str(directory / "smc.pid"),
                                            "-u", str(self.socket)), stderr=subprocess.DEVNULL)
        until(lambda: run("smcroutectl", "-u", self.socket, "show", "interfaces", check=False).returncode == 0, "smcroute answers")

    def __call__(self, command):
        run("smcroutectl", "-u", self.socket, *command.split())

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
