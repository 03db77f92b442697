# SPDX-License-Identifier: BSD-3-Clause
"""`top`: rates of tunnels and mroutes between two readings, the busiest first."""
import curses
import time

from . import show, tables

TOTALS = (("in", "rx_packets"), ("sent", "sent"), ("dropped", "dropped"), ("lost", "lost"))


class Reading:
    """The counters at one time."""

    def __init__(self, client):
        self.info = client.query("/gremc/info")
        self.tunnels = client.pages("/gremc/tunnels")
        self.mroutes = client.pages("/gremc/mroutes")
        self.time = time.monotonic()


def rates(old, new, seconds, fields):
    """{number: rates of the fields}; an entry that is new, or whose counters began again, has rates of 0."""
    result = {}
    for number, entry in new.items():
        before = old.get(number, entry)
        result[number] = [max(0, entry[field] - before[field]) / seconds for field in fields]
    return result


def busiest(new, by_number):
    """Numbers, the highest sum of rates first; equal ones in their order."""
    return sorted(new, key=lambda number: (-sum(by_number[number]), int(number)))


def tunnel_rows(old, new, seconds):
    """Rows of (cells, whether replicas are lost)."""
    by_number = rates(old.tunnels, new.tunnels, seconds, ("rx_packets", "tx_packets", "lost"))
    return [((new.tunnels[n]["name"], new.tunnels[n]["remote"], *map(tables.rate, by_number[n])), by_number[n][2] > 0)
            for n in busiest(new.tunnels, by_number)]


def mroute_rows(old, new, seconds):
    by_number = rates(old.mroutes, new.mroutes, seconds, ("packets", "bytes"))
    rows = []
    for number in busiest(new.mroutes, by_number):
        entry, (packets, size) = new.mroutes[number], by_number[number]
        rows.append(((entry["source"], entry["group"], show.iif_text(entry), str(entry["oifs"]), tables.rate(packets),
                      tables.rate(8 * size)), False))
    return rows


def head_line(old, new, seconds):
    parts = [f"{name} {tables.rate(max(0, new.info[field] - old.info[field]) / seconds)}/s" for name, field in TOTALS]
    return f"dpdk-gremc {new.info['version']}, up {tables.duration(new.info['uptime'])}: {', '.join(parts)}"


def block_draw(screen, y, height, heads, rows):
    """Draw a table of `height` lines from line y on; rows with losses are red."""
    width = screen.getmaxyx()[1]
    lines = tables.table(heads, [cells for cells, _ in rows[:max(0, height - 1)]])
    for i, line in enumerate(lines[:height]):
        lossy = i > 0 and rows[i - 1][1]
        style = curses.A_REVERSE if i == 0 else curses.color_pair(1) | curses.A_BOLD if lossy else curses.A_NORMAL
        # the last column of the last line would scroll the screen
        screen.addnstr(y + i, 0, line.ljust(width - 1) if i == 0 else line, width - 1, style)


def draw(screen, old, new):
    seconds = max(new.time - old.time, 0.001)
    height, width = screen.getmaxyx()
    screen.erase()
    if height >= 6 and width >= 20:
        screen.addnstr(0, 0, head_line(old, new, seconds), width - 1)
        tunnels, mroutes = tunnel_rows(old, new, seconds), mroute_rows(old, new, seconds)
        space = height - 2
        upper = min(len(tunnels) + 1, max(space // 2, space - len(mroutes) - 2))
        block_draw(screen, 1, upper, ["TUNNEL", "REMOTE", "RX/s", "TX/s", "LOST/s"], tunnels)
        block_draw(screen, upper + 2, space - upper, ["SOURCE", "GROUP", "IIF", "OIFS", "PACKETS/s", "BITS/s"], mroutes)
    screen.refresh()


def run(client, interval):
    """Draw until the user ends it by `q`."""
    def loop(screen):
        curses.use_default_colors()
        curses.init_pair(1, curses.COLOR_RED, -1)
        curses.curs_set(0)
        old = new = Reading(client)
        while True:
            draw(screen, old, new)
            deadline = time.monotonic() + interval
            while (left := deadline - time.monotonic()) > 0:
                screen.timeout(int(left * 1000) + 1)
                key = screen.getch()
                if key in (ord("q"), ord("Q")):
                    return
                if key == curses.KEY_RESIZE:
                    draw(screen, old, new)
            old, new = new, Reading(client)
    try:
        curses.wrapper(loop)
    except KeyboardInterrupt:
        pass
