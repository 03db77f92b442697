# SPDX-License-Identifier: BSD-3-Clause
"""The client of gremcctl, with the laboratory's error."""
import sys
from pathlib import Path

from .process import LabError

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "app/gremcctl"))

from ctl import client  # noqa: E402


def runtime_directory():
    return Path(client.runtime_directory())


def socket_path(file_prefix):
    return Path(client.socket_path(file_prefix))


class Telemetry(client.Client):
    def __init__(self, path, timeout=10.0):
        try:
            super().__init__(path, timeout)
        except client.Unreachable as error:
            raise LabError(str(error)) from error
