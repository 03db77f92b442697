# SPDX-License-Identifier: BSD-3-Clause
"""`show`: the lists of the program as tables."""
from . import tables

# name: (command, ((heading, field or function), ...))
LISTS = {
    "tunnels": ("/gremc/tunnels", (
        ("TUNNEL", "name"), ("LOCAL", "local"), ("REMOTE", "remote"), ("IN-KEY", lambda e: e.get("input_key", "-")),
        ("OUT-KEY", lambda e: e.get("output_key", "-")), ("NEXT-HOP", lambda e: "up" if e["resolved"] else "unknown"),
        ("RX", "rx_packets"), ("TX", "tx_packets"), ("LOST", "lost"))),
    "mroutes": ("/gremc/mroutes", (
        ("SOURCE", "source"), ("GROUP", "group"), ("IIF", lambda e: iif_text(e)), ("OIFS", "oifs"),
        ("ORDER", "order"), ("ORIGIN", "origins"), ("UPTIME", lambda e: tables.duration(e["age"])),
        ("PACKETS", "packets"), ("BYTES", "bytes"))),
    "groups": ("/gremc/groups", (
        ("INTERFACE", "interface"), ("GROUP", "group"), ("MODE", "mode"), ("VERSION", "version"),
        ("UPTIME", lambda e: tables.duration(e["age"])),
        ("EXPIRES", lambda e: tables.duration(e["expires"] / 1000) if e["expires"] else "-"),
        ("SOURCES", lambda e: " ".join(e["source_list"]) or "-"))),
    "ports": ("/gremc/ports", (
        ("PORT", "name"), ("DEVICE", "device"), ("MAC", "mac"), ("MTU", "mtu"), ("STATUS", "status"),
        ("RX", "rx_packets"), ("TX", "tx_packets"), ("TX-LOST", "tx_lost"), ("MISSED", "imissed"))),
    "lcores": ("/gremc/lcores", (
        ("LCORE", "lcore"), ("NODE", "socket"), ("POLLS", "polls"), ("RX", "rx_packets"), ("FORWARDED", "forwarded"),
        ("PUNTED", "punted"), ("DROPPED", "dropped"), ("SENT", "sent"), ("LOST", "lost"),
        ("SLEEP%", "sleep_percent"))),
    "neighbors": ("/gremc/neighbors", (
        ("PORT", "port"), ("NEXT-HOP", "next_hop"), ("MAC", lambda e: e["mac"] or "unknown"), ("USERS", "users"))),
    "peers": ("/gremc/peers", (
        ("TUNNEL", "name"), ("LIVENESS", "liveness"), ("STATE", "state"), ("CHANGES", "changes"),
        ("RTT-US", lambda e: e["rtt_ns"] // 1000), ("PATH-MTU", "path_mtu"), ("UNREACHABLE", "unreachable"))),
    "hosts": ("/gremc/hosts", (
        ("INTERFACE", "name"), ("KIND", "kind"), ("UP", lambda e: "yes" if e["open"] and e["up"] else "no"),
        ("TO-KERNEL", "up_packets"), ("FROM-KERNEL", "down_packets"),
        ("LOST", lambda e: sum(e["losses"].values())))),
    "pools": ("/gremc/pools", (
        ("POOL", "name"), ("KIND", "kind"), ("USER", "user"), ("SIZE", "size"), ("IN-USE", "in_use"),
        ("FREE", "available"))),
    "igmp": ("/gremc/igmp", (
        ("INTERFACE", "interface"), ("MODE", "mode"), ("VERSION", "version"), ("QUERIER", "querier"),
        ("GROUPS", "groups"))),
}
SUBJECTS = (*LISTS, "drops", "info", "mroute")


def iif_text(entry):
    if entry["iif"]:
        return entry["iif"]
    return f"{entry['iifs']} interfaces" if entry["iifs"] else "any"


def cell(entry, field):
    return field(entry) if callable(field) else entry[field]


def list_lines(subject, entries, columns):
    fields = LISTS[subject][1]
    return tables.table([head for head, _ in fields], [[cell(entry, field) for _, field in fields]
                                                        for entry in entries], columns)


def drops(client):
    """The reasons that have counted, by interface where that is known."""
    totals, reasons = client.query("/gremc/drops"), client.query("/gremc/reasons")
    rows = [(kind, name, count, reasons[kind].get(name, "")) for kind in ("drops", "losses", "punts")
            for name, count in totals[kind].items() if count]
    by_vif = [(entry["name"], reason, details["packets"], details.get("source", "-"), details.get("group", "-"))
              for entry in client.pages("/gremc/vif_drops").values() for reason, details in entry["drops"].items()]
    return totals, rows, by_vif


def drops_lines(client, columns):
    _, rows, by_vif = drops(client)
    lines = tables.table(["KIND", "REASON", "PACKETS", "MEANING"], rows, columns) if rows else ["nothing was dropped"]
    if by_vif:
        lines += ["", *tables.table(["INTERFACE", "REASON", "PACKETS", "LAST-SOURCE", "LAST-GROUP"], by_vif, columns)]
    return lines


def mroute(client, source, group, iif=None):
    """All about one mroute, with the names of all its interfaces. A query error is in `error`."""
    whole, offset = None, 0
    while True:
        command = f"/gremc/mroute,{source},{group},{offset}" + (f",{iif}" if iif else "")
        page = client.query(command)
        if "error" in page:
            return page
        if whole is None:
            whole = page
        else:
            whole["iif_names"] += page["iif_names"]
            whole["oif_names"] += page["oif_names"]
        offset = page["next"]
        if not offset:
            return whole


def mroute_lines(client, entry, packets_per_second, columns):
    """As routers show an mroute. The counters of an interface are those of all its packets."""
    tunnels = {e["name"]: e for e in client.pages("/gremc/tunnels").values()}
    accepted = ", ".join(entry["iif_names"]) or "any"
    lines = [f"({entry['source']}, {entry['group']}), uptime {tables.duration(entry['age'])}, "
             f"origin {entry['origins']}, order {entry['order']}",
             f"  Incoming interface: {accepted}",
             f"  Packets: {entry['packets']}, bytes: {entry['bytes']}, "
             f"{tables.rate(packets_per_second)} packets/s",
             f"  Outgoing interface list: {entry['oifs'] or 'empty'}"]
    rows = []
    for name in entry["oif_names"]:
        tunnel = tunnels.get(name)
        rows.append((name, tunnel["remote"], tunnel["tx_packets"], tunnel["lost"]) if tunnel
                    else (name, "native", "-", "-"))
    if rows:
        lines += ["    " + line for line in tables.table(["INTERFACE", "REMOTE", "TX-ALL", "LOST-ALL"], rows,
                                                         columns and columns - 4)]
    return lines
