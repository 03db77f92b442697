# SPDX-License-Identifier: BSD-3-Clause
"""A forwarder on wires of its own, whose other ends are the test's."""
import contextlib
import itertools

from lab import PATIENCE, Forwarder, LabError, Namespace, until, veth
from lab.forwarder import write_config

from . import packets
from .wire import Wire

LOCAL = "10.0.0.1"
MAC = "02:00:00:00:00:01"  # of the forwarder's port 0; port n has 1 + n
FAST = "blocksz=65536,framesz=2048,framecnt=4096,qdisc_bypass=1"
JUMBO = "blocksz=65536,framesz=16384,framecnt=512,qdisc_bypass=1"

_number = itertools.count()


# ---- names and addresses of tunnel number i ----

def name(i):
    return f"t{i}"


def remote(i):
    return f"10.{i // 62500}.{1 + i // 250 % 250}.{1 + i % 250}"


def remote_mac(i):
    return f"02:01:00:{i >> 16 & 255:02x}:{i >> 8 & 255:02x}:{i & 255:02x}"


def names(numbers):
    return [name(i) for i in numbers]


# ---- configurations ----

def port(tunnels, **more):
    return {"device": "net_af_packet0", "addresses": [f"{LOCAL}/8"],
            "neighbors": {remote(i): remote_mac(i) for i in range(tunnels)}, **more}


def tunnel(i, **more):
    return {"mode": "gre", "local": LOCAL, "remote": remote(i), **more}


def config(tunnels, mroutes, settings=None, more=None, **port_keys):
    """`tunnels` is how many, or {number: keys of it}."""
    if isinstance(tunnels, int):
        tunnels = {i: {} for i in range(tunnels)}
    whole = {"ethernets": {"wan": port(max(tunnels, default=0) + 1, **port_keys)},
             "tunnels": {name(i): tunnel(i, **keys) for i, keys in tunnels.items()},
             "mroutes": mroutes}
    if settings:
        whole["settings"] = settings
    whole.update(more or {})
    return whole


def one_to_many(fanout, group="239.1.1.1"):
    """Tunnel 0 sends, tunnels 1 to `fanout` receive."""
    return config(fanout + 1, [{"group": group, "from": [name(0)], "to": names(range(1, fanout + 1))}])


# ---- frames as a site sends them, and as it must receive them ----

def from_site(i, inner, key=None, vlan=None, **outer):
    """The frame by which site i sends an inner packet."""
    return packets.ether(MAC, remote_mac(i), packets.ipv4(remote(i), LOCAL, packets.GRE, packets.gre(inner, key=key),
                                                          **outer), vlan=vlan)


def to_site(i, inner, key=None, ttl=64, tos=0, df=True, vlan=None):
    """The frame that site i must receive; `inner` is as it was sent. ID and checksum are 0."""
    whole = packets.ipv4(LOCAL, remote(i), packets.GRE, packets.gre(packets.forwarded(inner), key=key), ttl=ttl,
                         tos=tos, ident=0, fragment=0x4000 if df else 0, sum_=0)
    return packets.ether(remote_mac(i), MAC, whole, vlan=vlan, pad=0)


def without_free_fields(frame, vlan=None):
    """The frame with ID and outer checksum zeroed, the checksum having been verified."""
    ip = 18 if vlan is not None else 14
    words = frame[ip] & 15
    assert packets.checksum(frame[ip:ip + 4 * words]) == 0, f"outer checksum is wrong: {frame[:ip + 28].hex()}"
    return frame[:ip + 4] + b"\0\0" + frame[ip + 6:ip + 10] + b"\0\0" + frame[ip + 12:]


def sites_of(frames, vlan=None):
    """Frames by outer destination address (text), in the order in which they came, without the free fields."""
    ip = 18 if vlan is not None else 14
    found = {}
    for frame in frames:
        site = ".".join(map(str, frame[ip + 16:ip + 20]))
        found.setdefault(site, []).append(without_free_fields(frame, vlan))
    return found


# ---- the hub itself ----

class Hub:
    """Wires w0, w1, ... whose other ends p0, p1, ... are the forwarder's net_af_packet0, 1, ..., with the MAC
    addresses 02:00:00:00:00:FIRST_MAC and following. All that it received and sent is accounted for when it is closed."""

    def __init__(self, binary, directory, configuration, wires=1, af_packet=FAST, mtu=None, vdevs=(), started=True,
                 first_mac=1, **options):
        self.namespace = Namespace("hub")
        self.wires, self.forwarder = [], None
        try:
            devices = [self._wire(n, mtu, af_packet, first_mac + n) for n in range(wires)]
            path = directory / f"hub{next(_number)}.yaml"
            write_config(path, configuration)
            self.forwarder = Forwarder(binary, path, self.namespace, [*filter(None, devices), *vdevs], **options)
            if started:
                self.forwarder.start()
        except BaseException:
            self.close(check=False)
            raise

    def _wire(self, n, mtu, af_packet, mac):
        """Make wire n; its EAL device, or None when it needs none."""
        veth(self.namespace, f"w{n}", self.namespace, f"p{n}", mtu)
        self.namespace.ip(f"link set dev p{n} address 02:00:00:00:00:{mac:02x}")
        self.wires.append(Wire(self.namespace, f"w{n}"))
        return f"net_af_packet{n},iface=p{n},{af_packet}"

    @property
    def wire(self):
        return self.wires[0]

    def info(self):
        return self.forwarder.query("/gremc/info")

    def drops(self):
        return self.forwarder.drops()

    def handled(self, received, seconds=PATIENCE):
        """Wait until that many packets have been received since the start, and all their replicas sent or lost."""
        def done():
            info = self.info()
            ended = info["queued"] == info["waiting"] == info["relayed"] == 0
            return info if info["rx_packets"] >= received and ended else None
        try:
            return until(done, f"{received} packets handled", seconds, every=0.005)
        except LabError as error:
            raise LabError(f"{error}; {self.info()}") from error

    def exchange(self, frames, wire=0, seconds=PATIENCE, replicas=0):
        """Send frames, wait until all are handled, and return every frame that came back (from all wires, in order of
        wires). replicas: their number, where workers share the oils: each counts its part when it takes it."""
        before = self.info()
        self.wires[wire].send(frames)
        until(lambda: self.info()["wanted"] >= before["wanted"] + replicas, f"{replicas} replicas are requested", seconds)
        after = self.handled(before["rx_packets"] + len(frames), seconds)
        assert after["rx_packets"] == before["rx_packets"] + len(frames)
        sent = after["sent"] - before["sent"]
        back = []
        for w in self.wires:
            back += w.collect(sent - len(back), 0 if w is not self.wires[-1] else seconds)
        for w in self.wires:
            back += w.collect(seconds=0)
        assert len(back) == sent, f"{sent} replicas sent, {len(back)} arrived"
        return back

    @contextlib.contextmanager
    def counting(self, **expected):
        """Within, exactly these drops and losses are counted, by name, and no others."""
        before = self.drops()
        yield
        after = self.drops()
        assert {n: after[n] - before.get(n, 0) for n in after if after[n] != before.get(n, 0)} == expected

    def close(self, check=True):
        """Stop, and hold the forwarder to its accounts."""
        try:
            if check:
                self.check(self.forwarder)
        finally:
            if self.forwarder and self.forwarder.process:
                self.forwarder.kill()
            for wire in self.wires:
                wire.close()
            self.namespace.remove()

    @staticmethod
    def check_info(info):
        """The sums hold at any time."""
        assert info["rx_packets"] == info["forwarded"] + info["punted"] + info["dropped"] + info["relayed"] + info["reassembled"], info
        assert info["wanted"] == info["sent"] + info["lost"] + info["queued"] + info["waiting"], info

    @classmethod
    def check(cls, forwarder, seconds=PATIENCE):
        """Stop it within this time."""
        info = forwarder.query("/gremc/info")
        cls.check_info(info)
        status = forwarder.stop(seconds)
        text = forwarder.text()
        assert status == 0, f"exit status {status}:\n{text}"
        summary = forwarder.summary()
        assert summary["missing"] == 0, text
        assert summary["in"] == summary["forwarded"] + summary["punted"] + summary["dropped"] + summary["reassembled"], text
        # Nothing is queued or waits any more when it has stopped.
        assert summary["wanted"] == summary["sent"] + summary["lost"], text
        assert sum(summary["reasons"].values()) == summary["dropped"] + summary["lost"], text
        assert summary["in"] >= info["rx_packets"] and summary["wanted"] >= info["wanted"], text
        assert "Sanitizer" not in text, text
