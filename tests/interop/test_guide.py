# SPDX-License-Identifier: BSD-3-Clause
"""The classic two-server guide, word for word, with dpdk-gremc in the place of the kernel's GRE: the same ifcfg files, a
bond with LACP, ping both ways, proto 47 on the wire; and against a kernel that does it itself."""
import contextlib
import json
import random
import re
import shlex
import socket
import subprocess
import threading

import pytest
from lab import Namespace, make_peer, run, start, until, veth
from support.site import Site, member, sends_by

OUTER = {"a": "147.75.64.13", "b": "147.75.69.141", "c": "147.75.70.2"}
INNER = {"a": "10.100.126.3", "b": "10.88.152.3", "c": "10.77.1.3"}


def ifcfg(directory, here, there, device="gre1"):
    """/etc/sysconfig/network-scripts/ifcfg-gre1 of the guide."""
    directory.mkdir(exist_ok=True)
    (directory / f"ifcfg-{device}").write_text(
        f"DEVICE={device}\nBOOTPROTO=none\nONBOOT=yes\nTYPE=GRE\n"
        f"PEER_OUTER_IPADDR={OUTER[there]}\nPEER_INNER_IPADDR={INNER[there]}\n"
        f"MY_INNER_IPADDR={INNER[here]}\nMY_OUTER_IPADDR={OUTER[here]}\n")
    return directory


def bonded(here, mroutes=(), more=None):
    ethernets = {f"eth{n}": {"device": f"net_af_packet{n}"} for n in range(2)}
    return {"ethernets": {**ethernets, **(more or {})},
            "bonds": {"bond0": {"interfaces": ["eth0", "eth1"], "parameters": {"mode": "802.3ad"},
                                "addresses": [f"{OUTER[here]}/16"], "host": True}},
            "mroutes": list(mroutes)}


@contextlib.contextmanager
def capture(namespace, interface, path):
    """tcpdump of the packets that an interface receives and the kernel sends; written when the body is left."""
    tcpdump = start(namespace.argv("tcpdump", "-U", "--immediate-mode", "-n", "-s", "2048", "-B", "8192", "-i", interface, "-w", str(path)),
                    stderr=subprocess.DEVNULL)
    try:
        until(path.exists, "tcpdump listens")
        yield
    finally:
        tcpdump.terminate()
        tcpdump.wait(10)


def fields(path, display_filter, *names):
    arguments = [argument for name in names for argument in ("-e", name)]
    checks = [argument for protocol in ("ip", "tcp", "udp") for argument in ("-o", f"{protocol}.check_checksum:TRUE")]
    out = run("tshark", "-n", *checks, "-r", path, "-Y", display_filter, "-T", "fields", *arguments).stdout
    return [line.split("\t") for line in out.splitlines()]


@pytest.fixture
def servers(binary, laboratory, tmp_path):
    """Servers a and b with two cables, the members of their bonds."""
    sites = [Site(binary, tmp_path, name) for name in "ab"]
    for n in range(2):
        veth(sites[0].namespace, f"nic{n}", sites[1].namespace, f"nic{n}")
    yield sites
    for site in sites:
        site.close()


def test_commands_of_the_guide_work(servers, tshark, tmp_path):
    a, b = servers
    for site, here, there in ((a, "a", "b"), (b, "b", "a")):
        directory = ifcfg(tmp_path / f"scripts-{here}", here, there)
        site.start(bonded(here), "nic0", "nic1", options=["--ifcfg", str(directory)])
    # `ip addr show gre1`, as the guide shows it
    shown = a.namespace.run("ip", "addr", "show", "gre1").stdout
    assert re.search(r"gre1\S*: <POINTOPOINT,(MULTICAST,NOARP|NOARP,MULTICAST),UP,LOWER_UP> mtu 1476", shown)
    assert f"inet {INNER['a']} peer {INNER['b']}/32 scope global gre1" in shown
    assert f"{OUTER['a']}/16" in a.addresses("bond0")
    a.reaches(OUTER["b"], 20)
    a.reaches(INNER["b"])
    captures = [tmp_path / f"nic{n}.pcap" for n in range(2)]
    with capture(b.namespace, "nic0", captures[0]), capture(b.namespace, "nic1", captures[1]):
        assert a.ping(INNER["b"], 5) == 5
        assert b.ping(INNER["a"], 5) == 5
        until(lambda: sum(len(fields(path, "gre", "frame.number")) for path in captures) >= 10, "tcpdump has all", every=0.2)
    # `tcpdump proto 47`: GREv0, IP inside
    seen = [row for path in captures for row in fields(path, "gre", "ip.proto", "gre.flags.version", "gre.proto", "ip.src", "ip.dst")]
    assert {tuple(row[:3]) for row in seen} == {("47,1", "0", "0x0800")}
    assert {row[3] for row in seen} == {f"{OUTER['a']},{INNER['a']}"}
    assert not [row for path in captures for row in fields(path, "_ws.malformed || _ws.expert.severity >= 0x600000", "frame.number")]


def test_multicast_between_three_sites(servers, binary, tmp_path):
    """Many to many: a is joined with b by a bond and with c by a single port; every program hears all the others."""
    a, b = servers
    c = Site(binary, tmp_path, "c")
    try:
        veth(a.namespace, "nic2", c.namespace, "nic0")
        ifcfg(tmp_path / "scripts-a", "a", "b")
        wan2 = {"wan2": {"device": "net_af_packet2", "addresses": ["147.76.0.1/24"], "host": True}}
        hub = bonded("a", [{"group": "239.0.0.0/8", "from": "any", "to": ["gre1", "gre2", "host"]}], wan2)
        hub["tunnels"] = {"gre2": {"local": "147.76.0.1", "remote": "147.76.0.2", "addresses": ["10.100.126.4"],
                                   "peer": INNER["c"], "host": True}}
        a.start(hub, "nic0", "nic1", "nic2", options=["--ifcfg", str(tmp_path / "scripts-a")])
        b.start(bonded("b"), "nic0", "nic1", options=["--ifcfg", str(ifcfg(tmp_path / "scripts-b", "b", "a"))])
        c.start({"ethernets": {"wan0": {"device": "net_af_packet0", "addresses": ["147.76.0.2/24"], "host": True}},
                 "tunnels": {"gre1": {"local": "147.76.0.2", "remote": "147.76.0.1", "addresses": [INNER["c"]],
                                      "peer": "10.100.126.4", "host": True}}, "mroutes": []}, "nic0")
        a.namespace.ip("addr add 10.100.126.3/32 dev gremc0")
        a.reaches(INNER["b"], 20)
        a.reaches(INNER["c"])
        devices = {a: ("gre1", "gre2"), b: ("gre1",), c: ("gre1",)}
        with contextlib.ExitStack() as stack:
            def open_socket(site):
                return stack.enter_context(site.socket(socket.AF_INET, socket.SOCK_DGRAM))
            receivers = {}
            for site, names in devices.items():
                for name in names:
                    receivers[site, name] = open_socket(site)
                    member(receivers[site, name], "239.9.9.9", 5000, name)
            for sender, name, hears in ((b, "gre1", [(a, "gre1"), (c, "gre1")]), (c, "gre1", [(a, "gre2"), (b, "gre1")]),
                                        (a, "gremc0", [(b, "gre1"), (c, "gre1")])):
                out = open_socket(sender)
                sends_by(out, name)
                sent = [b"%s %d" % (sender.label.encode(), n) for n in range(30)]
                for data in sent:
                    out.sendto(data, ("239.9.9.9", 5000))
                for key in hears:
                    assert [receivers[key].recv(100) for _ in sent] == sent, (sender.label, key[0].label, key[1])
    finally:
        c.close()


def iperf3(client, server, address, *options):
    """Gbit/s that have arrived."""
    listening = start(server.namespace.argv("iperf3", "-s", "-1"), stdout=subprocess.DEVNULL)
    try:
        until(lambda: ":5201" in server.namespace.run("ss", "-ltn").stdout, "iperf3 listens")
        out = client.namespace.run("iperf3", "-c", address, "-n", "32M", "-J", *options).stdout
        listening.wait(10)
    finally:
        listening.kill()
        listening.wait()
    return json.loads(out)["end"]["sum_received"]["bits_per_second"] / 1e9


def stream(sender, receiver, address, data):
    """The part of `data` that arrives by a TCP connection."""
    received = []
    with receiver.socket() as listener, sender.socket() as client:
        listener.bind((address, 7000))
        listener.listen()

        def receive():
            with listener.accept()[0] as connection:
                connection.settimeout(20)
                while piece := connection.recv(1 << 20):
                    received.append(piece)
        thread = threading.Thread(target=receive)
        thread.start()
        client.connect((address, 7000))
        client.settimeout(20)
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        thread.join(30)
    return b"".join(received)


def kernel_packets(site, interface, way):
    return int(site.namespace.run("cat", f"/sys/class/net/{interface}/statistics/{way}_packets").stdout)


def test_tcp_passes_between_sites(servers, tshark, tmp_path, record_property):
    """Through tunnel and bond: the received data equals the sent data; the kernels hand over and take more than a packet at a time, and
    on the wire there are packets, with the right checksums. iperf3 measures the rate, in the report. The members have a queue
    to spare, by which the control thread sends, beside the worker that keeps LACP alive."""
    a, b = servers
    for site, here, there in ((a, "a", "b"), (b, "b", "a")):
        site.start(bonded(here), "nic0", "nic1", queues=2, options=["--ifcfg", str(ifcfg(tmp_path / f"scripts-{here}", here, there))])
        assert [port["host_tx"] for port in site.forwarder.pages("/gremc/ports").values()] == [1]
    a.reaches(INNER["b"], 20)
    data = random.Random(1).randbytes(1 << 22)
    for interface, address, good in (("gre1", INNER["b"], ("1", "1,1")), ("bond0", OUTER["b"], ("1", "1"))):
        captures = [tmp_path / f"{interface}-{n}.pcap" for n in range(2)]
        before = a.host(interface), b.host(interface)
        with capture(b.namespace, "nic0", captures[0]), capture(b.namespace, "nic1", captures[1]):
            assert stream(a, b, address, data) == data
        sent, taken = a.host(interface), b.host(interface)
        assert (sent["losses"], taken["losses"]) == tuple(entry["losses"] for entry in before)
        # how many at a time depends on the time that the machine leaves to TCP
        assert a.namespace.counter(interface, "tx_packets") < sent["down_packets"]
        assert b.namespace.counter(interface, "rx_packets") < taken["up_packets"]
        segments = [row for path in captures for row in fields(path, "tcp.len > 1000", "frame.len", "tcp.checksum.status", "ip.checksum.status")]
        # tcpdump may miss some
        assert len(segments) > len(data) // 3000 and max(int(row[0]) for row in segments) <= 1514
        assert {tuple(row[1:]) for row in segments} == {good}
        for way, options in (("sent", ()), ("received", ("-R",))):
            speed = iperf3(a, b, address, *options)
            record_property(f"{interface}_{way}_gbit_per_s", round(speed, 3))
            print(f"{interface}, {way}: {speed:.2f} Gbit/s")


@pytest.fixture
def linux(binary, laboratory, tmp_path):
    """A server whose other end is a kernel with its own `ip tunnel add gre1 mode gre`."""
    site, namespace = Site(binary, tmp_path, "a"), Namespace("linux")
    veth(site.namespace, "nic0", namespace, "eth0")
    peer = make_peer("linux", namespace, "eth0")
    try:
        peer.launch()
        peer.ready()
        yield site, peer
    finally:
        peer.stop()
        site.close()
        namespace.remove()


@pytest.mark.parametrize("options,keys", [("", {}), ("key 42", {"key": 42})])
def test_linux_site_exchanges_multicast(linux, top, options, keys):
    """No static MAC at either end: both ask by ARP. Ping, TCP and multicast through gre1, both ways."""
    site, peer = linux
    out = peer.interface
    peer.sh(f"ip link set {out} up && ip addr add 147.75.0.2/24 dev {out} && "
            f"ip tunnel add gre1 mode gre remote 147.75.0.1 local 147.75.0.2 ttl 64 {options} && ip link set gre1 multicast on up && "
            f"ip addr add {INNER['b']} peer {INNER['a']} dev gre1 && ip route add 239.0.0.0/8 dev gre1")
    site.start({"ethernets": {"bond0": {"device": "net_af_packet0", "addresses": ["147.75.0.1/24"], "host": True}},
                "tunnels": {"gre1": {"local": "147.75.0.1", "remote": "147.75.0.2", "addresses": [INNER["a"]],
                                     "peer": INNER["b"], "host": True, **keys}}, "mroutes": []}, "nic0")
    site.reaches(INNER["b"], 20)
    assert site.ping(INNER["b"], 5) == 5
    assert "5 received" in peer.sh(f"ping -c5 -i0.1 {INNER['a']}")
    script = f"exec /usr/bin/python3 {shlex.quote(str(top))}/scripts/lib/mcast.py"
    job = peer.spawn(f"{script} receive --interface gre1 --group 239.1.2.3 --count 50 --seconds 30")
    until(lambda: "joined" in job.text(), "the peer joins")
    sending = site.namespace.run("/usr/bin/python3", top / "scripts/lib/mcast.py", "send", "--interface", "gre1", "--group",
                                 "239.1.2.3", "--count", "50", "--rate", "200", "--size", "200")
    assert sending.returncode == 0
    assert job.wait(30)
    assert job.text().split("\n")[-2].split() == ["50", "50", "0"], job.text()
