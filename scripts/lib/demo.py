# SPDX-License-Identifier: BSD-3-Clause
"""The second half of scripts/run: a hub and three sites on one wire, multicast between them, a table a second."""
import argparse
import os
import shlex
import signal
import sys
import threading
import time
from pathlib import Path

from lab import Forwarder, LabError, Namespace, bridge, make_peer, sweep, until, veth
from lab.peer import kernel_has_gre

HUB, HUB_INNER = "192.0.2.1", "10.0.0.1"
# As config/lab.yaml has them.
SITES = [(f"192.0.2.{n}", f"02:00:00:00:00:{n}", f"10.0.0.{n}") for n in (11, 12, 13)]
GROUP = "239.1.2.3"
MCAST = shlex.quote(str(Path(__file__).resolve().parent / "mcast.py"))


def say(text):
    print(f"run: {text}", flush=True)


class Demo:
    def __init__(self, options):
        self.options = options
        self.stop = threading.Event()
        self.peers, self.namespaces = [], []
        self.hub = self.sender = None
        self.receivers = []

    # ---- building it up and taking it down ----

    def namespace(self, label):
        self.namespaces.append(Namespace(label))
        return self.namespaces[-1]

    def wire(self):
        """A switch in a namespace of its own: a port for the hub, one for each site."""
        switch, hub = self.namespace("wire"), self.namespace("hub")
        veth(switch, "hub", hub, "wan0")
        # The kernel sees wan0, too, as it would not a NIC: the network is on the TAP `wan`, and only there.
        hub.run("sysctl", "-qw", "net.ipv4.conf.wan0.rp_filter=1", "net.ipv4.conf.wan0.arp_ignore=8")
        sites = [self.namespace(f"site{n}") for n in (1, 2, 3)]
        for n, site in enumerate(sites, 1):
            veth(switch, f"site{n}", site, "eth0")
        bridge(switch, "br0", "hub", "site1", "site2", "site3")
        return hub, sites

    def start_hub(self, namespace):
        self.hub = Forwarder(self.options.binary, self.options.config, namespace,
                             ["net_af_packet0,iface=wan0,blocksz=65536,framesz=2048,framecnt=4096,qdisc_bypass=1"])
        self.hub.start()
        for line in self.hub.out.lines:
            print(f"  hub| {line}")

    def start_sites(self, namespaces):
        kind = "kernel" if kernel_has_gre() else "uml"
        say("starting three sites: " + ("namespaces of this kernel, which has GRE" if kind == "kernel" else
                                        "Linux kernels in user-mode-linux, for this kernel has no GRE"))
        for n, namespace in enumerate(namespaces, 1):
            peer = make_peer(f"site{n}", namespace, "eth0", kind)
            self.peers.append(peer)
            peer.launch()
        for peer, (address, mac, inner) in zip(self.peers, SITES):
            peer.ready()
            peer.gre(mac, address, HUB, None, inner, HUB_INNER)

    def ping(self):
        """The hub's kernel answers by its TUN devices, and resolves the senders by ARP."""
        for peer in self.peers:
            # ends with the third answer, and with the reason when there are none within ten seconds
            peer.sh(f"ping -q -c 3 -i 0.2 -w 10 {HUB_INNER}")
        say("3 of 3 sites ping the hub through their gre1")

    def start_traffic(self):
        say(f"sites 2 and 3 join {GROUP}, site 1 sends {self.options.rate} packets of 1000 bytes a second to it")
        here = f"--interface gre1 --group {GROUP}"
        self.receivers = [peer.spawn(f"exec /usr/bin/python3 {MCAST} receive {here}") for peer in self.peers[1:]]
        for peer, receiver in zip(self.peers[1:], self.receivers):
            peer.until_says(receiver, "joined", "joins the group")
        count = f"--count {self.options.seconds * self.options.rate}" if self.options.seconds else ""
        self.sender = self.peers[0].spawn(f"exec /usr/bin/python3 {MCAST} send {here} --rate {self.options.rate} {count}")

    def close(self):
        status = None
        if self.hub and self.hub.process:
            status = self.hub.stop() if self.hub.running else self.hub.wait()
        for peer in self.peers:
            peer.stop()
        for namespace in self.namespaces:
            namespace.remove()
        return status

    # ---- watching it ----

    def numbers(self):
        """sent, received by site 2, by site 3, the hub's counters."""
        last = [job.text().split("\n")[-2:-1] for job in (self.sender, *self.receivers)]
        counts = [int(line[0].split()[0]) if line and line[0][0].isdigit() else 0 for line in last]
        return counts, self.hub.query("/gremc/info")

    def watch(self):
        """A line a second until the time is over or Ctrl-C."""
        say(f"the same from another terminal: app/gremcctl/gremcctl -f {self.hub.prefix} top   (or show drops, ...)")
        start, line = time.monotonic(), 0
        end = start + self.options.seconds if self.options.seconds else float("inf")
        while True:
            if line % 20 == 0:
                print(f"{'':>8}|{'site 1':>9} {'site 2':>9} {'site 3':>9} |{'hub':>9}{'replicas':>10}{'replicas':>10}"
                      f"{'':>9}{'':>7}\n{'seconds':>8}|{'sent':>9} {'received':>9} {'received':>9} |{'in':>9}"
                      f"{'wanted':>10}{'sent':>10}{'dropped':>9}{'lost':>7}")
            line += 1
            (sent, two, three), info = self.numbers()
            # the hub's own packets (ARP, answers to ping) are no replicas
            own = info["injected"]
            print(f"{time.monotonic() - start:8.0f}|{sent:9} {two:9} {three:9} |{info['rx_packets']:9}{info['wanted'] - own:10}"
                  f"{info['sent'] - own:10}{info['dropped']:9}{info['lost']:7}", flush=True)
            left = end - time.monotonic()
            if left <= 0 or self.stop.wait(min(1.0, left)):
                return
            if not self.hub.running:
                raise LabError(f"the hub ended by itself:\n{self.hub.text()}")

    def finish(self):
        """Stop sending, let the last packets arrive; returns whether all did."""
        if not self.sender.wait(self.options.seconds and 5):
            self.sender.terminate()
            self.sender.wait(10)
        sent = self.numbers()[0][0]
        try:
            until(lambda: min(self.numbers()[0][1:]) >= sent, "the last packets arrive", 5, every=0.1)
        except LabError:
            pass
        drops = self.hub.drops()
        results = [job.text().split("\n")[-2].split() for job in self.receivers]
        good = sent > 0 and all(int(r[1]) == sent and r[2] == "0" for r in results)
        say("dropped by the hub, by reason: " + ", ".join(f"{name} {n}" for name, n in drops.items())
            if drops else
            "nothing was dropped")
        return good, sent, results


def demonstrate(demo):
    say("making a wire with a hub and three sites, each in its own namespace")
    hub, sites = demo.wire()
    say("starting dpdk-gremc as the hub, with two lcores and no huge pages")
    demo.start_hub(hub)
    demo.start_sites(sites)
    demo.ping()
    demo.start_traffic()
    demo.watch()
    return demo.finish()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", required=True)
    parser.add_argument("--config", required=True)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--rate", type=int, default=50)
    options = parser.parse_args()
    demo, result, failure = Demo(options), None, None

    def interrupt(*_):
        # While the sites start there is nothing to wait for; later the table's loop ends.
        if demo.sender is None:
            raise KeyboardInterrupt
        demo.stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    try:
        sweep()
        result = demonstrate(demo)
    except LabError as error:
        failure = str(error)
    except KeyboardInterrupt:
        failure = "interrupted before anything was sent"
    except BrokenPipeError:
        # The reader of the table has closed its pipe (head): end as on Ctrl-C, in silence.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        failure = "nobody reads what it prints"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    say("stopping")
    try:
        if demo.close() not in (None, 0) and not failure:
            failure = f"the hub ended with an error:\n{demo.hub.text()}"
    except LabError as error:
        failure = failure or str(error)
    if failure:
        print(f"run: {failure}", file=sys.stderr)
        return 1
    good, sent, results = result
    print("run: site 1 sent {}: site 2 received {} of {}, site 3 received {} of {}{}".format(
        sent, results[0][1], sent, results[1][1], sent,
        "" if good else "; something is missing or damaged"))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
