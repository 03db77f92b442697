#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Count the tests of a report: prints `PASSED FAILED SKIPPED`; failures and reasons of skips on stderr.

  count.py meson testlog.json     each cmocka test counts; a program of another kind is one test
  count.py pytest report.xml
"""
import json
import re
import sys
import xml.etree.ElementTree as xml

OK, FAILED, SKIPPED = 0, 1, 2
LINE = re.compile(r"^\[\s*(OK|SKIPPED|FAILED|ERROR)\s*\] (\w+)$", re.M)
KINDS = {"OK": OK, "SKIPPED": SKIPPED, "FAILED": FAILED, "ERROR": FAILED}


def meson_results(path):
    """(name, kind, text) of each test in meson's log, one JSON object a line."""
    for line in open(path, errors="replace"):
        run = json.loads(line)
        output = (run.get("stdout") or "") + (run.get("stderr") or "")
        failed = run["result"] not in ("OK", "SKIP")
        cases = {name: KINDS[word] for word, name in LINE.findall(output)}
        for name, kind in cases.items():
            yield f"{run['name']}: {name}", kind, "" if kind == OK else output
        if failed and FAILED not in cases.values():
            yield run["name"], FAILED, f"{run['result']}\n{output}"
        elif not cases:
            yield run["name"], SKIPPED if run["result"] == "SKIP" else OK, output


def pytest_results(path):
    for case in xml.parse(path).iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        bad = [part for part in case if part.tag in ("failure", "error")]
        left = [part for part in case if part.tag == "skipped"]
        if bad:
            yield name, FAILED, "\n".join(f"{part.get('message')}\n{part.text}" for part in bad)
        elif left:
            yield name, SKIPPED, left[0].get("message") or ""
        else:
            yield name, OK, ""


def main(kind, path):
    counts = [0, 0, 0]
    for name, result, text in {"meson": meson_results, "pytest": pytest_results}[kind](path):
        counts[result] += 1
        if result == FAILED:
            print(f"FAILED {name}\n{text[-6000:]}", file=sys.stderr)
        elif result == SKIPPED:
            print(f"SKIPPED {name}: {text.strip().splitlines()[0] if kind == 'pytest' and text else ''}",
                  file=sys.stderr)
    print(*counts)


main(*sys.argv[1:])
