# SPDX-License-Identifier: BSD-3-Clause
"""Traffic at a rate by traffic.c: for what Python would be too slow."""
import os
import subprocess
from pathlib import Path

from lab import FIRST, LabError, Lines, run, start

# Sender and receiver leave the last CPU, which is the worker's, alone; and rings are long, for pauses of the machine.
ASIDE = (*FIRST, "taskset", "-c", str(min(os.sched_getaffinity(0))))
RINGS = "blocksz=65536,framesz=2048,framecnt=32768,qdisc_bypass=1"


def build(directory):
    program = directory / "traffic"
    run("gcc", "-O2", "-Wall", "-o", program, Path(__file__).with_suffix(".c"))
    return program


class Receiver:
    """Count the packets that arrive at an interface until stop()."""

    def __init__(self, program, namespace, interface):
        self._process = start(namespace.argv(*ASIDE, program, "receive", interface), stdout=subprocess.PIPE, text=True)
        self._lines = Lines(self._process.stdout)
        if not self._lines.wait("^ready"):
            raise LabError("the receiver does not start")

    def stop(self):
        """{outer destination: (packets, missing, backward, last number)}"""
        self._process.terminate()
        self._process.wait(30)
        self._lines.join()
        fields = [line.split() for line in self._lines.lines[1:]]
        if not fields or fields[-1] != ["dropped", "0"]:
            raise LabError(f"the receiver was too slow itself: {fields[-1:]}")
        return {line[0]: tuple(map(int, line[1:])) for line in fields[:-1]}


class Sender:
    """Sends a frame, numbered from `first`, `count` times at `rate`."""

    def __init__(self, program, namespace, interface, frame, rate, count, first=0):
        self._process = start(namespace.argv(*ASIDE, program, "send", interface, rate, count, first), stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
        self._process.stdin.write(frame)
        self._process.stdin.close()
        self.count, self.seconds = count, count / rate

    @property
    def running(self):
        return self._process.poll() is None

    def wait(self):
        status = self._process.wait(self.seconds * 3 + 20)
        if status:
            raise LabError(f"the sender ended with {status}")
        return int(self._process.stdout.read())

    def stop(self):
        """Before its time; how many it has sent."""
        if self.running:
            self._process.terminate()
        return self.wait()
