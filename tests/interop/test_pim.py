# SPDX-License-Identifier: BSD-3-Clause
"""FRR's pimd on hubs in a line with static routes: it joins, prunes and registers over the tunnels' host interfaces, and
sets the kernel's multicast routes; the data takes the fast path."""
import select
import time

import pytest
from hubs import ASM, HUBS, KEEP_ALIVE, MEMBER, RECEIVER, SAMPLES, SOURCE, SSM, hubs_in_a_line
from lab import until
from support import igmp


@pytest.fixture(scope="module")
def line(binary, laboratory):
    with hubs_in_a_line(binary) as line:
        yield line


@pytest.mark.parametrize("group,join,leave", [
    (SSM, igmp.join(MEMBER, SSM, SOURCE), igmp.leave(MEMBER, SSM, SOURCE)),
    (ASM, igmp.join(MEMBER, ASM), igmp.leave(MEMBER, ASM))], ids=["ssm", "asm"])
def test_pim_join_starts_the_flow_and_leave_ends_it(line, group, join, leave):
    """SSM, and PIM-SM with its rendezvous point on the first hub: from the join at one end to data from the other."""
    line.say(RECEIVER, HUBS, join)

    def arrives():
        line.send(group, 5)
        return line.received(group, 0.2)
    until(arrives, "data arrives", every=0.2)
    for hub in line.hubs:
        # on the shared tree there may be a (*,G) alone
        until(lambda h=hub: {(SOURCE, group), ("*", group)} & set(h.mroutes()), f"hub {hub.n} has the route", every=0.2)
        assert {m["origin"] for m in hub.mroutes().values()} == {"kernel"}
    line.received(group, 0.5)
    before = line.forwarded()
    line.send(group, 200)
    total = line.received(group, 20, 200)
    assert total == 200
    for hub, was, now in zip(line.hubs, before, line.forwarded()):
        assert now - was >= 200 - SAMPLES, f"hub {hub.n}: not by the fast path"
    line.say(RECEIVER, HUBS, leave)

    def silent():
        line.send(group, 5)
        return line.received(group, 0.2) == 0
    until(silent, "nothing arrives any more", every=0.2)


@pytest.mark.waits
def test_a_flow_lives_as_long_as_it_flows(line):
    """At the first hub only the kernel's counters keep (S,G) alive where no member has joined by source: over twice the
    keep-alive time of steady traffic on the fast path it stays, and after the last packet it goes."""
    group, hub = "239.1.2.5", line.hubs[0]
    line.say(RECEIVER, HUBS, igmp.join(MEMBER, group))

    def routed():
        line.send(group, 2)
        return (SOURCE, group) in hub.mroutes()
    until(routed, "the first hub has the route", every=0.2)
    end = time.monotonic() + 2.2 * KEEP_ALIVE
    while time.monotonic() < end:
        assert routed()
        select.select([], [], [], 0.5)
    assert line.received(group, 20, 1) > 0
    assert hub.forwarder.query("/gremc/kernel")["kept_alive"] > 0
    line.say(RECEIVER, HUBS, igmp.leave(MEMBER, group))
    until(lambda: (SOURCE, group) not in hub.mroutes(), "the flow is forgotten", 5 * KEEP_ALIVE, every=1)


def test_flows_return_after_a_restart_of_the_hub(line):
    """The middle hub's forwarder is killed and started again: its kernel has kept interfaces, routes and daemon, the mirror queries
    for all of it, and data flows."""
    group = "232.1.2.4"
    line.say(RECEIVER, HUBS, igmp.join(MEMBER, group, SOURCE))

    def arrives():
        line.send(group, 5)
        return line.received(group, 0.2)
    until(arrives, "data arrives", every=0.2)
    middle = line.hubs[1]
    until(lambda: (SOURCE, group) in middle.mroutes(), "the middle hub has the route", every=0.2)
    middle.forwarder.kill()
    assert not arrives()
    middle.forwarder.start()
    # hellos and joins have their periods: 30 and 10 seconds
    until(arrives, "data arrives again", 180, every=0.2)
    until(lambda: (SOURCE, group) in middle.mroutes(), "the middle hub has the route again", every=0.2)
