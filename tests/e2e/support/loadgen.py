# SPDX-License-Identifier: BSD-3-Clause
"""The load generator beside a forwarder, joined by memif; each has a CPU."""
import contextlib
import itertools
import json
import os
import re
import signal
import subprocess

from lab import FIRST, Forwarder, LabError, Lines, owner, run, start
from lab.telemetry import runtime_directory

CPUS = sorted(os.sched_getaffinity(0))
A, B = CPUS[0], CPUS[-1]
MAC = "02:00:00:00:00:01"

_number = itertools.count()


def program(binary):
    return binary.resolve().parents[1] / "gremc-loadgen" / "gremc-loadgen"


def make_config(binary, path, *options):
    path.write_text(run(program(binary), "make-config", *options).stdout)
    return path


class Result:
    """The exit status, output and results of a generator."""

    def __init__(self, status, out, err, path):
        self.status, self.out, self.err = status, out, err
        self.rows, self.setup = [], {}
        if path.exists():
            whole = json.loads(path.read_text())
            self.rows, self.setup = whole["results"], whole["setup"]

    @property
    def row(self):
        assert len(self.rows) == 1, f"{self.out}{self.err}"
        return self.rows[0]


class Bench(contextlib.ExitStack):
    """A forwarder with memif ports (`net_memif0`, 1, ... of the configuration) and a generator for it. `faults`, a list,
    selects the faulty forwarder (tests/loadgen/faults.c) with these faults. The devices of its host path are in
    `namespace`."""

    def __init__(self, binary, directory, config, ports=1, faults=None, forwarder=(), namespace=None):
        super().__init__()
        self.binary, self.directory, self.config, self.ports = binary, directory, config, ports
        self.forwarder = self.faulty = None
        try:
            if faults is None:
                self.forwarder = Forwarder(binary, config, namespace, [self._memif(n, "server", MAC) for n in range(ports)],
                                           cpus=["-l", str(A)], wrapper=FIRST, options=forwarder)
                self.callback(self.forwarder.kill)
                self.forwarder.start()
            else:
                self._start_faulty(faults)
        except BaseException:
            self.close()
            raise

    def _memif(self, n, role, mac=None):
        address = f",mac={mac}" if mac else ""
        return f"net_memif{n},role={role},socket={self.directory}/m{n}.sock,socket-abstract=no,rsize=14{address}"

    def _eal(self, cpu, label, memory=512):
        prefix = owner.label(f"{label}{next(_number)}")
        self.callback(self._forget, prefix)
        return ["-l", str(cpu), "--no-huge", "-m", str(memory), "--no-pci", f"--file-prefix={prefix}", "--log-level=error"]

    @staticmethod
    def _forget(prefix):
        run("rm", "-rf", runtime_directory() / prefix)

    def _start_faulty(self, faults):
        path = self.binary.resolve().parents[2] / "tests" / "loadgen" / "gremc-faults"
        argv = [*FIRST, path, *self._eal(A, "faults"), "--vdev", self._memif(0, "server", MAC), "--", *faults]
        self.faulty = start(argv, stdout=subprocess.PIPE, text=True)
        self._lines = Lines(self.faulty.stdout)
        self.callback(lambda: self.faulty.poll() is None and (self.faulty.kill(), self.faulty.wait()))
        if not self._lines.wait("^ready"):
            raise LabError("the forwarder with faults does not start")

    def stop_faulty(self):
        """{fault: how often}, and how many replicas were counted."""
        self.faulty.send_signal(signal.SIGTERM)
        self.faulty.wait(10)
        return {name: int(n) for name, n in re.findall(r"(\w+) (\d+)", self._lines.join())}

    def load(self, *argv, mac=MAC, config=None, timeout=120, json_file=True):
        """Run a test of the generator to its end."""
        path = self.directory / f"result{next(_number)}.json"
        command = [*FIRST, program(self.binary), *self._eal(B, "load")]
        for n in range(self.ports):
            command += ["--vdev", self._memif(n, "client")]
        command += ["--", *argv, "--dut-config", config or self.config, *(["--json", path] if json_file else [])]
        if mac:
            command += ["--dut-mac", mac]
        done = run(*command, check=False, timeout=timeout, start_new_session=True)
        assert not re.search("Sanitizer|runtime error:", done.stderr), done.stderr
        return Result(done.returncode, done.stdout, done.stderr, path)

    def stop(self):
        """The forwarder's own accounts at the end."""
        assert self.forwarder.stop() == 0, self.forwarder.text()
        return self.forwarder.summary()
