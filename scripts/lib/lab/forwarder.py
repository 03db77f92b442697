# SPDX-License-Identifier: BSD-3-Clause
"""The forwarder as a process: started in a namespace, reloaded, asked, stopped and held to its accounts."""
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

from . import owner
from .process import PATIENCE, LabError, Lines, lcores, start
from .telemetry import Telemetry, socket_path

_number = itertools.count()


def write_config(path, config):
    """Write a configuration: a text as it is; a dict as JSON, which is YAML, too, and quick to write and parse."""
    text = config if isinstance(config, str) else json.dumps(config, indent=1)
    # A reload must never see half a file.
    temporary = Path(str(path) + ".new")
    temporary.write_text(text)
    temporary.replace(path)


class Forwarder:
    """One dpdk-gremc. `namespace` is where its af_packet devices find their interfaces; `vdevs` are EAL devices;
    `cpus` are the EAL arguments that choose lcores (two of them unless told otherwise), `wrapper` a command to run
    it by."""

    def __init__(self, binary, config, namespace, vdevs, cpus=None, options=(), eal=(), memory=512,
                 environment=None, wrapper=()):
        self.config = Path(config)
        self.prefix = owner.label(next(_number))
        self.argv = [*(namespace.argv() if namespace else []), *wrapper, str(binary), *(cpus or lcores(2)), "--no-huge", "-m", str(memory),
                     "--no-pci", f"--file-prefix={self.prefix}"]
        for vdev in vdevs:
            self.argv += ["--vdev", vdev]
        self.argv += [*eal, "--", "--config", str(config), *options]
        self.environment = environment
        self.process = self.out = self.err = None

    # ---- its life ----

    def start(self, seconds=PATIENCE):
        """Start it and wait until it forwards."""
        self.launch()
        if not self.out.wait(r"^gremc: ready", seconds):
            status = self.process.poll()
            what = f"ended with status {status}" if status is not None else f"is not ready after {seconds:g} s"
            self.kill()
            raise LabError(f"dpdk-gremc {what}:\n{self.text()}")
        return self

    def launch(self):
        self.process = start(self.argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             errors="replace", env={**os.environ, **(self.environment or {})})
        self.out, self.err = Lines(self.process.stdout), Lines(self.process.stderr)

    def text(self):
        return "\n".join(self.out.lines + self.err.lines)

    def reload(self, config=None, seconds=PATIENCE):
        """Reload, with another configuration or the same. Returns (accepted or not, its messages)."""
        if config is not None:
            write_config(self.config, config)
        since = len(self.err.lines)
        self.process.send_signal(signal.SIGHUP)
        found = self.err.wait(r"gremc: (reloaded|reload refused)", seconds, since)
        if not found:
            raise LabError(f"no answer to SIGHUP within {seconds:g} s:\n{self.text()}")
        return found[0].group(1) == "reloaded", "\n".join(self.err.lines[since:])

    def stop(self, seconds=PATIENCE):
        """Ask it to stop and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.wait(seconds)

    def wait(self, seconds=PATIENCE):
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            self.kill()
            raise LabError(f"dpdk-gremc did not stop within {seconds:g} s:\n{self.text()}") from error
        self.out.join()
        self.err.join()
        self._forget()
        return status

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.out:
            self.out.join(1)
            self.err.join(1)
        self._forget()

    def _forget(self):
        """DPDK leaves its runtime directory behind."""
        shutil.rmtree(socket_path(self.prefix).parent, ignore_errors=True)

    # ---- its accounts ----

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    def telemetry(self):
        return Telemetry(socket_path(self.prefix))

    def query(self, command):
        with self.telemetry() as telemetry:
            return telemetry.query(command)

    def pages(self, command):
        with self.telemetry() as telemetry:
            return telemetry.pages(command)

    def drops(self):
        """The reasons whose count is not 0, of drops and losses."""
        answer = self.query("/gremc/drops")
        return {name: n for kind in ("drops", "losses") for name, n in answer[kind].items() if n}

    def summary(self):
        """The summary that it printed at the end, as numbers: in, forwarded, punted, dropped, reassembled, wanted, sent, lost,
        reasons, missing."""
        text = "\n".join(self.out.lines)
        numbers = {"missing": 0, "reasons": {}}
        for pattern in (r"in +(?P<in>\d+) packets: (?P<forwarded>\d+) forwarded, (?P<punted>\d+) punted, "
                        r"(?P<dropped>\d+) dropped, (?P<reassembled>\d+) reassembled",
                        r"replicas +(?P<wanted>\d+) wanted: (?P<sent>\d+) sent, (?P<lost>\d+) lost",
                        r"(?P<missing>\d+) mbufs missing"):
            match = re.search(pattern, text)
            if match:
                numbers.update({name: int(value) for name, value in match.groupdict().items()})
        for n, name in re.findall(r"^ +(?:dropped|lost) +(\d+) (\w+):", text, re.MULTILINE):
            numbers["reasons"][name] = int(n)
        if "in" not in numbers or "wanted" not in numbers:
            raise LabError(f"dpdk-gremc printed no summary:\n{self.text()}")
        return numbers
