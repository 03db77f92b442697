# SPDX-License-Identifier: BSD-3-Clause
"""The whole program at the highest load without a wire: net_pcap reads a capture in a loop, net_null drops the replicas."""
import random
import socket
import struct
import tempfile
import time
from pathlib import Path

from lab import Forwarder, LabError, owner, until
from lab.forwarder import write_config

# fan-out, size, groups, tunnels
POINTS = [(1, 64, 1024, 1024), (4, 64, 1024, 1024), (16, 64, 1024, 1024), (64, 64, 1024, 1024), (16, 1400, 1024, 1024)]
QUICK = [(1, 64, 1024, 1024), (16, 64, 1024, 1024), (64, 64, 1024, 1024)]
FRAMES = 1024  # of the capture: the driver holds them in mbufs
SAMPLES = 8
SAMPLE_SECONDS = 0.5

MAC, PEER = "020000000001", "020000000002"
IN, OUT = "10.0.0.1", "10.1.0.1"
GATEWAYS = {IN: "10.0.0.254", OUT: "10.1.0.254"}
SENDER = "10.0.0.2"
GRE, UDP = 47, 17


# ---- the traffic ----

def address(base, n):
    """Return the n-th address from `base` on, as text."""
    return socket.inet_ntoa(struct.pack("!I", struct.unpack("!I", socket.inet_aton(base))[0] + n))


def ipv4(source, destination, protocol, payload, ttl=16):
    header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0, ttl, protocol, 0, socket.inet_aton(source),
                         socket.inet_aton(destination))
    total = sum(struct.unpack("!10H", header))
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    return header[:10] + struct.pack("!H", ~total & 0xffff) + header[12:] + payload


def flow(n):
    """(source, group) of mroute n."""
    return address("11.0.0.0", n % 1000 + 1), address("239.0.0.0", n)


def frame(n, size):
    source, group = flow(n)
    inner = ipv4(source, group, UDP, bytes(size - 20))
    outer = ipv4(SENDER, IN, GRE, b"\0\0\x08\0" + inner)
    return bytes.fromhex(MAC + PEER) + b"\x08\0" + outer


def write_capture(path, frames):
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for data in frames:
            file.write(struct.pack("<IIII", 0, 0, len(data), len(data)) + data)


# ---- the configuration ----

def port(device, own):
    return {"device": device, "mtu": 1500, "addresses": [f"{own}/16"], "gateway4": GATEWAYS[own],
            "neighbors": {GATEWAYS[own]: "02:00:00:00:00:02", **({SENDER: "02:00:00:00:00:02"} if own == IN else {})}}


def configuration(fanout, groups, tunnels, chance):
    names = [f"t{i}" for i in range(tunnels)]
    made = {name: {"mode": "gre", "local": OUT, "remote": address("12.0.0.0", i + 1)} for i, name in enumerate(names)}
    made["in"] = {"mode": "gre", "local": IN, "remote": SENDER}
    mroutes = []
    for n in range(groups):
        source, group = flow(n)
        mroutes.append({"group": group, "source": source, "from": "in", "to": chance.sample(names, fanout)})
    return {"ethernets": {"in0": port("net_pcap0", IN), "out0": port("net_null0", OUT)}, "tunnels": made, "mroutes": mroutes}


# ---- measurement ----

def sample(forwarder):
    answer = forwarder.query("/gremc/lcores")
    return {"time": time.monotonic(), "hz": answer["cycles_per_second"], **answer["list"]["0"]}


def cost(before, after):
    """Return cycles per replica by the clock, because the lcore has no other work."""
    return (after["time"] - before["time"]) * after["hz"] / max(1, after["sent"] - before["sent"])


def measure(program, point, directory, samples):
    fanout, size, groups, tunnels = point
    chance = random.Random(1)
    order = list(range(groups))
    chance.shuffle(order)
    capture, config = directory / "in.pcap", directory / "bench.yaml"
    write_capture(capture, [frame(order[i % groups], size) for i in range(FRAMES)])
    write_config(config, configuration(fanout, groups, tunnels, chance))
    forwarder = Forwarder(program, config, None, [f"net_pcap0,rx_pcap={capture},infinite_rx=1", "net_null0,no-rx=1"], memory=1024)
    try:
        forwarder.start(60)
        until(lambda: sample(forwarder)["sent"] > 0, "the first replica")
        taken = [sample(forwarder)]
        for _ in range(samples):
            until(lambda: time.monotonic() - taken[-1]["time"] > SAMPLE_SECONDS, "the next sample")
            taken.append(sample(forwarder))
        status = forwarder.stop()
    finally:
        forwarder.kill()
    if status:
        raise LabError(f"dpdk-gremc ended with status {status}:\n{forwarder.text()}")
    cycles = min(cost(before, after) for before, after in zip(taken, taken[1:]))
    total = {key: taken[-1][key] - taken[0][key] for key in ("forwarded", "dropped", "lost")}
    if total["forwarded"] == 0 or total["dropped"]:
        raise LabError(f"{total['forwarded']} packets were forwarded and {total['dropped']} dropped:\n{forwarder.text()}")
    return {"fanout": fanout, "size": size, "groups": groups, "tunnels": tunnels, "cycles_per_replica": round(cycles, 2),
            "cycles_per_input": round(cycles * fanout, 1), "mreplicas_per_s": round(taken[0]["hz"] / cycles / 1e6, 2),
            "lost": total["lost"]}


def measure_all(program, quick):
    print("\nThe whole program, net_pcap in, net_null out, with reception: cycles, the least of several half seconds\n"
          "fan-out size  groups tunnels  per replica   per input Mreplicas/s", flush=True)
    rows = []
    for point in QUICK if quick else POINTS:
        with tempfile.TemporaryDirectory(prefix=owner.label("bench-")) as directory:
            row = measure(program, point, Path(directory), SAMPLES // 2 if quick else SAMPLES)
        rows.append(row)
        print(f"{row['fanout']:6} {row['size']:5} {row['groups']:7} {row['tunnels']:7} {row['cycles_per_replica']:12.1f} "
              f"{row['cycles_per_input']:11.0f} {row['mreplicas_per_s']:11.1f}", flush=True)
    return rows
