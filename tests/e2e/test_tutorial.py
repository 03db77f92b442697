# SPDX-License-Identifier: BSD-3-Clause
"""The features, one by one, as a user meets them: a configuration, commands, and their results.

support/tutorial.py has a picture of the network. `lab.east.send()` and `lab.west.receiving()` run ordinary multicast programs
(scripts/lib/mcast.py) on the sites.
"""
from support.smcroute import Smcroute

HUB = """
    ethernets:
      wan: {device: net_af_packet0, addresses: [192.0.2.1/24], host: true}
    tunnels:
      gre1: {local: 192.0.2.1, remote: 192.0.2.11}
      gre2: {local: 192.0.2.1, remote: 192.0.2.12}
    mroutes:
      - {group: 239.1.1.1, from: gre1, to: gre2}
"""


def test_hub_forwards_a_group_between_tunnels(lab):
    lab.start_sites()
    lab.hub.start(HUB)
    with lab.west.receiving("239.1.1.1", count=10):
        lab.east.send("239.1.1.1", count=10)
    mroute = lab.hub.telemetry("/gremc/mroute,*,239.1.1.1")
    assert (mroute["iif_names"], mroute["oif_names"], mroute["packets"]) == (["gre1"], ["gre2"], 10)


def test_sites_join_groups_by_igmp(lab):
    lab.start_sites()
    lab.hub.start("""
        ethernets:
          wan: {device: net_af_packet0, addresses: [192.0.2.1/24], host: true}
        tunnels:
          gre1: {local: 192.0.2.1, remote: 192.0.2.11, addresses: [10.0.0.1], igmp: querier}
          gre2: {local: 192.0.2.1, remote: 192.0.2.12, addresses: [10.0.0.1], igmp: {fast-leave: true}}
        mroutes: []
        """)
    with lab.west.receiving("239.2.2.2", count=10):  # its kernel sends an IGMPv3 report
        lab.until(lambda: [g["group"] for g in lab.hub.telemetry("/gremc/groups")["list"].values()] == ["239.2.2.2"])
        lab.east.send("239.2.2.2", count=10)
    lab.until(lambda: lab.hub.telemetry("/gremc/groups")["total"] == 0)  # it has left


def test_daemon_sets_routes_in_the_kernel(lab, tmp_path):
    lab.start_sites()
    lab.hub.start("""
        ethernets:
          wan: {device: net_af_packet0, addresses: [192.0.2.1/24], host: true}
        tunnels:
          gre1: {local: 192.0.2.1, remote: 192.0.2.11, addresses: [10.0.0.1], peer: 10.0.0.11, host: true}
          gre2: {local: 192.0.2.1, remote: 192.0.2.12, addresses: [10.0.0.2], peer: 10.0.0.12, host: true}
        mroutes: kernel
        """)
    smcroutectl = Smcroute(lab.hub.namespace, tmp_path, ["gre1", "gre2"])
    smcroutectl("add gre1 10.0.0.11 239.3.3.3 gre2")
    lab.until(lambda: lab.hub.telemetry("/gremc/mroutes")["total"] == 1)
    with lab.west.receiving("239.3.3.3", count=10):
        lab.east.send("239.3.3.3", count=10)
    assert lab.hub.telemetry("/gremc/mroute,10.0.0.11,239.3.3.3")["packets"] == 10  # by the fast path
    smcroutectl.stop()


def test_tunnel_is_an_interface_of_the_host(lab):
    lab.start_sites()
    lab.hub.start("""
        ethernets:
          wan: {device: net_af_packet0, addresses: [192.0.2.1/24], host: true}
        tunnels:
          gre1: {local: 192.0.2.1, remote: 192.0.2.11, addresses: [10.0.0.1], peer: 10.0.0.11, host: true}
        mroutes: []
        """)
    assert "10.0.0.1 peer 10.0.0.11" in lab.hub.sh("ip addr show dev gre1")
    assert "3 received" in lab.hub.sh("ping -c 3 -i 0.1 10.0.0.11")
    with lab.hub.receiving("239.4.4.4", count=10):  # a program of the hub
        lab.east.send("239.4.4.4", count=10)


def test_native_port_receives_multicast_without_gre(lab):
    lab.start_sites()
    lab.hub.start("""
        ethernets:
          wan: {device: net_af_packet0, addresses: [192.0.2.1/24], host: true}
          lan: {device: net_af_packet1, addresses: [198.51.100.1/24], multicast: true}
        tunnels:
          gre1: {local: 192.0.2.1, remote: 192.0.2.11}
        mroutes:
          - {group: 239.5.5.5, from: gre1, to: lan}
        """, interfaces=["nic0", "nic2"])
    lab.lan.sh("sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth0.rp_filter=0")
    with lab.lan.receiving("239.5.5.5", count=10, interface="eth0"):
        lab.east.send("239.5.5.5", count=10)


def test_bond_with_a_vlan_carries_tunnels(lab):
    lab.start_sites(more=", vlan: 7")
    lab.hub.start("""
        ethernets:
          nic0: {device: net_af_packet0}
          nic1: {device: net_af_packet1}
        bonds:
          bond0:
            interfaces: [nic0, nic1]
            parameters: {mode: active-backup}
            vlan: 7
            addresses: [192.0.2.1/24]
            host: true
        tunnels:
          gre1: {local: 192.0.2.1, remote: 192.0.2.11}
          gre2: {local: 192.0.2.1, remote: 192.0.2.12}
        mroutes:
          - {group: 239.6.6.6, from: gre1, to: gre2}
        """, interfaces=["nic0", "nic1"])
    with lab.west.receiving("239.6.6.6", count=10):
        lab.east.send("239.6.6.6", count=10)


def test_reload_changes_routes_without_a_restart(lab):
    lab.start_sites()
    lab.hub.start(HUB)
    messages = lab.hub.reload(HUB + "      - {group: 239.7.7.7, from: gre2, to: gre1}\n")  # kill -HUP
    assert "reloaded" in messages
    with lab.east.receiving("239.7.7.7", count=10):
        lab.west.send("239.7.7.7", count=10)
    assert lab.hub.telemetry("/gremc/info")["reloads"] == 1


def test_why_explains_a_drop(lab):
    lab.start_sites()
    lab.hub.start(HUB)
    lab.east.send("239.9.9.9", count=10)  # a group without an mroute
    lab.until(lambda: lab.hub.telemetry("/gremc/drops")["drops"]["no_mroute"] == 10)
    drop, = [vif["drops"]["no_mroute"] for vif in lab.hub.telemetry("/gremc/vif_drops")["list"].values() if vif["name"] == "gre1"]
    assert drop == {"packets": 10, "source": "10.0.0.11", "group": "239.9.9.9"}
    why = lab.hub.telemetry("/gremc/why,gre1,10.0.0.11,239.9.9.9")
    assert (why["verdict"], why["reason"]) == ("drop", "no_mroute")
    assert lab.hub.telemetry("/gremc/why,gre1,10.0.0.11,239.1.1.1")["verdict"] == "forward"


def test_kernel_and_forwarder_share_a_port(lab, af_xdp):
    lab.start_sites()
    lab.hub.sh("ip addr add 192.0.2.1/24 dev nic0")  # the kernel keeps its interface
    lab.hub.start(HUB.replace("device: net_af_packet0", "interface: nic0").replace(", host: true", ""), interfaces=[])
    assert "prog/xdp" in lab.hub.sh("ip -d link show dev nic0")
    assert "3 received" in lab.hub.sh("ping -c 3 -i 0.1 192.0.2.11")
    with lab.west.receiving("239.1.1.1", count=10):
        lab.east.send("239.1.1.1", count=10)


IFCFG = "DEVICE=gre{n}\nTYPE=GRE\nONBOOT=yes\nMY_OUTER_IPADDR=192.0.2.1\nPEER_OUTER_IPADDR=192.0.2.1{n}\n"


def test_server_with_ifcfg_files_is_taken_over(lab, tmp_path):
    lab.start_sites()
    lab.hub.sh("ip link add wan type veth peer name cable")  # `wan` is the interface that the kernel has today
    lab.hub.sh("ip link set wan up")
    lab.hub.sh("ip addr add 192.0.2.1/24 dev wan")
    for n in (1, 2):
        (tmp_path / f"ifcfg-gre{n}").write_text(IFCFG.format(n=n))
    lab.hub.start("""
        ethernets:
          wan: {device: net_af_packet0, addresses: [192.0.2.1/24], host: true}
        mroutes:
          - {group: 239.1.1.1, from: gre1, to: gre2}
        """, options=["--ifcfg", str(tmp_path), "--takeover", "wan"])
    assert "192.0.2.1/24" in lab.hub.sh("ip addr show dev wan")  # now a TAP of the forwarder
    with lab.west.receiving("239.1.1.1", count=10):
        lab.east.send("239.1.1.1", count=10)
    assert lab.hub.forwarder.stop() == 0
    lab.hub.sh(f"'{lab.top}/scripts/give-back' wan")  # and back to the kernel
    assert "192.0.2.1/24" in lab.hub.sh("ip addr show dev wan") and "veth" in lab.hub.sh("ip -d link show dev wan")
