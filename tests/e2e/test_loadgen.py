# SPDX-License-Identifier: BSD-3-Clause
"""gremc-loadgen against the forwarder, over memif and over real frames, and its error messages."""
import csv
import re
import signal
import subprocess
import threading

import pytest
from lab import FIRST, Forwarder, Namespace, run, veth
from support import loadgen

FANOUT = 16
EAL = ["--no-huge", "-m", "128", "--no-pci", "--no-shconf", "--log-level=error"]


@pytest.fixture(scope="module")
def bench(binary, tmp_path_factory, laboratory):
    """17 tunnels with fan-outs of 4 and 16, and a LAN on a second port."""
    directory = tmp_path_factory.mktemp("load")
    config = loadgen.make_config(binary, directory / "c.yaml", "--tunnels", FANOUT + 1, "--groups", 32, "--fanout",
                                 f"4,{FANOUT}", "--keys", "--lan-device", "net_memif1")
    with loadgen.Bench(binary, directory, config, ports=2) as made:
        yield made


def test_rate_accounts_for_every_replica(bench, tmp_path):
    """All replicas return intact, the rate is kept, and the forwarder's counters agree to the packet. memif's ring holds all
    replicas, so a pause of the machine loses none."""
    def totals():
        return bench.forwarder.query("/gremc/info")

    before = totals()
    result = bench.load("rate", "--rate", "2k", "--duration", "0.5", "--warmup", "0", "--fanout", FANOUT, "--quick",
                        "--csv", tmp_path / "r.csv", "--report", tmp_path / "r.html")
    after = totals()
    row = result.row
    assert row["sent"] == 1_000 and row["expected"] == row["received"] == FANOUT * 1_000, result.err
    assert row["lost"] == 0 and row["faults"] == "none"
    # beside the trial there is only the proof: 4 packets of each of the 34 flows, or a multiple if it was repeated
    packets = after["rx_packets"] - before["rx_packets"] - row["sent"]
    assert packets > 0 and packets % (4 * 34) == 0
    proof = 4 * (16 * 4 + 16 * FANOUT + FANOUT + 1)
    assert after["sent"] - before["sent"] == row["received"] + packets // (4 * 34) * proof
    assert after["lost"] == before["lost"]
    assert row["delay_min_us"] > 0 and row["delay_min_us"] <= row["delay_p50_us"] <= row["delay_max_us"]
    assert sum(int(part.split(":")[1]) for part in row["histogram"].split(";")) == row["received"]
    rows = list(csv.DictReader(open(tmp_path / "r.csv", newline="")))
    assert len(rows) == 1 and int(rows[0]["received"]) == row["received"]
    page = (tmp_path / "r.html").read_text()
    assert "<svg" in page and "virtual devices" in page and not re.search(r"(src|href)=", page)


def test_throughput_names_its_limit(bench):
    """Nothing is lost at the rate that the search finds, and the row names the limit."""
    place = ["--dut-cpu", loadgen.A] if loadgen.A != loadgen.B else []
    row = bench.load("throughput", "--quick", "--duration", "0.1", "--fanout", FANOUT, *place).row
    assert row["verdict"] in ("limited", "measured") and row["offered_pps"] > 0
    assert row["lost"] == 0 and row["faults"] == "none" and row["received"] == row["expected"] > 0
    assert row["verdict"] == "measured" or row["note"]
    assert bool(place) == (row.get("line_ns") is not None) and (not place or row["line_ns"] > 5)


class Paused(loadgen.Bench):
    """A wire of 1024 slots, and a forwarder that is stopped for `pause` seconds once a trial has sent some packets."""
    rsize, pause = 10, 0.25

    def _memif(self, n, role, mac=None):
        return super()._memif(n, role, mac).replace("rsize=14", f"rsize={self.rsize}")

    def stop_for_a_while(self, over):
        """Stop the forwarder after 20,000 packets of each trial. (The generator repeats a trial in which it was stalled.)"""
        process, forwarded = self.forwarder.process, 0
        while not over.is_set():
            now = self.forwarder.query("/gremc/info")["forwarded"]
            if now < forwarded + 20_000:
                over.wait(0.02)
                continue
            process.send_signal(signal.SIGSTOP)
            over.wait(self.pause)
            process.send_signal(signal.SIGCONT)
            # the rest of this trial and the proof of the next
            forwarded = now + 50_000


def test_delays_include_a_pause_of_the_forwarder(binary, tmp_path, laboratory):
    """The delay of a packet starts when it is due, also while the forwarder accepts none: the 99th percentile includes the
    pause, which delays from transmission omit, and the row notes that the trial fell behind."""
    rate, seconds = 20_000, 4
    config = loadgen.make_config(binary, tmp_path / "c.yaml", "--tunnels", 3, "--fanout", 1, "--groups", 2)
    with Paused(binary, tmp_path, config) as bench:
        over = threading.Event()
        thread = threading.Thread(target=bench.stop_for_a_while, args=(over,))
        thread.start()
        try:
            result = bench.load("rate", "--rate", rate, "--duration", seconds, "--warmup", "0", "--settle", "0.3", "--report",
                                tmp_path / "r.html")
        finally:
            over.set()
            thread.join()
    row = result.row
    assert row["sent"] == row["received"] == rate * seconds, result.err
    # 5,000 packets are due in 0.25 s, of which the wire holds 1,024: the next one leaves 0.2 s late
    least = bench.pause - 1024 / rate
    assert row["behind_ms"] >= 1000 * least * 0.9 and row["behind"] >= rate * least * 0.9
    assert row["delay_p99_us"] >= 1e6 * least * 0.7, "more than 1 % of all packets were due in the first part of the pause"
    assert row["delay_max_us"] >= row["behind_ms"] * 1000 * 0.99
    late = sum(int(count) for us, count in (part.split(":") for part in row["histogram"].split(";")) if float(us) > 50_000)
    # lags from 0.2 to 0.05 s, at a quarter above the rate, and the packets in the wire
    assert late >= 0.9 * (bench.pause - 0.05) * rate
    assert row["sent_delay_p50_us"] <= row["sent_delay_p99_us"] <= row["delay_p99_us"]
    assert f"sending fell behind its schedule by up to {row['behind_ms']:.3g} ms" in row["note"]
    page = (tmp_path / "r.html").read_text()
    assert "fell behind its schedule" in page and "behind ms" in page and "sent p99" in page and "behind ms" in result.out


def test_the_generators_own_cpu_is_refused(bench):
    result = bench.load("rate", "--rate", "1k", "--duration", "0.1", "--dut-cpu", loadgen.B)
    assert result.status == 1 and f"--dut-cpu {loadgen.B}: the CPU is the generator's own" in result.err


@pytest.mark.sanitizers
def test_suite_runs_every_test(bench):
    """The suite runs every test, or gives the reason for skipping it."""
    result = bench.load("suite", "--quick", "--duration", "0.1", "--latency-duration", "0.1", "--size", "64,1400", "--max-rate",
                        "20k", "--confirm", "1", "--resolution", "30", "--join-wait", "0.2", "--burst", "500", "--fanout", FANOUT,
                        "--unicast", "0,10", "--settle", "0.1", "--step", "40", timeout=170)
    listed = re.findall(r"^  ([a-z-]+) ", run(loadgen.program(bench.binary), "--help").stdout.split("tests:")[1].split("suite")[0],
                        re.M)
    assert listed and set(listed) == {row["test"] for row in result.rows}, result.err
    verdicts = {row["test"]: row["verdict"] for row in result.rows}
    assert verdicts["encap"] != "skipped"
    assert [row["verdict"] for row in result.rows if row["test"] == "capacity"] == ["passed", "passed", "skipped"]
    notes = {row["test"]: row.get("note", "") for row in result.rows}
    assert "does not learn groups" in notes["join"] and "carries no unicast" in notes["mixed"]


@pytest.fixture(scope="module")
def host_bench(binary, tmp_path_factory, laboratory):
    """5 tunnels of a kernel that forwards unicast between them, and whose sites join groups."""
    directory = tmp_path_factory.mktemp("host")
    namespace = Namespace("load")
    try:
        namespace.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        config = loadgen.make_config(binary, directory / "c.yaml", "--tunnels", 5, "--groups", 8, "--host", "--querier")
        with loadgen.Bench(binary, directory, config, namespace=namespace) as made:
            yield made
    finally:
        namespace.remove()


def test_sites_answer_arp(host_bench):
    """The generator resolves the forwarder's MAC address and answers for the sites: no MAC address is configured."""
    row = host_bench.load("rate", "--rate", "2k", "--duration", "0.2", "--warmup", "0", "--quick", mac=None).row
    assert row["received"] == row["expected"] == 4 * 400 and row["faults"] == "none"


@pytest.mark.parametrize("version", [2, 3])
def test_join_and_leave_delays_are_measured(host_bench, version):
    """Sites receive after they join and do not after they leave (RFC 3918, 6.1, 6.2)."""
    result = host_bench.load("join", "--quick", "--igmp", version, mac=None)
    row = result.row
    assert row["verdict"] == "measured" and row["variant"] == f"4 of 4 sites, IGMPv{version}", result.err
    assert 0 < row["join_min_ms"] <= row["join_max_ms"] and 0 <= row["leave_min_ms"] <= row["leave_max_ms"]


def test_capacity_counts_joined_groups(host_bench):
    result = host_bench.load("capacity", "--quick", "--join-groups", "64", mac=None)
    assert [(row["variant"], row["groups"], row["verdict"]) for row in result.rows] == [("8 groups", 8, "passed"),
                                                                                        ("64 joined", 64, "passed")], result.err


def test_mixed_measures_routed_unicast(host_bench):
    """Unicast that the forwarder's kernel routes from tunnel to tunnel (RFC 3918, 4.1)."""
    result = host_bench.load("mixed", "--quick", "--duration", "0.2", "--unicast", "20", "--max-rate", "500", "--resolution", "50",
                             mac=None)
    row = result.row
    assert row["verdict"] != "failed" and "carries no unicast" not in row.get("note", ""), result.err
    assert row["received"] == row["expected"] > row["sent"] and row["faults"] == "none"


def test_sizes_that_do_not_fit_are_skipped(bench):
    result = bench.load("rate", "--rate", "1k", "--duration", "0.1", "--quick", "--size", "outer:64,1500,64", "--fanout", FANOUT)
    assert [row["verdict"] for row in result.rows[:2]] == ["skipped", "skipped"]
    assert "the smallest is outer:" in result.rows[0]["note"] and "exceed the MTU" in result.rows[1]["note"]
    assert result.rows[2]["received"] == result.rows[2]["expected"] > 0


def test_silent_streams_are_named(bench, binary, tmp_path):
    """The generator's configuration has groups that the forwarder's lacks: it names their streams and ends."""
    config = loadgen.make_config(binary, tmp_path / "other.yaml", "--tunnels", FANOUT + 1, "--groups", 40, "--fanout", f"4,{FANOUT}",
                                 "--keys", "--lan-device", "net_memif1")
    result = bench.load("rate", "--rate", "1k", "--duration", "0.1", config=config)
    assert result.status == 1 and not result.rows
    assert re.search(r"\(10\.\d+\.\d+\.\d+, 239\.1\.1\.\d+\) from t\d+ does not arrive at t\d+", result.err)
    assert "streams are silent: the forwarder runs with another configuration" in result.err


def test_a_silent_forwarder_is_reported(bench):
    result = bench.load("rate", "--rate", "1k", "--duration", "0.1", config=foreign(bench))
    assert result.status == 1 and re.search(r"no replica of \d+ packets returned", result.err) and "Is the forwarder running" in result.err


def foreign(bench):
    """The same configuration with tunnels that the forwarder does not have."""
    path = bench.directory / "foreign.yaml"
    path.write_text(bench.config.read_text().replace("remote: 198.18.", "remote: 198.19.").replace("198.51.100.2", "198.51.100.9"))
    return path


def test_missing_arp_replies_are_reported(bench):
    result = bench.load("rate", "--rate", "1k", "--duration", "0.1", mac=None)
    assert result.status == 1 and "does not answer ARP for 192.0.2.1 (port wan): give its MAC address by --dut-mac wan=MAC" in result.err


def test_a_link_that_is_down_is_reported(binary, tmp_path):
    """No program is at the other end of the wire."""
    config = loadgen.make_config(binary, tmp_path / "c.yaml")
    done = run(loadgen.program(binary), "-l", "0", *EAL, "--vdev", f"net_memif0,role=server,socket={tmp_path}/no.sock,socket-abstract=no",
               "--", "rate", "--dut-config", config, "--link-wait", "0.3", check=False, timeout=30)
    assert done.returncode == 1 and "the link of `net_memif0` is down" in done.stderr


@pytest.mark.parametrize("argv, status, sentence", [
    (["--", "nonsense"], 2, "unknown test `nonsense`"),
    (["--"], 2, "missing test"),
    (["--", "rate"], 2, "missing --dut-config FILE"),
    (["--", "rate", "--dut-config"], 2, "missing argument after --dut-config"),
    (["--", "rate", "--dut-config", "/nonexistent.yaml"], 78, "/nonexistent.yaml"),
    (["--", "rate", "--rate", "fast"], 2, "--rate `fast`: expected a rate such as 250k"),
    (["--", "rate", "--size", "20"], 2, "--size `20`: expected 56 to 9600"),
    (["--", "rate", "--duration", "-1"], 2, "--duration `-1`: expected a number from"),
    (["--", "rate", "--port", "net_memif0"], 2, "expected NAME=VALUE"),
    (["--", "rate", "--join-group", "10.0.0.1"], 2, "a multicast group outside of 224.0.0.0/24"),
    (["--", "rate", "--dut-cpu", "core1"], 2, "--dut-cpu `core1`: expected a number from"),
    (["--", "rate", "--colour"], 2, "unknown option --colour"),
    (["--", "rate", "--dut-config", "/dev/null", "--json", "/nonexistent/r.json"], 1, "cannot write /nonexistent/r.json"),
    (["make-config", "--tunnels", "4", "--fanout", "4"], 2, "a fan-out of 4 needs 5 tunnels"),
    (["report", "/nonexistent.json", "--report", "/tmp/never.html"], 1, "/nonexistent.json: cannot be read")])
def test_a_bad_option_is_one_line_on_stderr(binary, argv, status, sentence):
    done = run(loadgen.program(binary), *argv, check=False)
    assert done.returncode == status and sentence in done.stderr, done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_manual_and_help_agree(binary, top):
    """The manual has every option and test of --help, and no others."""
    page = (top / "docs/man/gremc-loadgen.8").read_text().replace("\\-", "-")
    text = run(loadgen.program(binary), "--help").stdout
    entries = page[page.index(".SH TESTS"):page.index(".SH EXIT")]
    assert re.findall(r"^  (--[a-z-]+)", text, re.M) == re.findall(r"^\.BI? (--[a-z-]+)", entries.split(".SH OPTIONS")[1].split(
        ".TP", 1)[1], re.M)
    assert re.findall(r"^  ([a-z][a-z-]+) ", text, re.M) == re.findall(r"^\.B ([a-z][a-z-]+)", entries.split(".SH OPTIONS")[0], re.M)


def test_a_wrong_wiring_is_reported(binary, tmp_path):
    config = loadgen.make_config(binary, tmp_path / "c.yaml")
    for argv, sentence in ((["--port", "lan=net_null0"], "has no port of this name"),
                           ([], "give their wiring, --port wan=DEVICE")):
        done = run(loadgen.program(binary), "-l", "0", *EAL, "--vdev", "net_null0", "--vdev", "net_null1", "--", "rate", "--dut-config",
                   config, *argv, check=False, timeout=30)
        assert done.returncode == 1 and sentence in done.stderr, done.stderr


def test_make_config_prints_valid_configurations(binary, tmp_path):
    for options in (["--tunnels", "2", "--groups", "1"], ["--tunnels", "3000", "--groups", "500", "--fanout", "1,7,2000"],
                    ["--keys", "--lan-device", "net_memif1"]):
        path = loadgen.make_config(binary, tmp_path / "c.yaml", *options)
        assert subprocess.run([binary, "--check", path], capture_output=True).returncode == 0


def test_real_frames_pass_the_kernel(binary, tmp_path, laboratory):
    """Over af_packet and veth, where every frame passes the kernel. The rings hold all replicas."""
    namespace = Namespace("load")
    config = loadgen.make_config(binary, tmp_path / "c.yaml", "--tunnels", 5, "--groups", 8, "--device", "net_af_packet0")
    device = "net_af_packet0,iface={},blocksz=65536,framesz=2048,framecnt=8192,qdisc_bypass=1"
    forwarder = None
    try:
        veth(namespace, "gen", namespace, "dut")
        namespace.ip(f"link set dev dut address {loadgen.MAC}")
        forwarder = Forwarder(binary, config, namespace, [device.format("dut")], cpus=["-l", str(loadgen.A)], wrapper=FIRST).start()
        done = namespace.run(*FIRST, loadgen.program(binary), "-l", str(loadgen.B), *EAL[:1], "-m", "512", *EAL[3:], "--vdev",
                             device.format("gen"), "--", "rate", "--rate", "3k", "--duration", "0.5", "--dut-config", config, "--dut-mac",
                             loadgen.MAC, "--quick", "--size", "64,imix", "--json", tmp_path / "r.json", check=False,
                             start_new_session=True)
        result = loadgen.Result(done.returncode, done.stdout, done.stderr, tmp_path / "r.json")
        assert [(row["size"], row["lost"], row["faults"]) for row in result.rows] == [("64", 0, "none"), ("imix", 0, "none")], done.stderr
        assert all(row["received"] == 4 * row["sent"] == 4 * 1500 for row in result.rows)
    finally:
        if forwarder:
            forwarder.kill()
        namespace.remove()
