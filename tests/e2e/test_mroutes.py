# SPDX-License-Identifier: BSD-3-Clause
"""Which mroute a packet takes, and where it goes: longest match, RPF, split horizon, SSM, many-to-many."""
from support import hub, packets


def sites(test_hub, i, source, group):
    """The sites that a packet from site i reaches."""
    back = test_hub.exchange([hub.from_site(i, packets.multicast(source, group, b"?"))])
    by_site = hub.sites_of(back)
    assert all(len(frames) == 1 for frames in by_site.values())
    return {n for n in range(12) if hub.remote(n) in by_site}


def test_the_most_specific_mroute_wins(make_hub):
    """(S,G) before (*,G) before the longest prefix; a more specific one hides the others whole, drop or not."""
    route = {"from": ["t0"]}
    test_hub = make_hub(hub.config(9, [
        {"group": "239.1.1.1", "source": "10.1.1.1", "to": ["t1"], **route},
        {"group": "239.1.1.1", "to": ["t2"], **route},
        {"group": "239.1.1.0/24", "to": ["t3"], **route},
        {"group": "239.1.0.0/16", "to": ["t4"], **route},
        {"group": "239.0.0.0/8", "to": ["t5"], **route},
        {"group": "224.0.0.0/4", "to": ["t6"], **route},
        {"group": "239.1.2.0/31", "to": ["t7"], **route},
        {"group": "239.7.7.7", "source": "10.1.1.1", "from": ["t8"], "to": ["t1"]}]))
    expected = {("10.1.1.1", "239.1.1.1"): {1}, ("10.1.1.2", "239.1.1.1"): {2}, ("10.1.1.1", "239.1.1.2"): {3},
                ("10.1.1.1", "239.1.3.1"): {4}, ("10.1.1.1", "239.2.0.1"): {5}, ("10.1.1.1", "225.0.0.1"): {6},
                ("10.1.1.1", "239.1.2.0"): {7}, ("10.1.1.1", "239.1.2.1"): {7}, ("10.1.1.1", "239.1.2.2"): {4},
                ("10.1.1.1", "224.0.1.0"): {6}, ("10.1.1.9", "239.7.7.7"): {5}}
    for (source, group), reached in expected.items():
        assert sites(test_hub, 0, source, group) == reached, (source, group)
    # An (S,G) that does not accept the interface: no wider route applies.
    with test_hub.counting(rpf=1):
        assert sites(test_hub, 0, "10.1.1.1", "239.7.7.7") == set()
    assert test_hub.forwarder.query("/gremc/why,t0,10.1.1.1,239.7.7.7")["reason"] == "rpf"


def test_source_specific_groups_match_their_source_only(make_hub):
    """232.0.0.0/8 is source-specific: a wide prefix does not reach into it."""
    test_hub = make_hub(hub.config(4, [{"group": "224.0.0.0/4", "from": "any", "to": "all"},
                                       {"group": "232.1.1.1", "source": "10.1.1.1", "from": "any", "to": ["t2"]}]))
    assert sites(test_hub, 0, "10.1.1.1", "232.1.1.1") == {2}
    with test_hub.counting(no_mroute=2):
        assert sites(test_hub, 0, "10.1.1.2", "232.1.1.1") == set()
        assert sites(test_hub, 0, "10.1.1.1", "232.1.1.2") == set()
    assert sites(test_hub, 0, "10.1.1.1", "233.1.1.1") == {1, 2, 3}


def test_any_sender_reaches_all_others(make_hub):
    """from any, to all: all sites except the sender receive."""
    test_hub = make_hub(hub.config(12, [{"group": "239.0.0.0/8", "from": "any", "to": "all"}]))
    for i in range(12):
        assert sites(test_hub, i, f"10.1.1.{i + 1}", "239.4.5.6") == set(range(12)) - {i}
    info = test_hub.info()
    assert (info["forwarded"], info["wanted"]) == (12, 12 * 11)


def test_rpf_and_split_horizon_hold(make_hub):
    """The incoming interface is left out wherever it stands in the oil; others are not accepted."""
    test_hub = make_hub(hub.config(5, [{"group": "239.1.1.1", "from": ["t0", "t2", "t4"], "to": "all"},
                                       {"group": "239.2.2.2", "from": "t1", "to": "t1"},
                                       {"group": "239.3.3.3", "from": "any", "to": ["t3"]}]))
    for i in (0, 2, 4):
        assert sites(test_hub, i, "10.1.1.1", "239.1.1.1") == {0, 1, 2, 3, 4} - {i}
    with test_hub.counting(rpf=2, empty_oil=2):
        for i in (1, 3):
            assert sites(test_hub, i, "10.1.1.1", "239.1.1.1") == set()
        assert sites(test_hub, 1, "10.1.1.1", "239.2.2.2") == set()
        assert sites(test_hub, 3, "10.1.1.1", "239.3.3.3") == set()
    assert sites(test_hub, 1, "10.1.1.1", "239.3.3.3") == {3}


def test_next_hops_follow_the_routes(make_hub):
    """A remote in the port's network is its own next hop, another goes by the longest route, then the gateway."""
    configuration = hub.config(2, [{"group": "239.1.1.1", "from": ["t0"], "to": "all"}])
    wan = configuration["ethernets"]["wan"]
    wan["addresses"] = ["10.0.0.1/16"]
    wan["gateway4"] = "10.0.9.1"
    wan["routes"] = [{"to": "172.16.0.0/12", "via": "10.0.9.2"}, {"to": "172.16.5.0/24", "via": "10.0.9.3"}]
    wan["neighbors"].update({f"10.0.9.{n}": f"02:09:00:00:00:0{n}" for n in (1, 2, 3)})
    remotes = {"far": ("198.51.100.1", 1), "wide": ("172.20.0.1", 2), "narrow": ("172.16.5.9", 3)}
    for name, (remote, _) in remotes.items():
        configuration["tunnels"][name] = {"local": hub.LOCAL, "remote": remote}
    back = make_hub(configuration).exchange([hub.from_site(0, packets.multicast("10.1.1.1", "239.1.1.1", b"?"))])
    macs = {".".join(map(str, frame[30:34])): frame[:6].hex(":") for frame in back}
    assert macs == {hub.remote(1): hub.remote_mac(1),
                    **{remote: f"02:09:00:00:00:0{n}" for remote, n in remotes.values()}}
