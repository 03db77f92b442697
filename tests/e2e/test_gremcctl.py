# SPDX-License-Identifier: BSD-3-Clause
"""gremcctl, as an operator uses it: tables, JSON, exit statuses, and the screen of top."""
import json
import os
import shutil
import subprocess
import uuid

import pytest
from lab import PATIENCE, until
from support import hub, packets

GROUP = "239.1.1.1"


@pytest.fixture(name="test_hub")
def make_busy_hub(make_hub):
    """A hub that has forwarded and dropped packets."""
    test_hub = make_hub(hub.config({i: {"key": i} if i == 3 else {} for i in range(5)}, [
        {"group": GROUP, "from": ["t0"], "to": ["t1", "t2"]},
        {"group": GROUP, "from": ["t1"], "to": ["t3"], "order": "rotate"},
        {"group": "239.2.0.0/16", "from": "any", "to": "all"}]))
    test_hub.exchange([hub.from_site(0, packets.multicast("10.1.1.1", GROUP, b"?")) for _ in range(7)])
    test_hub.exchange([hub.from_site(4, packets.multicast("10.1.1.1", GROUP, b"?"))])
    return test_hub


@pytest.fixture(name="ctl")
def make_ctl(top, test_hub):
    """Run gremcctl for the hub's program."""
    def run(*arguments, prefix=None, **options):
        return subprocess.run([str(top / "app/gremcctl/gremcctl"), "-f", prefix or test_hub.forwarder.prefix, *arguments],
                              capture_output=True, text=True, check=False, timeout=PATIENCE,
                              stdin=subprocess.DEVNULL, **options)
    return run


def rows(run):
    """The cells of a table, without its headings."""
    assert run.returncode == 0, run.stderr
    return [line.split() for line in run.stdout.splitlines()[1:]]


def test_tables_show_each_list(ctl):
    """Each subject has a table and the same entries as JSON."""
    assert rows(ctl("show", "tunnels"))[3][:5] == ["t3", hub.LOCAL, hub.remote(3), "3", "3"]
    mroutes = {(cells[1], cells[2]): cells for cells in rows(ctl("show", "mroutes"))}
    assert mroutes[GROUP, "t0"][0] == "*" and mroutes[GROUP, "t0"][-2] == "7"
    assert mroutes[GROUP, "t1"][3:5] == ["1", "rotate"]
    assert mroutes["239.2.0.0/16", "any"][3] == "5"
    for subject, entries in (("ports", 1), ("lcores", 1), ("neighbors", 5), ("peers", 0), ("hosts", 0), ("groups", 0),
                             ("igmp", 0)):
        assert len(rows(ctl("show", subject))) == entries, subject
        assert len(json.loads(ctl("-j", "show", subject).stdout)) == entries, subject
    assert len(rows(ctl("show", "pools"))) > 1
    assert "rx_packets" in ctl("show", "info").stdout


def test_drops_have_their_meaning_and_last_flow(ctl):
    shown = ctl("show", "drops").stdout
    assert "rpf" in shown and "the mroute does not accept this incoming interface" in shown
    assert ["t4", "rpf", "1", "10.1.1.1", GROUP] in [line.split() for line in shown.splitlines()]
    assert json.loads(ctl("--json", "show", "drops").stdout)["drops"]["rpf"] == 1


def test_dropped_packets_are_decoded(ctl):
    """In a line each, of all interfaces or of one, and as JSON."""
    shown = rows(ctl("trace"))
    assert [cells[1:5] for cells in shown] == [["drop", "rpf", "t4", "67"]]
    line = " ".join(shown[0][5:])
    assert line == f"{hub.remote(4)} > {hub.LOCAL} GRE: 10.1.1.1 > {GROUP} UDP 1000 > 5000, TTL 64"
    assert rows(ctl("trace", "t4"))[0][1:] == shown[0][1:]
    assert ctl("trace", "t0").stdout == "nothing was dropped\n"
    assert json.loads(ctl("-j", "trace").stdout)[0]["reason"] == "rpf"
    assert "no tunnel or port 'nobody'" in ctl("trace", "nobody").stderr
    assert ctl("trace", "--write").returncode == 2


@pytest.mark.skipif(not shutil.which("tshark"), reason="needs tshark")
def test_dropped_packets_are_written_for_wireshark(ctl, tmp_path):
    """tshark reads the file: the packet, and its reason as comment."""
    path = tmp_path / "drops.pcapng"
    assert ctl("trace", "--write", str(path)).returncode == 0
    run = subprocess.run(["tshark", "-r", str(path), "-T", "fields", "-e", "frame.interface_name", "-e", "ip.src", "-e", "gre.proto",
                          "-e", "frame.comment"], capture_output=True, text=True, check=False, timeout=PATIENCE)
    interface, sources, protocol, comment = run.stdout.strip("\n").split("\t")
    assert (interface, sources, int(protocol, 16)) == ("drop", f"{hub.remote(4)},10.1.1.1", 0x0800), run.stderr
    assert comment == "drop rpf t4: the mroute does not accept this incoming interface"


def test_one_mroute_is_shown_as_routers_do(ctl):
    run = ctl("show", "mroute", "*", GROUP, "t0")
    assert run.returncode == 0, run.stderr
    assert f"(*, {GROUP}), uptime 00:" in run.stdout and "Incoming interface: t0" in run.stdout
    assert "Packets: 7, bytes: " in run.stdout and "0 packets/s" in run.stdout
    assert [line.split() for line in run.stdout.splitlines() if line.startswith("    t")] == [
        ["t1", hub.remote(1), "7", "0"], ["t2", hub.remote(2), "7", "0"]]
    refused = ctl("show", "mroute", "*", GROUP)
    assert refused.returncode == 1 and "each for other incoming interfaces" in refused.stderr


def test_exit_statuses_tell_the_answer(ctl):
    """0 success, 1 a negative answer, 2 wrong usage, 3 no program."""
    forward = ctl("why", "t0", "10.1.1.1", GROUP)
    assert forward.returncode == 0 and "to: t1, t2" in forward.stdout
    drop = ctl("why", "t4", "10.1.1.1", GROUP)
    assert drop.returncode == 1 and "drop (rpf" in drop.stdout and "accepted from: t0, t1" in drop.stdout
    assert ctl("why", "nowhere", "10.1.1.1", GROUP).returncode == 1
    assert ctl("query", "/gremc/tunnel,nobody").returncode == 1
    assert ctl("query", "/gremc/nothing").returncode == 1
    assert json.loads(ctl("query").stdout)["tunnels"] == 5
    for wrong in ([], ["shew"], ["show"], ["show", "everything"], ["why", "t0"], ["watch", "x", "show", "info"], ["top", "0"],
                  ["reload", "--now"]):
        run = ctl(*wrong)
        assert run.returncode == 2 and run.stderr.startswith("gremcctl: "), wrong
    nobody = ctl("show", "info", prefix="nobody-has-this")
    assert nobody.returncode == 3 and "no telemetry" in nobody.stderr


def test_help_and_manual_have_each_command(ctl, top):
    shown = ctl("--help").stdout
    manual = (top / "docs/man/gremcctl.8").read_text()
    for word in ("show", "why", "trace", "top", "watch", "reload", "query"):
        assert f"  {word} " in shown and f'{word}' in manual
    for option in ("--file-prefix", "--socket", "--json", "--no-pager", "--help"):
        assert option in shown and option.replace("-", "\\-") in manual


def test_reload_checks_first(ctl, test_hub):
    """A wrong file is reported with its place and changes nothing; a right one is loaded."""
    path = test_hub.forwarder.config
    configuration = json.loads(path.read_text())
    configuration["mroutes"][2]["to"] = ["t1"]
    path.write_text(json.dumps(configuration))
    assert ctl("reload", "--check").stdout == "the configuration is right\n"
    assert test_hub.info()["reloads"] == 0
    run = ctl("reload")
    assert run.returncode == 0 and run.stdout == "reloaded\n", run.stderr
    assert test_hub.info()["reloads"] == 1
    configuration["mroutes"][2]["to"] = ["t9"]
    path.write_text(json.dumps(configuration))
    for arguments in (["reload", "--check"], ["reload"]):
        run = ctl(*arguments)
        assert run.returncode == 1 and "there is no `t9`" in run.stderr
    assert test_hub.info()["reload_errors"] == 0
    # a right file that a reload cannot apply
    configuration["mroutes"][2]["to"] = ["t1"]
    configuration["ethernets"]["wan"]["mtu"] = 1400
    path.write_text(json.dumps(configuration))
    run = ctl("reload")
    assert run.returncode == 1 and "the reload failed" in run.stderr


class Terminal:
    """A tmux server with one window of this size."""

    def __init__(self, columns, lines, command):
        self._server = f"gremcctl-{uuid.uuid4().hex[:8]}"
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(lines), command)

    def _tmux(self, *arguments):
        return subprocess.run(["tmux", "-L", self._server, *arguments], capture_output=True, text=True, check=False,
                              timeout=PATIENCE, env={**os.environ, "LC_ALL": "C.UTF-8", "TERM": "screen-256color"})

    def screen(self):
        return self._tmux("capture-pane", "-p").stdout.split("\n")

    def press(self, key):
        self._tmux("send-keys", key)

    def is_open(self):
        return self._tmux("has-session").returncode == 0

    def close(self):
        self._tmux("kill-server")


@pytest.mark.skipif(not shutil.which("tmux"), reason="needs tmux")
@pytest.mark.parametrize("columns,lines", [(80, 24), (200, 50)])
def test_top_shows_the_busiest_first(top, test_hub, columns, lines):
    """Packets of tunnel t1 bring it, and its mroute, to the first lines; q ends the program."""
    terminal = Terminal(columns, lines, f"{top / 'app/gremcctl/gremcctl'} -f {test_hub.forwarder.prefix} top 0.5")
    try:
        def busy():
            test_hub.wire.send([hub.from_site(1, packets.multicast("10.1.1.1", GROUP, b"?")) for _ in range(20)])
            shown = terminal.screen()
            tunnels = [line.split() for line in shown if line.startswith("t")]
            mroutes = [line.split() for line in shown if line.startswith("*")]
            found = tunnels and mroutes and tunnels[0][0] in ("t1", "t3") and mroutes[0][2] == "t1" and shown
            return found or None
        shown = until(busy, "t1 is the busiest", every=0.1)
        assert shown[0].startswith("dpdk-gremc ") and "in " in shown[0]
        assert shown[1].split()[:2] == ["TUNNEL", "REMOTE"]
        assert all(len(line) <= columns for line in shown)
        terminal.press("q")
        until(lambda: not terminal.is_open(), "top has ended")
    finally:
        terminal.close()


def test_completion_offers_commands_and_names(top, test_hub):
    """In bash: commands, subjects, and the tunnels of the running program."""
    directory = top / "app/gremcctl"

    def complete(*words):
        script = (f"source {directory}/gremcctl.bash; gremcctl() {{ {directory}/gremcctl -f {test_hub.forwarder.prefix} \"$@\"; }}; "
                  f"COMP_WORDS=(gremcctl {' '.join(words)}); COMP_CWORD={len(words)}; _gremcctl; printf '%s\\n' \"${{COMPREPLY[@]}}\"")
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=PATIENCE).stdout.split()

    assert complete("sh") == ["show"]
    assert complete("show", "tun") == ["tunnels"]
    assert complete("why", "t") == ["t0", "t1", "t2", "t3", "t4"]
    assert complete("reload", "''") == ["--check"]
