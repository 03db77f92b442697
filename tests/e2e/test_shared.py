# SPDX-License-Identifier: BSD-3-Clause
"""A server whose kernel keeps its interface: the forwarder takes its GRE by AF_XDP, and nothing else."""
import contextlib
import socket
import threading

import pytest
from lab import Forwarder, LabError, lcores, run, until
from support import hub, igmp, packets, shared, traffic
from support.vlan import VlanInterface

GROUP = "239.1.1.1"
INNER = packets.multicast("10.1.1.1", GROUP, packets.payload_of(1, 100))


def one_to_two():
    return shared.config(3, [{"group": GROUP, "from": ["t0"], "to": ["t1", "t2"]}])


def reached(test_hub, frame=None):
    """The tunnels that a packet of tunnel 0 reaches."""
    back = hub.sites_of(test_hub.exchange([frame or hub.from_site(0, INNER)]))
    return {n for n in range(10) if hub.remote(n) in back}


def test_forwarder_and_kernel_share_the_interface(make_shared):
    """GRE is forwarded while the kernel answers ping and keeps a TCP connection on the same interface."""
    test_hub = make_shared(one_to_two())
    answered = []
    pinger = threading.Thread(target=lambda: answered.append(test_hub.ping(100)))
    with test_hub.namespace.inside():
        server = socket.create_server((hub.LOCAL, 2222))
    with test_hub.site.inside():
        client = socket.create_connection((hub.LOCAL, 2222), timeout=5)
    connection, _ = server.accept()
    pinger.start()
    for n in range(40):
        inner = packets.multicast("10.1.1.1", GROUP, packets.payload_of(n, 10 + 35 * n))
        assert hub.sites_of(test_hub.exchange([hub.from_site(0, inner)] * 3)) == \
            {hub.remote(i): [hub.to_site(i, inner)] * 3 for i in (1, 2)}
        client.sendall(b"%d" % n)
        assert connection.recv(100) == b"%d" % n
    pinger.join()
    for end in (client, connection, server):
        end.close()
    assert answered == [100]
    # Nothing else came to the forwarder.
    info = test_hub.info()
    assert (info["rx_packets"], info["forwarded"], test_hub.drops()) == (120, 120, {})


def outer(source, destination, payload=packets.gre(INNER), **more):
    ether = {name: more.pop(name) for name in ("vlan", "ethertype") if name in more}
    return packets.ether(hub.MAC, hub.remote_mac(0), packets.ipv4(source, destination, more.pop("protocol", packets.GRE),
                                                                  payload, **more), **ether)


SITE0 = hub.remote(0)
PASSED = {
    "GRE to another address of the server": outer(SITE0, shared.OTHER),
    "GRE to somebody else": outer(SITE0, "10.9.9.9"),
    "first fragment": outer(SITE0, hub.LOCAL, fragment=0x2000),
    "last fragment": outer(SITE0, hub.LOCAL, fragment=0x0010),
    "IP in IP": outer(SITE0, hub.LOCAL, INNER, protocol=4),
    "UDP": outer(SITE0, hub.LOCAL, packets.udp(SITE0, hub.LOCAL, b"x"), protocol=packets.UDP),
    "IPv6": packets.ether(hub.MAC, hub.remote_mac(0), b"\x60" + bytes(3) + b"\0\0\x2f\x40" + bytes(32), ethertype=0x86dd),
    "LLDP": packets.ether("01:80:c2:00:00:0e", hub.remote_mac(0), b"\x02\x07", ethertype=0x88cc),
    "GRE of a peer that is in no tunnel": outer("10.200.0.1", hub.LOCAL),
    "GRE with a key that no tunnel has": outer(SITE0, hub.LOCAL, packets.gre(INNER, key=7)),
    "gretap": outer(SITE0, hub.LOCAL, packets.gre(bytes(60), protocol=0x6558)),
    "ERSPAN": outer(SITE0, hub.LOCAL, packets.gre(bytes(60), flags=0x1000, protocol=0x88be)),
    "IPv6 in GRE": outer(SITE0, hub.LOCAL, packets.gre(b"\x60" + bytes(47), protocol=0x86dd)),
    "PPTP": outer("10.200.0.1", hub.LOCAL, packets.gre(bytes(20), flags=0x3001, protocol=0x880b)),
    "GRE version 1": outer(SITE0, hub.LOCAL, packets.gre(INNER, flags=1)),
    "GRE with a routing field": outer(SITE0, hub.LOCAL, packets.gre(INNER, flags=0x4000)),
    "native multicast": packets.ether("01:00:5e:01:01:01", hub.remote_mac(0), INNER),
    "IP header that ends too early": packets.ether(hub.MAC, hub.remote_mac(0), outer(SITE0, hub.LOCAL)[14:33], pad=0),
    "another IP version": outer(SITE0, hub.LOCAL, version=5),
    "another VLAN": outer(SITE0, hub.LOCAL, vlan=7),
}


def test_other_packets_reach_the_kernel(make_shared):
    """Packets other than the GRE of a tunnel reach the kernel, and not the forwarder."""
    test_hub = make_shared(one_to_two())
    seen = test_hub.passed([*PASSED.values(), hub.from_site(0, INNER)])
    assert [name for name, frame in PASSED.items() if frame not in seen] == []
    assert hub.from_site(0, INNER) not in seen
    assert test_hub.handled(1)["rx_packets"] == 1


def test_gre_with_tags_or_options_is_taken(make_shared):
    """GRE with a priority tag or IP options reaches the forwarder, which counts its errors."""
    test_hub = make_shared(one_to_two())
    taken = [hub.from_site(0, INNER), hub.from_site(0, INNER, vlan=0), hub.from_site(0, INNER, options=b"\x94\4\0\0")]
    for frame in taken:
        assert reached(test_hub, frame) == {1, 2}
    with test_hub.counting(inner_version=1, inner_truncated=1):
        test_hub.exchange([outer(SITE0, hub.LOCAL, packets.gre(b"\x65" + INNER[1:])), outer(SITE0, hub.LOCAL, packets.gre(b"x"))])


def test_gre_in_udp_is_taken_by_port_and_key(make_shared):
    """The datagrams of a GRE-in-UDP tunnel reach the forwarder; others to the same port, and all other UDP, reach the kernel."""
    test_hub = make_shared(shared.config({0: {"mode": "gre-udp", "key": 5}, 1: {}}, [{"group": GROUP, "from": ["t0"], "to": ["t1"]}]))

    def datagram(port=4754, **gre):
        return outer(SITE0, hub.LOCAL, packets.gre_in_udp(SITE0, hub.LOCAL, packets.gre(INNER, **gre), port=port), protocol=packets.UDP)

    passed = [datagram(), datagram(key=6), datagram(port=4755, key=5), hub.from_site(0, INNER, key=5),
              outer(SITE0, hub.LOCAL, packets.gre_in_udp(SITE0, hub.LOCAL, b"short"), protocol=packets.UDP)]
    seen = test_hub.passed([*passed, datagram(key=5)])
    assert [frame for frame in passed if frame not in seen] == [] and datagram(key=5) not in seen
    assert test_hub.handled(1)["forwarded"] == 1


def test_the_vlan_of_the_port_is_taken(make_shared):
    """The forwarder receives and sends the port's VLAN; untagged packets go to the kernel."""
    configuration = one_to_two()
    configuration["ethernets"]["wan"]["vlan"] = 100
    test_hub = make_shared(configuration)
    back = test_hub.exchange([hub.from_site(0, INNER, vlan=100)])
    assert hub.sites_of(back, vlan=100) == {hub.remote(i): [hub.to_site(i, INNER, vlan=100)] for i in (1, 2)}
    others = [hub.from_site(0, INNER), hub.from_site(0, INNER, vlan=101)]
    assert test_hub.passed(others) == others
    assert test_hub.ping() == 5


def test_kernel_has_addresses_on_its_vlan_interface(make_shared):
    """The kernel has the port's addresses on its VLAN interface, and resolves the next hops there. Its ping, ARP and tunnel
    packets leave with the tag, as replicas do. The interface may be removed and added again."""
    configuration = shared.config(2, [{"group": GROUP, "from": ["t0"], "to": ["t1", "gre1"]}], vlan=100)
    configuration["tunnels"]["gre1"] = {"local": hub.LOCAL, "remote": shared.SITE, "addresses": ["10.8.0.1"], "peer": "10.8.0.2",
                                        "host": True}
    with contextlib.ExitStack() as stack:
        test_hub = make_shared(configuration, addresses=(), started=False)
        ends = [VlanInterface(namespace, interface, 100)
                for namespace, interface in ((test_hub.namespace, shared.PORT), (test_hub.site, shared.WIRE))]
        for end, address in zip(ends, (hub.LOCAL, shared.SITE)):
            stack.callback(end.remove)
            end.namespace.ip(f"addr flush dev {end.name.split('.')[0]}", f"addr add {address}/8 dev {end.name}")
        test_hub.forwarder.start()

        def gre1():
            return test_hub.forwarder.query("/gremc/tunnel,gre1")

        def replicas():
            """{tunnel's remote: next hop's MAC} of one packet."""
            back = test_hub.exchange([hub.from_site(0, INNER, vlan=100)])
            assert all(frame[12:16] == b"\x81\x00\x00\x64" for frame in back)
            return {".".join(map(str, frame[34:38])): frame[:6].hex(":") for frame in back}

        until(lambda: gre1()["resolved"], "the site's MAC address by the VLAN")
        assert replicas() == {hub.remote(1): hub.remote_mac(1), shared.SITE: ends[1].mac}
        assert test_hub.ping() == 5
        # the kernel's packets in the tunnel, without a TAP
        test_hub.namespace.run("ping", "-c", "1", "-W", "0.1", "10.8.0.2", check=False)
        echo = next(frame for frame in test_hub.wire.collect(1))
        assert (echo[:6].hex(":"), echo[12:16], echo[18 + 9], echo[18 + 24 + 9]) == (ends[1].mac, b"\x81\x00\x00\x64", packets.GRE, 1)
        # another MAC address, and no interface at all
        test_hub.namespace.ip(f"neigh replace {shared.SITE} lladdr 02:00:00:00:99:02 dev {ends[0].name} nud permanent")
        until(lambda: replicas()[shared.SITE] == "02:00:00:00:99:02", "the neighbour that was changed")
        ends[0].remove()
        until(lambda: not gre1()["resolved"], "no next hop without the interface")
        assert set(replicas()) == {hub.remote(1)}
        ends[0] = VlanInterface(test_hub.namespace, shared.PORT, 100)
        stack.callback(ends[0].remove)
        ends[0].namespace.ip(f"addr add {hub.LOCAL}/8 dev {ends[0].name}")
        until(lambda: gre1()["resolved"], "the next hop by the interface that came back")
        assert replicas()[shared.SITE] == ends[1].mac


def test_a_reload_changes_the_taken_packets(make_shared):
    """The XDP program takes the packets of the current tunnels."""
    wanted = one_to_two()
    wanted["ethernets"]["wan"]["addresses"].append(f"{shared.OTHER}/8")
    test_hub = make_shared(wanted)
    to_other = outer(SITE0, shared.OTHER)

    def reload():
        taken, text = test_hub.forwarder.reload(wanted)
        assert taken, text

    assert test_hub.passed([to_other]) == [to_other]
    wanted["tunnels"]["t9"] = {"local": shared.OTHER, "remote": SITE0}
    wanted["mroutes"][0]["from"].append("t9")
    reload()
    assert reached(test_hub, to_other) == {1, 2}
    # A reload that is refused changes nothing.
    tunnel = wanted["tunnels"].pop("t9")
    assert not test_hub.forwarder.reload(wanted)[0]
    assert reached(test_hub, to_other) == {1, 2}
    wanted["mroutes"][0]["from"].remove("t9")
    reload()
    assert test_hub.passed([to_other]) == [to_other]
    assert reached(test_hub) == {1, 2}
    wanted["tunnels"]["t9"] = tunnel
    wanted["mroutes"][0]["from"].append("t9")
    reload()
    assert reached(test_hub, to_other) == {1, 2}
    # None at all: everything is the kernel's.
    assert test_hub.forwarder.reload({**wanted, "tunnels": {}, "mroutes": []})[0]
    assert test_hub.passed([to_other, hub.from_site(0, INNER)]) == [to_other, hub.from_site(0, INNER)]


def native(group, protocol=packets.UDP, source="10.0.0.7"):
    payload = packets.udp(source, group, b"x" * 30) if protocol == packets.UDP else b"\x16\0\0\0" + packets.address(group)
    low = packets.address(group)
    mac = f"01:00:5e:{low[1] & 127:02x}:{low[2]:02x}:{low[3]:02x}"
    return packets.ether(mac, "02:00:00:00:07:07", packets.ipv4(source, group, protocol, payload))


def test_native_multicast_is_taken_by_group(make_shared):
    """`multicast: true`: the groups of mroutes from the port are taken; others, IGMP and 224.0.0.0/24 are not."""
    configuration = shared.config(3, [{"group": "239.5.0.0/16", "from": ["wan"], "to": ["t1"]},
                                      {"group": "239.6.6.6", "source": "10.0.0.7", "from": ["wan"], "to": ["t2"]},
                                      {"group": "239.7.7.7", "from": ["t0"], "to": ["wan"]}], multicast=True)
    test_hub = make_shared(configuration)
    assert test_hub.allmulti() == 1
    assert reached(test_hub, native("239.5.1.2")) == {1}
    assert reached(test_hub, native("239.6.6.6")) == {2}
    # The reverse: packets of a tunnel leave natively, without the kernel.
    inner = packets.multicast("10.1.1.1", "239.7.7.7", b"out")
    back = test_hub.exchange([hub.from_site(0, inner)])
    assert back == [packets.ether("01:00:5e:07:07:07", hub.MAC, packets.forwarded(inner), pad=0)]
    others = [native("239.7.7.7"), native("239.6.6.7"), native("239.6.6.6", source="10.0.0.8"), native("239.5.1.2", protocol=2), native("224.0.0.251"),
              native("224.0.1.129")]
    assert test_hub.passed(others) == others
    configuration["mroutes"][0]["group"] = "239.8.8.8"
    assert test_hub.forwarder.reload(configuration)[0]
    assert test_hub.passed([native("239.5.1.2")]) == [native("239.5.1.2")]
    assert reached(test_hub, native("239.8.8.8")) == {1}
    test_hub.check(test_hub.forwarder)
    assert test_hub.allmulti() == 0


def test_next_hops_follow_the_kernel(make_shared):
    """Next hops come from the kernel by netlink, and follow it; a static one wins."""
    configuration = shared.config(2, [{"group": GROUP, "from": ["t0"], "to": ["t1", "t2"]}])
    configuration["tunnels"]["t2"] = {"local": hub.LOCAL, "remote": shared.SITE}
    test_hub = make_shared(configuration)

    def macs():
        """Where the replicas go, by the tunnel's remote."""
        back = test_hub.exchange([hub.from_site(0, INNER)])
        return {".".join(map(str, frame[30:34])): frame[:6].hex(":") for frame in back}

    wire_mac = test_hub.site.run("cat", f"/sys/class/net/{shared.WIRE}/address").stdout.strip()
    until(lambda: test_hub.forwarder.query("/gremc/tunnel,t2")["resolved"], "the site's MAC address")
    assert macs() == {hub.remote(1): hub.remote_mac(1), shared.SITE: wire_mac}
    # The kernel may have a better route to both. One is looked up.
    for address, mac in ((hub.remote(1), "02:00:00:00:99:01"), (shared.SITE, "02:00:00:00:99:02")):
        test_hub.namespace.ip(f"neigh replace {address} lladdr {mac} dev {shared.PORT} nud permanent")
    until(lambda: macs()[shared.SITE] == "02:00:00:00:99:02", "the neighbour that was changed")
    assert macs()[hub.remote(1)] == hub.remote_mac(1)
    # By a gateway, and without a route.
    test_hub.namespace.ip(f"route add {shared.SITE} via {hub.remote(9)} dev {shared.PORT}",
                          f"neigh replace {hub.remote(9)} lladdr 02:00:00:00:99:09 dev {shared.PORT} nud permanent")
    until(lambda: macs()[shared.SITE] == "02:00:00:00:99:09", "the gateway")
    test_hub.namespace.ip(f"route replace unreachable {shared.SITE}")
    until(lambda: shared.SITE not in macs(), "no route")
    assert set(test_hub.drops()) == {"no_adjacency"}


def tell(test_hub, frame):
    """Send packets that do not return, and wait until the forwarder has received them."""
    before = test_hub.info()["rx_packets"]
    test_hub.wire.send([frame])
    test_hub.handled(before + 1)


def test_joined_groups_are_taken(make_shared):
    """A member in a tunnel brings the group in the port's network to it, and gives it back to the kernel when it leaves."""
    configuration = shared.config({0: {}, 1: {"addresses": ["10.8.0.1"], "igmp": {"fast-leave": True}}}, [], multicast=True)
    test_hub = make_shared(configuration)
    frame = native("239.9.9.9")
    assert test_hub.passed([frame]) == [frame]
    tell(test_hub, hub.from_site(1, igmp.v2_report("10.9.0.1", "239.9.9.9")))
    until(lambda: not test_hub.passed([frame]), "the group taken")
    assert set(hub.sites_of(test_hub.wire.collect(1))) == {hub.remote(1)}
    assert test_hub.forwarder.reload(configuration)[0]
    assert test_hub.passed([frame, native("239.9.9.8")]) == [native("239.9.9.8")]
    tell(test_hub, hub.from_site(1, igmp.v2_leave("10.9.0.1", "239.9.9.9")))
    until(lambda: test_hub.passed([frame]), "the group given back")


def refused(test_hub, binary, configuration, tmp_path):
    """Start another forwarder on the same interface, which fails; return its messages."""
    path = tmp_path / "refused.yaml"
    hub.write_config(path, configuration)
    other = Forwarder(binary, path, test_hub.namespace, [])
    with pytest.raises(LabError) as error:
        other.start()
    return str(error.value)


def test_stop_removes_the_xdp_program(make_shared, binary, tmp_path):
    test_hub = make_shared(one_to_two())
    assert test_hub.program() == "gremc_xdp"
    # One at a time, and the first stays.
    assert "cannot use p0: another dpdk-gremc uses it" in refused(test_hub, binary, one_to_two(), tmp_path)
    assert reached(test_hub) == {1, 2}
    test_hub.check(test_hub.forwarder)
    assert test_hub.program() is None
    assert test_hub.passed([hub.from_site(0, INNER)]) == [hub.from_site(0, INNER)]
    assert test_hub.ping() == 5


def test_restart_after_a_kill_replaces_the_xdp_program(make_shared):
    """After kill -9 the program is still there and passes everything; the next forwarder replaces it."""
    test_hub = make_shared(one_to_two())
    assert reached(test_hub) == {1, 2}
    test_hub.forwarder.kill()
    assert test_hub.program() == "gremc_xdp"
    assert test_hub.passed([hub.from_site(0, INNER)]) == [hub.from_site(0, INNER)]
    assert test_hub.ping() == 5
    test_hub.forwarder.start()
    assert "replacing the XDP program" in test_hub.forwarder.text()
    assert reached(test_hub) == {1, 2}
    assert test_hub.ping() == 5


FOREIGN = """
#include <linux/bpf.h>
__attribute__((section("xdp"), used)) int other(struct xdp_md *context) { return XDP_PASS; }
"""


def test_xdp_program_of_another_owner_stays(make_shared, binary, tmp_path):
    """Somebody else's XDP program is not touched."""
    test_hub = make_shared(one_to_two(), started=False)
    source, program = tmp_path / "other.c", tmp_path / "other.o"
    source.write_text(FOREIGN)
    run("clang", "-O2", "-target", "bpf", "-I/usr/include/x86_64-linux-gnu", "-c", source, "-o", program)
    test_hub.namespace.ip(f"link set dev p0 xdp object {program} section xdp")
    text = refused(test_hub, binary, one_to_two(), tmp_path)
    assert "p0 has an XDP program already" in text and "ip link set dev p0 xdp off" in text, text
    assert "prog/xdp" in test_hub.namespace.run("ip", "link", "show", "dev", "p0").stdout
    test_hub.namespace.ip("link set dev p0 xdp off")
    test_hub.forwarder.start()
    assert reached(test_hub) == {1, 2}


def test_the_kernels_mtu_is_used(make_shared):
    """The kernel's MTU is the port's, up to the size of a buffer, and is not changed."""
    test_hub = make_shared(one_to_two(), mtu=3498)
    most = test_hub.forwarder.query("/gremc/ports")["list"]["0"]["mtu"]
    assert most == 3434 and "carries only 3434 bytes" in test_hub.forwarder.text()
    inner = packets.multicast("10.1.1.1", GROUP, packets.payload_of(3, most - 24 - 28))
    assert hub.sites_of(test_hub.exchange([hub.from_site(0, inner)] * 70)) == \
        {hub.remote(i): [hub.to_site(i, inner)] * 70 for i in (1, 2)}
    test_hub.check(test_hub.forwarder)
    assert "mtu 3498 " in test_hub.namespace.run("ip", "link", "show", "dev", "p0").stdout


def test_a_configured_mtu_is_set(make_shared):
    """The MTU of the configuration becomes the interface's; rings have the next lower power of two of the requested size."""
    configuration = one_to_two()
    configuration["settings"] = {"rx-descriptors": 1500, "tx-descriptors": 600}
    configuration["ethernets"]["wan"]["mtu"] = 1300
    test_hub = make_shared(configuration)
    assert "mtu 1300 " in test_hub.namespace.run("ip", "link", "show", "dev", "p0").stdout
    assert "the device has 1024 RX descriptors instead of 1500" in test_hub.forwarder.text()
    inner = packets.multicast("10.1.1.1", GROUP, bytes(1300 - 24 - 27), fragment=0x4000)
    with test_hub.counting(too_big=2):
        assert reached(test_hub, hub.from_site(0, inner)) == set()


def test_an_mtu_too_large_for_xdp_is_refused(make_shared, binary, tmp_path):
    test_hub = make_shared(one_to_two(), mtu=9000, started=False)
    text = refused(test_hub, binary, one_to_two(), tmp_path)
    assert "RX queue 0 of `net_af_xdp_p0` cannot be set up: its driver has logged the reason" in text
    assert "Peer MTU is too large to set XDP" in text
    assert test_hub.program() is None


# DPDK's driver reads the number of `combined` channels. A veth has none, and the driver would use one queue. With this
# shim it uses the veth's real queues.
COMBINED = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
int ioctl(int fd, unsigned long request, ...)
{
	int (*real)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT, "ioctl");
	va_list list;
	void *argument;
	int ret;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	ret = real(fd, request, argument);
	if (ret == 0 && request == SIOCETHTOOL) {
		struct ethtool_channels *channels = (void *)((struct ifreq *)argument)->ifr_data;

		if (channels->cmd == ETHTOOL_GCHANNELS) {
			channels->max_combined = channels->max_rx;
			channels->combined_count = channels->rx_count;
			channels->rx_count = channels->tx_count = 0;
		}
	}
	return ret;
}
"""


@pytest.fixture
def combined(tmp_path):
    source, library = tmp_path / "combined.c", tmp_path / "combined.so"
    source.write_text(COMBINED)
    run("gcc", "-shared", "-fPIC", "-o", library, source, "-ldl")
    return {"LD_PRELOAD": str(library)}


@pytest.mark.parametrize("workers", [2, 6])
def test_any_number_of_queues_loses_nothing(make_shared, combined, workers):
    """Four queues, fewer, as many and more workers than that: nothing is lost, wherever a flow comes in."""
    fanout = 3
    configuration = shared.config({i: {} for i in range(40)}, [
        {"group": GROUP, "from": "any", "to": hub.names(range(fanout))}])
    test_hub = make_shared(configuration, queues=4, environment=combined, cpus=lcores(1 + workers))
    lines = [line for line in test_hub.forwarder.out.lines if "net_af_xdp_p0" in line or " rx_wan_" in line]
    assert len(lines) == 4, test_hub.forwarder.text()
    sent = 0

    def busy():
        """The workers that have received, after some more flows: where one comes in is decided by the kernel's random hash."""
        nonlocal sent
        frames = [hub.from_site(3 + n % 37, packets.multicast(f"10.1.{n >> 8}.{n & 255}", GROUP, packets.payload_of(n, 60)))
                  for n in range(sent, sent + 250)]
        sent += len(frames)
        back = hub.sites_of(test_hub.exchange(frames))
        assert {site: len(got) for site, got in back.items()} == {hub.remote(i): len(frames) for i in range(fanout)}
        return [worker["rx_packets"] for worker in test_hub.forwarder.pages("/gremc/lcores").values() if worker["rx_packets"]]
    until(lambda: len(busy()) >= min(workers, 4), lambda: f"every queue has packets after {sent} flows")
    assert sum(busy()) == sent
    assert test_hub.passed(list(PASSED.values())) == list(PASSED.values())
    assert test_hub.ping() == 5


def test_queues_without_af_xdp_are_an_error(make_shared, binary, tmp_path):
    test_hub = make_shared(one_to_two(), queues=4, started=False)
    text = refused(test_hub, binary, one_to_two(), tmp_path)
    assert "p0 has 4 RX queues, of which DPDK's net_af_xdp can take 1" in text
    assert "`ethtool -L p0 rx 1`" in text


def test_a_shared_port_loses_no_packet(make_shared, tmp_path):
    """20,000 packets at 10,000 a second, fan-out 8, and a ping every 10 ms: nothing is lost of either. No more packets are
    under way than the rings hold, so that a pause of the machine loses none."""
    program = traffic.build(tmp_path)
    configuration = shared.config(9, [{"group": GROUP, "from": ["t0"], "to": hub.names(range(1, 9))}])
    test_hub = make_shared(configuration, wrapper=traffic.FIRST)
    receiver = traffic.Receiver(program, test_hub.site, shared.WIRE)
    answered = []
    pinger = threading.Thread(target=lambda: answered.append(test_hub.ping(150, 0.01)))
    pinger.start()
    sent = 0
    while sent < 20000:
        sent += traffic.Sender(program, test_hub.site, shared.WIRE, hub.from_site(0, INNER), 10000, 500, first=sent).wait()
        info = test_hub.handled(sent, 20)
    pinger.join()
    assert (info["rx_packets"], info["sent"], info["lost"]) == (sent, sent * 8, 0)
    got = receiver.stop()
    assert {hub.remote(i): got[hub.remote(i)] for i in range(1, 9)} == \
        {hub.remote(i): (sent, 0, 0, sent - 1) for i in range(1, 9)}
    assert answered == [150]
