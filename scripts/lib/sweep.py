#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Remove what runs of the scripts and tests left that were killed: see lab/owner.py. What still has its owner stays."""
from lab import LabError, sweep

if __name__ == "__main__":
    try:
        sweep()
    except LabError as error:
        raise SystemExit(f"sweep: {error}") from error
