# SPDX-License-Identifier: BSD-3-Clause
"""Aligned text tables, numbers and times for people."""
import os
import sys

UNITS = ((10 ** 12, "T"), (10 ** 9, "G"), (10 ** 6, "M"), (10 ** 3, "k"))


def duration(seconds):
    """As routers show an uptime: 00:01:05, 3d04h."""
    seconds = int(seconds)
    days, rest = divmod(seconds, 86400)
    if days:
        return f"{days}d{rest // 3600:02}h"
    return f"{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}"


def rate(value):
    """A rate with three digits and a unit."""
    for size, unit in UNITS:
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}" if 0 < value < 10 else f"{value:.0f}"


def width():
    """The columns of the terminal; None: the output is no terminal, so lines are not cut."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns
    except (OSError, ValueError):
        return None


def table(heads, rows, columns=None):
    """Lines of a table: numbers to the right, text to the left, cut to `columns`."""
    text = [[str(cell) for cell in row] for row in rows]
    sizes = [max(len(row[i]) for row in [heads, *text]) for i in range(len(heads))]
    right = [bool(rows) and all(isinstance(row[i], (int, float)) for row in rows) for i in range(len(heads))]

    def line(cells):
        padded = [cell.rjust(size) if to_right else cell.ljust(size)
                  for cell, size, to_right in zip(cells, sizes, right)]
        whole = "  ".join(padded).rstrip()
        return whole if columns is None or len(whole) <= columns else whole[:columns - 1] + ">"

    return [line(heads), *(line(row) for row in text)]
