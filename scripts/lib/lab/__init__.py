# SPDX-License-Identifier: BSD-3-Clause
"""A network laboratory on one machine: namespaces, wires, the forwarder, and Linux kernels as its peers.

scripts/run and the tests are built from it. Nothing it makes outlives the process: the next process removes the
remains of a killed one (network.sweep).
"""
from . import owner
from .forwarder import Forwarder
from .network import Namespace, bridge, sweep, veth
from .peer import make_peer
from .process import FIRST, PATIENCE, LabError, Lines, lcores, run, start, until
from .switch import Switch
from .telemetry import Telemetry

__all__ = ["FIRST", "Forwarder", "LabError", "Lines", "Namespace", "PATIENCE", "Switch", "Telemetry", "bridge", "lcores", "make_peer",
           "owner", "run", "start", "sweep", "until", "veth"]
