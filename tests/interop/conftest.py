# SPDX-License-Identifier: BSD-3-Clause
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from lab import LabError, run  # noqa: E402
from network import Network  # noqa: E402


@pytest.fixture(scope="module")
def make_network(binary, laboratory, tmp_path_factory):
    made = []

    def make(sites, tunnels=None, groups=("239.0.0.0/8",)):
        made.append(Network(binary, Path(tmp_path_factory.mktemp("network")), sites, tunnels or {}, groups))
        return made[-1]

    yield make
    for network in made:
        network.close()


@pytest.fixture(scope="session")
def tshark():
    try:
        run("tshark", "--version")
    except LabError as error:
        pytest.fail(f"tshark judges these tests: {error}", pytrace=False)
