# SPDX-License-Identifier: BSD-3-Clause
"""What happens to devices while the program runs: links that go down and come back, and what the kernel sees of it."""
from lab import until
from support import hub, packets

TAP, NIC = "lan", "nic0"
FAR_LOCAL = "172.16.0.1"
GROUP = "239.1.1.1"


def two_ports(device, **more):
    """Tunnel t0 on wire 0 sends to t1 on the same wire and to far, which leaves by the port lan."""
    configuration = hub.config(2, [{"group": GROUP, "from": "t0", "to": ["t1", "far"]}])
    configuration["ethernets"][TAP] = {"device": device, "addresses": [f"{FAR_LOCAL}/24"], "host": True,
                                       "neighbors": {"172.16.0.2": "02:02:00:00:00:02"}, **more}
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


def test_link_and_carrier(make_hub):
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


def test_no_link_at_start(make_hub):
    """The TAP begins with the state that the link has; the driver is asked to send until there has been a link."""
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


def test_link_of_a_kernel_interface(make_hub):
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
