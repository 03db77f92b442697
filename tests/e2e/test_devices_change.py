# SPDX-License-Identifier: BSD-3-Clause
"""Changes of devices while the program runs: links that go down and up, resets, removals, and their effect on the kernel."""
import pytest
from lab import until
from support import hub, packets

FAR = "02:02:00:00:00:02"
TAP, NIC = "lan", "nic0"
FAR_LOCAL = "172.16.0.1"
GROUP = "239.1.1.1"


def two_ports(device, **more):
    """Tunnel t0 on wire 0 sends to t1 on the same wire and to far, which leaves by the port lan."""
    configuration = hub.config(2, [{"group": GROUP, "from": "t0", "to": ["t1", "far"]}])
    configuration["ethernets"][TAP] = {"device": device, "addresses": [f"{FAR_LOCAL}/24"], "host": True,
                                       "neighbors": {"172.16.0.2": FAR}, **more}
    configuration["tunnels"]["far"] = {"local": FAR_LOCAL, "remote": "172.16.0.2", "host": True}
    return configuration


def frame(n=0):
    return hub.from_site(0, packets.multicast("10.1.1.1", GROUP, packets.payload_of(n, 60)))


def port(test_hub, name=TAP):
    return next(entry for entry in test_hub.forwarder.pages("/gremc/ports").values() if entry["name"] == name)


def flags(test_hub, interface):
    return test_hub.namespace.run("ip", "-o", "link", "show", interface).stdout.split("<")[1].split(">")[0].split(",")


def has_carrier(test_hub, interface):
    return "NO-CARRIER" not in flags(test_hub, interface) and "LOWER_UP" in flags(test_hub, interface)


def send(test_hub, lost=None):
    """One packet: t1 has its replica, far's is sent, or lost for this reason."""
    before = test_hub.info()
    with test_hub.counting(**({lost: 1} if lost else {})):
        test_hub.wire.send([frame()])
        after = test_hub.handled(before["rx_packets"] + 1)
    assert after["sent"] - before["sent"] == (1 if lost else 2)
    assert len(test_hub.wire.collect(1)) == 1


def test_the_tap_follows_the_link(make_hub):
    """net_tap raises link events. Without a link its port's TAP has no carrier and its replicas are lost by name; the
    tunnel's own interface keeps its carrier, as the kernel's GRE has it. The other port does not notice."""
    test_hub = make_hub(two_ports("net_tap0"), vdevs=[f"net_tap0,iface={NIC}"])
    until(lambda: has_carrier(test_hub, TAP) and port(test_hub)["link"] == 1, "the port is up")
    send(test_hub)
    for changes in (1, 3):
        test_hub.namespace.ip(f"link set {NIC} down")
        until(lambda: port(test_hub)["status"] == "down", "the link is down")
        until(lambda: not has_carrier(test_hub, TAP), "the TAP has no carrier")
        assert has_carrier(test_hub, "far")
        assert (port(test_hub)["link"], port(test_hub)["link_changes"]) == (0, changes)
        send(test_hub, "link_down")
        test_hub.namespace.ip(f"link set {NIC} up")
        until(lambda: port(test_hub)["status"] == "up", "the link is up again")
        until(lambda: has_carrier(test_hub, TAP), "the TAP has a carrier again")
        send(test_hub)
    assert port(test_hub, "wan")["link_changes"] == 0
    assert "port lan: `net_tap0`: Link down" in test_hub.forwarder.text()


def test_the_tap_starts_with_the_state_of_the_link(make_hub):
    """The TAP starts with the state of the link. The worker transmits until the link was up once."""
    test_hub = make_hub(two_ports("net_af_packet1"), wires=2, started=False)
    test_hub.namespace.ip("link set w1 down")
    test_hub.forwarder.start()
    assert port(test_hub)["status"] == "down"
    assert not has_carrier(test_hub, TAP)
    assert has_carrier(test_hub, "far")
    test_hub.wire.send([frame()])
    assert "link_down" not in test_hub.drops()
    test_hub.handled(1)
    test_hub.namespace.ip("link set w1 up")
    until(lambda: port(test_hub)["status"] == "up" and has_carrier(test_hub, TAP), "the link is up")
    assert "link_down" not in test_hub.drops()


def test_port_follows_the_link_of_a_kernel_interface(make_hub):
    """net_af_packet reports a link always; the carrier of its interface is the port's."""
    test_hub = make_hub(two_ports("net_af_packet1"), wires=2)
    until(lambda: has_carrier(test_hub, TAP), "the port is up")
    test_hub.namespace.ip("link set w1 down")
    until(lambda: port(test_hub)["status"] == "down" and not has_carrier(test_hub, TAP), "no carrier")
    send(test_hub, "link_down")
    test_hub.namespace.ip("link set w1 up")
    until(lambda: port(test_hub)["status"] == "up" and has_carrier(test_hub, TAP), "a carrier again")
    before = test_hub.info()
    test_hub.wire.send([frame()])
    assert test_hub.handled(before["rx_packets"] + 1)["sent"] == before["sent"] + 2


def bond_of_two(mode):
    configuration = two_ports("net_tap0")
    lan = configuration["ethernets"].pop(TAP)
    del lan["device"]
    configuration["ethernets"].update({"m0": {"device": "net_tap0"}, "m1": {"device": "net_tap1"}})
    configuration["bonds"] = {TAP: {**lan, "interfaces": ["m0", "m1"], "parameters": {"mode": mode}}}
    return configuration


def arrives(test_hub, interface):
    """A packet, of which far's replica reaches this interface."""
    before = test_hub.namespace.counter(interface, "rx_packets")
    send(test_hub)
    until(lambda: test_hub.namespace.counter(interface, "rx_packets") > before, f"a replica on {interface}")


def takes_over(test_hub, interface):
    """The bond comes to send by this member; then nothing is lost."""
    before = test_hub.namespace.counter(interface, "rx_packets")

    def sends_by_it():
        test_hub.wire.send([frame()])
        return test_hub.namespace.counter(interface, "rx_packets") > before
    until(sends_by_it, f"a replica on {interface}")
    test_hub.handled(test_hub.info()["rx_packets"])
    arrives(test_hub, interface)


@pytest.mark.parametrize("mode", ["active-backup", "balance-xor"])
def test_bond_forwards_while_one_member_has_a_link(make_hub, devices, mode):
    """A bond has a link, and its TAP a carrier, while one member has; replicas go by that one."""
    test_hub = make_hub(bond_of_two(mode), vdevs=["net_tap0,iface=nic0", "net_tap1,iface=nic1"], **devices.options())

    def set_link(member, state):
        since = len(test_hub.forwarder.err.lines)
        test_hub.namespace.ip(f"link set nic{member} {state}")
        # its driver has the link, and raises no event
        devices.link(f"net_tap{member}")
        assert test_hub.forwarder.err.wait(f"link of its member `net_tap{member}` is {state}", 10, since)

    until(lambda: has_carrier(test_hub, TAP), "the bond is up")
    for member in (0, 1):
        set_link(member, "down")
        assert port(test_hub)["status"] == "up" and has_carrier(test_hub, TAP)
        takes_over(test_hub, f"nic{1 - member}")
        set_link(member, "up")
    set_link(0, "down")
    set_link(1, "down")
    until(lambda: port(test_hub)["status"] == "down" and not has_carrier(test_hub, TAP), "the bond is down")
    send(test_hub, "link_down")
    set_link(1, "up")
    until(lambda: port(test_hub)["status"] == "up" and has_carrier(test_hub, TAP), "the bond is up again")
    takes_over(test_hub, "nic1")


def untouched(test_hub):
    """No worker calls a stopped driver, which DPDK would report on stderr."""
    return "not ready port" not in test_hub.forwarder.text()


def test_a_device_works_again_after_a_reset(make_hub, devices):
    """A device that requires a reset works again after it without a restart of the program. The other port is not
    affected, and frames from the far side arrive again."""
    test_hub = make_hub(two_ports("net_af_packet1"), wires=2, **devices.options())
    until(lambda: has_carrier(test_hub, TAP), "the port is up")
    for resets in (1, 2, 3):
        devices.reset("net_af_packet1")
        until(lambda: port(test_hub)["resets"] == resets, "the device has been set up again")
        until(lambda: port(test_hub)["status"] == "up" and has_carrier(test_hub, TAP), "the port is up")
        arrives(test_hub, "w1")
        before = port(test_hub)["rx_packets"]
        test_hub.wires[1].send([packets.ether("02:00:00:00:00:02", FAR, packets.ipv4("172.16.0.2", FAR_LOCAL, 47, packets.gre(
            packets.multicast("10.9.9.9", "239.7.7.7", b"back"))))])
        until(lambda: port(test_hub)["rx_packets"] > before, "the port receives")
    assert "`net_af_packet1` requests a reset" in test_hub.forwarder.text()
    assert port(test_hub, "wan")["resets"] == 0
    assert untouched(test_hub)


def test_a_reset_under_load_loses_no_buffer(make_hub, devices):
    """Workers that are busy with the port, also by the rings of a shared transmit queue: every replica is accounted for, by
    name, and no buffer is missing (the hub is held to that when it closes)."""
    test_hub = make_hub(two_ports("net_af_packet1"), wires=2, cpus=["--lcores", "0@0,(1-3)@1"], **devices.options())
    until(lambda: has_carrier(test_hub, TAP), "the port is up")
    sent = 0
    for resets in range(1, 6):
        devices.reset("net_af_packet1")
        while port(test_hub)["resets"] < resets:
            test_hub.wire.send([frame(n) for n in range(64)])
            sent += 64
    info = test_hub.handled(sent)
    lost = test_hub.drops()
    assert set(lost) <= {"port_down", "tx_full"}, lost
    assert info["wanted"] == 2 * sent == info["sent"] + sum(lost.values())
    assert untouched(test_hub)


def test_a_removed_device_returns(make_hub, devices):
    """A device that goes: its replicas are lost by name, its TAP has no carrier, the rest goes on; it is taken back when it
    is there again."""
    test_hub = make_hub(two_ports("net_af_packet1"), wires=2, **devices.options())
    until(lambda: has_carrier(test_hub, TAP), "the port is up")
    test_hub.namespace.ip("link set p1 name away")
    devices.remove("net_af_packet1")
    until(lambda: port(test_hub)["status"] == "removed" and not has_carrier(test_hub, TAP), "the port is out")
    assert has_carrier(test_hub, "far")
    assert (port(test_hub)["removals"], port(test_hub)["device_counters"]) == (1, 0)
    for _ in range(3):
        send(test_hub, "port_down")
    assert test_hub.forwarder.err.wait("`net_af_packet1` cannot be used again yet", 10)
    test_hub.namespace.ip("link set away name p1", "link set p1 up")
    until(lambda: port(test_hub)["status"] == "up" and has_carrier(test_hub, TAP), "the device is back")
    arrives(test_hub, "w1")
    assert port(test_hub)["resets"] == 1
    assert untouched(test_hub)


def test_bond_members_are_reset_and_removed(make_hub, devices):
    """A bond goes on without the member, and takes it back."""
    test_hub = make_hub(bond_of_two("active-backup"), vdevs=["net_tap0,iface=nic0", "net_tap1,iface=nic1"],
                        **devices.options())
    until(lambda: has_carrier(test_hub, TAP), "the bond is up")
    mac = port(test_hub)["mac"]
    for count, member in enumerate((0, 1, 0), 1):
        devices.reset(f"net_tap{member}")
        until(lambda: port(test_hub)["resets"] == count, "the member has been reset")
        until(lambda: port(test_hub)["status"] == "up", "the bond is up")
        send(test_hub)
    devices.remove("net_tap0")
    until(lambda: port(test_hub)["removals"] == 1 and port(test_hub)["status"] == "up", "the member is out")
    send(test_hub)
    until(lambda: port(test_hub)["resets"] == 4, "the member is back")
    until(lambda: port(test_hub)["status"] == "up", "the bond is up")
    send(test_hub)
    assert port(test_hub)["mac"] == mac
    assert has_carrier(test_hub, TAP)
    assert untouched(test_hub)


def test_the_program_stops_without_a_removed_device(make_hub, devices):
    """The end is orderly, too, when a device is away."""
    test_hub = make_hub(two_ports("net_tap0"), vdevs=[f"net_tap0,iface={NIC}"], **devices.options())
    until(lambda: has_carrier(test_hub, TAP), "the port is up")
    test_hub.namespace.ip("tuntap add dev taken mode tap")
    devices.remove("net_tap0")
    until(lambda: port(test_hub)["removals"] == 1, "the device is out")
