# SPDX-License-Identifier: BSD-3-Clause
"""Open vSwitch with its userspace datapath, apart from any that the system runs."""
import os

from .process import run, until


class Switch:
    """A private Open vSwitch in a namespace: all its state is in `directory`, none in the system's."""

    def __init__(self, namespace, directory):
        self.namespace, self.directory = namespace, directory
        self.environment = {**os.environ, **{f"OVS_{name}DIR": str(directory) for name in ("RUN", "LOG", "DB", "SYSCONF")}}
        self.database = f"unix:{directory}/db.sock"

    def run(self, *argv, inside=False, check=True):
        return run(*(self.namespace.argv(*argv) if inside else argv), env=self.environment, check=check).stdout

    def start(self):
        self.run("ovsdb-tool", "create", self.directory / "conf.db", "/usr/share/openvswitch/vswitch.ovsschema")
        self.run("ovsdb-server", "--detach", "--no-chdir", f"--pidfile={self.directory}/server.pid",
                 f"--log-file={self.directory}/server.log", f"--remote=p{self.database}", self.directory / "conf.db",
                 inside=True)
        self.vsctl("--no-wait", "init")
        self.run("ovs-vswitchd", "--detach", "--no-chdir", f"--pidfile={self.directory}/vswitchd.pid",
                 f"--log-file={self.directory}/vswitchd.log", self.database, inside=True)

    def vsctl(self, *argv):
        return self.run("ovs-vsctl", f"--db={self.database}", *argv, inside=True)

    def appctl(self, *argv):
        pid = (self.directory / "vswitchd.pid").read_text().strip()
        return self.run("ovs-appctl", "-t", self.directory / f"ovs-vswitchd.{pid}.ctl", *argv)

    def stop(self):
        """Ask both daemons to end, by the sockets that are theirs."""
        for name, daemon in (("vswitchd", "ovs-vswitchd"), ("server", "ovsdb-server")):
            path = self.directory / f"{name}.pid"
            if not path.exists():
                continue
            pid = path.read_text().strip()
            self.run("ovs-appctl", "-t", self.directory / f"{daemon}.{pid}.ctl", "exit", check=False)
            until(lambda p=pid: not os.path.exists(f"/proc/{p}"), f"{daemon} ends")
