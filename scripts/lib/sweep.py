#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Remove the remains of killed runs of the scripts and tests: see lab/owner.py. Objects with a living owner stay."""
from lab import LabError, sweep

if __name__ == "__main__":
    try:
        sweep()
    except LabError as error:
        raise SystemExit(f"sweep: {error}") from error
