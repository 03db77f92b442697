# SPDX-License-Identifier: BSD-3-Clause
"""The load generator finds, names and counts every fault of a forwarder (tests/loadgen/faults.c), and no other."""
import pytest
from support import loadgen

FANOUT = 16
PACKETS = 70_000
RATE = 20_000  # any CPU checks this rate; full rings delay the sender, and lose nothing
REPLICAS = FANOUT * PACKETS  # 1,120,000: one fault is fewer than one in a million
FAULTS = ("duplicated", "reordered", "late", "damaged", "unexpected")
# The fault of an inverted byte, and the byte's offset in an untagged frame.
BYTES = {"target_mac": 3, "source_mac": 9, "outer_checksum": 20, "gre_header": 35, "inner_checksum": 46, "inner_header": 58 + 2,
         "udp_checksum": 65, "stamp": 70, "payload": 96}


@pytest.fixture
def bench(binary, tmp_path, laboratory):
    benches = []

    def make(*faults):
        config = loadgen.make_config(binary, tmp_path / "c.yaml", "--tunnels", FANOUT + 1, "--groups", 4)
        made = loadgen.Bench(binary, tmp_path, config, faults=[FANOUT + 1, *faults])
        benches.append(made)
        return made
    yield make
    for made in benches:
        made.close()


def load(bench, seconds=PACKETS / RATE):
    result = bench.load("rate", "--rate", RATE, "--duration", seconds, "--warmup", "0", "--quick")
    return result, result.row


def counts(row):
    return {name: row[name] for name in ("lost", *FAULTS) if row[name]}


def test_a_correct_forwarder_has_no_fault(bench):
    made = bench()
    result, row = load(made)
    assert row["sent"] == PACKETS and row["expected"] == REPLICAS and row["received"] == REPLICAS
    assert counts(row) == {} and row["faults"] == "none", result.err


@pytest.mark.parametrize("fault, expected, faults", [
    ("lose", {"lost": 1}, "none"),
    ("double", {"duplicated": 1}, "duplicated 1"),
    ("swap", {"reordered": 1}, "reordered 1")])
def test_one_fault_in_a_million_is_found(bench, fault, expected, faults):
    made = bench(f"{fault}=600001")
    result, row = load(made)
    assert made.stop_faulty()[fault] == 1
    assert counts(row) == expected, result.err
    assert row["faults"] == faults
    assert row["received"] + row["lost"] == row["expected"] == REPLICAS
    assert row["verdict"] == "failed" and result.status == 1


def test_a_corrupt_byte_is_named_by_its_part_of_the_frame(bench):
    """One byte of each part of a frame is inverted, each in another replica. None of them counts as lost."""
    made = bench(*(f"corrupt={20_000 + 1000 * i}:{byte}" for i, byte in enumerate(BYTES.values())))
    result, row = load(made, 1.05)
    assert made.stop_faulty()["corrupt"] == len(BYTES)
    assert counts(row) == {"damaged": len(BYTES)}, result.err
    assert dict(part.split() for part in row["faults"].split(", ")) == {name: "1" for name in BYTES}
    assert row["verdict"] == "failed" and result.status == 1


def test_all_faults_at_once_are_counted(bench):
    made = bench("lose=10001", "lose=10002", "double=12000", "swap=14000", "corrupt=16000:96", "lose=18000")
    result, row = load(made, 1.05)
    assert counts(row) == {"lost": 3, "duplicated": 1, "reordered": 1, "damaged": 1}, result.err
    assert row["faults"] == "duplicated 1, reordered 1, payload 1"
