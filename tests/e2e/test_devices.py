# SPDX-License-Identifier: BSD-3-Clause
"""Devices that behave as no veth does: capture files, rings that fill up, buffers that run out."""
from lab import PATIENCE
from support import capture, hub, packets, reasons


def play(make_hub, directory, configuration, frames, seconds=PATIENCE, more="", **options):
    """Have the forwarder read frames from a capture file. Return the stopped hub and the frames that it wrote."""
    capture.write(directory / "in.pcap", frames)
    device = f"net_pcap0,rx_pcap={directory}/in.pcap,tx_pcap={directory}/out.pcap{more}"
    for port in configuration["ethernets"].values():
        port["device"] = port["device"].replace("net_af_packet0", "net_pcap0")
    test_hub = make_hub(configuration, wires=0, vdevs=[device], **options)
    test_hub.handled(len(frames), seconds)
    drops = test_hub.drops()
    test_hub.check(test_hub.forwarder)
    return drops, capture.read(directory / "out.pcap")


def test_damaged_frames_of_a_capture_are_dropped(make_hub, tmp_path):
    """All frames, also those that the kernel would drop, by a driver that delivers them."""
    cases = {**reasons.FRAMES, **reasons.CAPTURED}
    drops, back = play(make_hub, tmp_path, reasons.configuration(), [frame for frames in cases.values() for frame in frames])
    assert drops == {reason: len(frames) for reason, frames in cases.items()}
    assert back == []


def test_packets_of_several_segments_are_forwarded(make_hub, tmp_path):
    """net_pcap chains buffers for long frames: replicas of every length are whole."""
    sizes = [28, 1000, 2000, 2048, 2049, 2100, 3000, 4000, 4096, 5000, 7000, 8976]
    inners = [packets.multicast("10.1.1.1", "239.1.1.1", packets.payload_of(n, size - 28))
              for n, size in enumerate(sizes)]
    configuration = hub.one_to_many(5)
    configuration["ethernets"]["wan"]["mtu"] = 9000
    drops, back = play(make_hub, tmp_path, configuration, [hub.from_site(0, inner) for inner in inners])
    assert drops == {}
    by_site = hub.sites_of([set_source(frame) for frame in back])
    assert by_site == {hub.remote(i): [hub.to_site(i, inner) for inner in inners] for i in range(1, 6)}


def set_source(frame):
    """net_pcap's own MAC is another one."""
    return frame[:6] + packets.mac(hub.MAC) + frame[12:]


def fragments_of(frame, size, ident):
    """The frame as frames with fragments of its outer packet, of at most `size` bytes of payload."""
    header, payload = frame[:14], frame[34:14 + int.from_bytes(frame[16:18], "big")]
    source, destination = (".".join(map(str, frame[at:at + 4])) for at in (26, 30))
    return [header + packets.ipv4(source, destination, packets.GRE, payload[at:at + size], ident=ident,
                                  fragment=at // 8 | (0x2000 if at + size < len(payload) else 0))
            for at in range(0, len(payload), size)]


def test_outer_fragments_are_reassembled(make_hub, tmp_path):
    """With the setting: packets of fragments in any order are forwarded, also those of several buffers. Fragments that
    overlap, and a packet without its last one, are not forwarded."""
    configuration = hub.one_to_many(2)
    configuration["settings"] = {"reassemble": True}
    configuration["ethernets"]["wan"]["mtu"] = 9000
    inners = [packets.multicast("10.1.1.1", "239.1.1.1", packets.payload_of(n, size))
              for n, size in enumerate((100, 1400, 5000, 8000))]
    frames = []
    for n, inner in enumerate(inners):
        fragments = fragments_of(hub.from_site(0, inner, fragment=0), 48 if n == 0 else 1200, n)
        frames += reversed(fragments) if n % 2 else fragments
    # a packet without its last fragment, and fragments that overlap by eight bytes
    frames += fragments_of(hub.from_site(0, inners[1], fragment=0), 720, 100)[:1]
    first, second = fragments_of(hub.from_site(0, inners[1], fragment=0), 720, 101)
    frames += [first, second[:14] + packets.ipv4(hub.remote(0), hub.LOCAL, packets.GRE, second[34:], ident=101, fragment=89)]
    drops, back = play(make_hub, tmp_path, configuration, frames)
    # those that still wait are dropped when the program ends, where play() does the sum
    assert set(drops) <= {"reassembly_failed", "reassembly_timeout"}
    by_site = hub.sites_of([set_source(frame) for frame in back])
    assert by_site == {hub.remote(i): [hub.to_site(i, inner) for inner in inners] for i in (1, 2)}


def test_padding_and_trailers_are_removed(make_hub, tmp_path):
    """Ethernet padding, a trailer behind the outer packet, and bytes between the inner packet's end and the outer one's:
    none of it is forwarded."""
    inner = packets.multicast("10.1.1.1", "239.1.1.1", b"hi")
    frames = [hub.from_site(0, inner), hub.from_site(0, inner) + b"trailer" * 9, hub.from_site(0, inner + b"\xee" * 33),
              hub.from_site(0, inner + b"\xee" * 1000) + b"\xff" * 400]
    drops, back = play(make_hub, tmp_path, hub.one_to_many(2), frames)
    assert drops == {}
    assert [hub.without_free_fields(set_source(frame)) for frame in back] == \
        [frame for _ in frames for frame in (hub.to_site(1, inner), hub.to_site(2, inner))]


def ring_ports(count, fanout, **settings):
    """Tunnel 0 comes by a wire; the others leave by `count` ports that are rings that are not emptied in time."""
    configuration = hub.config(1, [{"group": "239.1.1.1", "from": "t0", "to": []}], settings=settings)
    oil = []
    for n in range(count):
        local = f"172.16.{n}.1"
        configuration["ethernets"][f"ring{n}"] = {
            "device": f"net_ring{n}", "addresses": [f"{local}/24"], "gateway4": f"172.16.{n}.2",
            "neighbors": {f"172.16.{n}.2": "02:02:00:00:00:02"}}
        for i in range(fanout):
            name = f"r{n}-{i}"
            configuration["tunnels"][name] = {"local": local, "remote": f"172.{17 + n}.{i // 250}.{1 + i % 250}"}
            oil.append(name)
    configuration["mroutes"][0]["to"] = oil
    return configuration


def burst_into_rings(make_hub, configuration, rings, replicas, **options):
    """One packet to all; returns (losses, info) when every replica is accounted for."""
    test_hub = make_hub(configuration, vdevs=[f"net_ring{n}" for n in range(rings)], **options)
    test_hub.wire.send([hub.from_site(0, packets.multicast("10.1.1.1", "239.1.1.1", b"x" * 100))])
    test_hub.handled(1)
    # A ring returns the packets that it accepted, as packets from unknown peers.
    taken = test_hub.info()["sent"]
    info = test_hub.handled(1 + taken)
    assert info["wanted"] == replicas == info["sent"] + info["lost"]
    losses = {name: n for name, n in test_hub.forwarder.query("/gremc/drops")["losses"].items() if n}
    assert test_hub.drops()["unknown_peer"] == taken
    return test_hub, losses


def test_replicas_that_full_devices_reject_are_counted(make_hub):
    """A port that takes no more, and a header pool that its packets have emptied: each replica is counted as lost
    for its reason, the others go, and the forwarder goes on."""
    test_hub, losses = burst_into_rings(make_hub, ring_ports(1, 3000), 1, 3000)
    assert set(losses) == {"tx_full"}
    lost = sum(entry["lost"] for entry in test_hub.forwarder.pages("/gremc/tunnels").values())
    assert lost == losses["tx_full"]
    # Rings hold more packets than the descriptors that the pool is sized for, and a worker holds rejected packets for a while.
    small = ring_ports(6, 1600, **{"tx-descriptors": 64, "rx-descriptors": 64})
    test_hub, losses = burst_into_rings(make_hub, small, 6, 9600)
    assert "no_mbuf" in losses
    again = hub.from_site(0, packets.multicast("10.1.1.1", "239.1.1.1", b"y"))
    before = test_hub.info()
    test_hub.wire.send([again])
    assert test_hub.handled(before["rx_packets"] + 1)["sent"] > before["sent"]
