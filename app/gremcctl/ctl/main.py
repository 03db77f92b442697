# SPDX-License-Identifier: BSD-3-Clause
"""The command line: options, commands, output and exit status."""
import os
import sys
import time

from . import client as telemetry

OK, NO, USAGE, UNREACHABLE = 0, 1, 2, 3

HELP = """\
usage: gremcctl [-f PREFIX | -s SOCKET] [-j] COMMAND

  show SUBJECT                    a table: tunnels, mroutes, groups, ports, lcores, neighbors, peers, hosts,
                                  pools, igmp, drops, info
  show mroute SOURCE GROUP [IIF]  one mroute with its interfaces; SOURCE * for any
  why IIF SOURCE GROUP            how such a packet is handled, and why; status 1: it is not forwarded
  trace [--write FILE] [NAME]     the last dropped packets, of one tunnel or port, or of all; FILE gets them as
                                  pcapng with the reasons as comments, - is standard output
  top [INTERVAL]                  rates of tunnels and mroutes, the busiest first; q ends it
  watch INTERVAL COMMAND...       repeat a command
  reload [--check]                load the configuration again; --check: only check it
  query [COMMAND]                 a telemetry command, as JSON (default /gremc/info)

  -f, --file-prefix PREFIX        the program's --file-prefix (default: that of the only running program)
  -s, --socket SOCKET             path of the telemetry socket
  -j, --json                      JSON in place of tables
  -n, --no-pager                  no pager for long output on a terminal
  -h, --help

exit status: 0 success, 1 a negative answer, 2 wrong usage, 3 no program answers
"""


class Usage(Exception):
    pass


class Refused(Exception):
    """The program answered with an error."""


class Options:
    prefix = socket = None
    json = False
    pager = True

    def connect(self):
        path = self.socket
        if path is None:
            prefix = self.prefix
            if prefix is None:
                found = telemetry.running()
                if len(found) > 1:
                    raise Usage(f"several programs run; choose one by --file-prefix: {' '.join(found)}")
                prefix = found[0] if found else "rte"
            path = telemetry.socket_path(prefix)
        return telemetry.Client(path)


def parse(arguments):
    """Options before the command. Returns: (options, command words)."""
    options, words = Options(), list(arguments)
    while words and words[0].startswith("-") and words[0] != "-":
        word = words.pop(0)
        if word in ("-h", "--help"):
            return options, ["help"]
        if word in ("-j", "--json"):
            options.json = True
        elif word in ("-n", "--no-pager"):
            options.pager = False
        elif word in ("-f", "--file-prefix", "-s", "--socket"):
            if not words:
                raise Usage(f"{word} needs a value")
            if word in ("-f", "--file-prefix"):
                options.prefix = words.pop(0)
            else:
                options.socket = words.pop(0)
        else:
            raise Usage(f"unknown option {word}")
    return options, words


def show_text(options, lines):
    """Print the lines, by a pager if they do not fit on the terminal."""
    text = "\n".join(lines) + "\n"
    if options.pager and sys.stdout.isatty() and len(lines) >= os.get_terminal_size().lines:
        import shlex
        import subprocess
        pager = shlex.split(os.environ.get("PAGER", "less -FRSX"))
        try:
            subprocess.run(pager, input=text, text=True, check=False)
            return
        except OSError:
            pass  # without a pager the text is printed as a whole
    sys.stdout.write(text)


def show_json(value):
    import json
    print(json.dumps(value, indent=2))


def checked(answer):
    if answer is None:
        raise Refused("the program has no such command")
    if "error" in answer:
        raise Refused(answer["error"])
    return answer


def command_show(options, words):
    from . import show, tables
    if not words or words[0] not in show.SUBJECTS or (len(words) > 1 and words[0] != "mroute"):
        raise Usage(f"show needs one of {', '.join(show.SUBJECTS)}")
    if words[0] == "mroute":
        return command_show_mroute(options, words[1:])
    with options.connect() as client:
        if words[0] == "info":
            info = client.query("/gremc/info")
            lines = [f"{key:<{max(map(len, info))}}  {value}" for key, value in info.items()]
            show_json(info) if options.json else show_text(options, lines)
        elif words[0] == "drops":
            show_json(show.drops(client)[0]) if options.json \
                else show_text(options, show.drops_lines(client, tables.width()))
        else:
            entries = list(client.pages(show.LISTS[words[0]][0]).values())
            show_json(entries) if options.json \
                else show_text(options, show.list_lines(words[0], entries, tables.width()))
    return OK


def command_show_mroute(options, words):
    from . import show, tables
    if len(words) not in (2, 3):
        raise Usage("show mroute needs SOURCE GROUP [IIF]")
    with options.connect() as client:
        before, start = checked(show.mroute(client, *words)), time.monotonic()
        if options.json:
            show_json(before)
            return OK
        time.sleep(1)  # the interval of the rate
        entry = checked(show.mroute(client, *words))
        rate = (entry["packets"] - before["packets"]) / (time.monotonic() - start)
        show_text(options, show.mroute_lines(client, entry, rate, tables.width()))
    return OK


def command_why(options, words):
    if len(words) != 3:
        raise Usage("why needs IIF SOURCE GROUP")
    with options.connect() as client:
        answer = checked(client.query("/gremc/why," + ",".join(words)))
    if options.json:
        show_json(answer)
    else:
        verdict = answer["verdict"] + (f" ({answer['reason']}: {answer['text']})" if answer["reason"] else "")
        print(f"{answer['source']} -> {answer['group']} from {answer['iif']}: {verdict}")
        if answer["detail"]:
            print(f"  {answer['detail']}")
        if "mroute" in answer:
            found = answer["mroute"]
            print(f"  mroute ({found['source']}, {found['group']}), origin {found['origins']}")
        if answer.get("iif_names"):
            print(f"  accepted from: {', '.join(answer['iif_names'])}")
        if answer.get("oif_names"):
            print(f"  to: {', '.join(answer['oif_names'])}")
    return OK if answer["verdict"] == "forward" else NO


def command_trace(options, words):
    from . import tables, trace
    path = None
    if words[:1] == ["--write"]:
        if len(words) < 2:
            raise Usage("--write needs a FILE")
        path, words = words[1], words[2:]
    if len(words) > 1 or (words and words[0].startswith("-")):
        raise Usage("trace needs at most --write FILE and a NAME")
    with options.connect() as client:
        found, answer = trace.samples(client, words[0] if words else None, time.time)
        checked(answer)
        if path is not None:
            data = trace.pcapng(found, client.query("/gremc/reasons"))
            if path == "-":
                sys.stdout.buffer.write(data)
            else:
                with open(path, "wb") as file:
                    file.write(data)
        elif options.json:
            show_json([sample.entry for sample in found])
        else:
            show_text(options, trace.lines(found, time.time(), tables.width()))
    return OK


def command_query(options, words):
    if len(words) > 1:
        raise Usage("query needs one COMMAND")
    command = words[0] if words else "/gremc/info"
    with options.connect() as client:
        answer = client.query(command)
    show_json(answer)
    if answer is None:
        raise Refused(f"{command}: there is no such command; `/` lists them all")
    return NO if isinstance(answer, dict) and "error" in answer else OK


def seconds_parse(text):
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0
    if not 0.1 <= seconds <= 3600:
        raise Usage(f"'{text}' is not an interval from 0.1 to 3600 seconds")
    return seconds


def command_watch(options, words):
    if len(words) < 2 or words[1] not in COMMANDS or words[1] in ("watch", "top"):
        raise Usage("watch needs INTERVAL and a command")
    interval, status = seconds_parse(words[0]), OK
    options.pager = False
    try:
        while True:
            if sys.stdout.isatty():
                sys.stdout.write("\033[H\033[J")
            status = COMMANDS[words[1]](options, words[2:])
            sys.stdout.flush()
            time.sleep(interval)
    except KeyboardInterrupt:
        return status


def command_top(options, words):
    from . import top
    if len(words) > 1:
        raise Usage("top needs at most an INTERVAL")
    with options.connect() as client:
        top.run(client, seconds_parse(words[0]) if words else 1.0)
    return OK


def command_reload(options, words):
    if words not in ([], ["--check"]):
        raise Usage("reload accepts --check only")
    from . import reload
    with options.connect() as client:
        return OK if reload.run(client, check_only=bool(words)) else NO


def command_help(options, words):
    sys.stdout.write(HELP)
    return OK


COMMANDS = {"show": command_show, "why": command_why, "trace": command_trace, "top": command_top, "watch": command_watch,
            "reload": command_reload, "query": command_query, "help": command_help}


def main(arguments):
    try:
        options, words = parse(arguments)
        if not words:
            raise Usage("a command is missing")
        if words[0] not in COMMANDS:
            raise Usage(f"unknown command '{words[0]}'")
        return COMMANDS[words[0]](options, words[1:])
    except Usage as error:
        sys.stderr.write(f"gremcctl: {error}\n'gremcctl --help' lists the commands\n")
        return USAGE
    except Refused as error:
        sys.stderr.write(f"gremcctl: {error}\n")
        return NO
    except (telemetry.Unreachable, OSError) as error:
        if isinstance(error, BrokenPipeError):  # the reader has ended
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return NO
        sys.stderr.write(f"gremcctl: {error}\n")
        return UNREACHABLE
    except KeyboardInterrupt:
        return 130
