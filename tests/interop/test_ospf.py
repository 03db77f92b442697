# SPDX-License-Identifier: BSD-3-Clause
"""Hubs in a line whose routes are OSPF's, over the tunnels' host interfaces: a link of the underlay is lost while data
flows, the daemons notice, and after it is back the data comes again, by the fast path."""
import time

import pytest
from hubs import ASM, HUBS, MEMBER, RECEIVER, SAMPLES, SOURCE, SSM, hubs_in_a_line
from lab import until
from support import igmp

COUNT = 200


@pytest.fixture(scope="module")
def line(binary, laboratory):
    with hubs_in_a_line(binary, ospf=True) as line:
        yield line


def full(hub):
    """The neighbours with which OSPF has all in common."""
    return sum("Full" in row for row in hub.ask("show ip ospf neighbor").splitlines())


def knows_source(hub):
    return SOURCE in hub.namespace.run("ip", "route", "show", "proto", "ospf").stdout


def by_fast_path(line, group):
    """Every packet arrives, each hub forwards them by the kernel's routes."""
    for hub in line.hubs:
        until(lambda h=hub: {(SOURCE, group), ("*", group)} & set(h.mroutes()), f"hub {hub.n} has the route", every=0.2)
        assert {m["origin"] for m in hub.mroutes().values()} == {"kernel"}
    line.received(group, 0.5)
    before = line.forwarded()
    line.send(group, COUNT)
    assert line.received(group, 20, COUNT) == COUNT
    for hub, was, now in zip(line.hubs, before, line.forwarded()):
        assert now - was >= COUNT - SAMPLES, f"hub {hub.n}: not by the fast path"


def test_ospf_recovers_from_a_link_loss(line):
    """The middle hub loses its link: to both neighbours, which notice; the site still sends. SSM and PIM-SM side by side."""
    first, middle, last = line.hubs
    until(lambda: [full(hub) for hub in line.hubs] == [1, 2, 1], "OSPF has its neighbours", every=0.2)
    until(lambda: knows_source(last), "the last hub has the route to the source", every=0.2)
    line.say(RECEIVER, HUBS, igmp.join(MEMBER, SSM, SOURCE))
    line.say(RECEIVER, HUBS, igmp.join(MEMBER, ASM))

    def arrives(group):
        line.send(group, 5)
        return line.received(group, 0.1)
    for group in (SSM, ASM):
        until(lambda g=group: arrives(g), f"data of {group} arrives", every=0.1)
        by_fast_path(line, group)

    # The first hub's kernel registered the source until the RP, which has joined it, said stop; the last one's has shown
    # the daemon whose packets come by the shared tree. Nothing is lost or doubled by that.
    until(lambda: arrives(ASM) and "RegP" in first.ask("show ip pim upstream"), "the RP stops the register", every=0.2)
    until(lambda: arrives(ASM) and (SOURCE, ASM) in last.mroutes(), "the last hub has joined the source", every=0.2)
    by_fast_path(line, ASM)

    line.switch.ip("link set dev hub2 nomaster")
    lost = time.monotonic()
    until(lambda: not arrives(SSM) and not arrives(ASM), "no data arrives", every=0.1)
    until(lambda: first.neighbors() == last.neighbors() == set(), "PIM notices", every=0.2)
    until(lambda: full(first) == full(last) == 0 and not knows_source(last), "OSPF notices", every=0.2)
    noticed = time.monotonic() - lost
    assert not arrives(SSM) and not arrives(ASM)

    line.switch.ip("link set dev hub2 master br0")
    back, took = time.monotonic(), {}
    for group in (SSM, ASM):
        until(lambda g=group: arrives(g), f"data of {group} arrives again", 90, every=0.05)
        took[group] = time.monotonic() - back
    print(f"link loss noticed after {noticed:.1f} s; data again after", {g: f"{s:.1f} s" for g, s in took.items()})
    assert all(hub.neighbors() == hub.wanted() for hub in line.hubs)
    for group in (SSM, ASM):
        by_fast_path(line, group)
