# SPDX-License-Identifier: BSD-3-Clause
"""`reload`: check the configuration of the running program by the program itself, then send SIGHUP."""
import os
import signal
import subprocess
import sys
import time

PATIENCE = 300  # seconds: a million mroutes load in some ten


def option_values(words, name):
    """The values of `--name VALUE` and `--name=VALUE`."""
    values = [word.split("=", 1)[1] for word in words if word.startswith(name + "=")]
    return values + [words[i + 1] for i, word in enumerate(words[:-1]) if word == name]


def check(pid):
    """Run the check of the program's own executable on its files. Returns: whether they are right."""
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        words = [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
    arguments = ["--check", *option_values(words, "--config")[-1:]]
    for directory in option_values(words, "--ifcfg")[-1:]:
        arguments += ["--ifcfg", directory]
    run = subprocess.run([f"/proc/{pid}/exe", *arguments], cwd=f"/proc/{pid}/cwd", stdout=subprocess.DEVNULL,
                         stderr=subprocess.PIPE, text=True, check=False)
    sys.stderr.write(run.stderr)
    return run.returncode == 0


def run(client, check_only):
    """Returns: whether the configuration is right and, unless check_only, is in use."""
    before = client.query("/gremc/info")
    if not check(before["pid"]):
        sys.stderr.write("gremcctl: the configuration has errors; the running one stays\n")
        return False
    if check_only:
        print("the configuration is right")
        return True
    os.kill(before["pid"], signal.SIGHUP)
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        now = client.query("/gremc/info")
        if now["reload_errors"] > before["reload_errors"]:
            sys.stderr.write("gremcctl: the reload failed, and the running configuration stays; the log has the reason\n")
            return False
        if now["reloads"] > before["reloads"]:
            print("reloaded")
            return True
        time.sleep(0.05)
    sys.stderr.write(f"gremcctl: no result after {PATIENCE} seconds; the log has the progress\n")
    return False
