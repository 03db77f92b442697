# SPDX-License-Identifier: BSD-3-Clause
"""Contracts of the sources: unsafe functions do not compile, and fields that threads share are typed."""
import json
import re
import subprocess

import pytest

from test_style import files

POISON = "lib/base/poison.h"


def poisoned_names(text):
    return [name for line in re.findall(r"^#pragma GCC poison (.*)", text, re.M) for name in line.split()]


def commands_without_poison(commands, top):
    """The C files of lib/ and app/ that a build compiles without the header of the poisoned names."""
    return [command["file"] for command in commands
            if re.search(r"(^|/)(lib|app)/[^ ]*\.c$", command["file"])
            and not re.search(rf"-include '?{re.escape(str(top / POISON))}'? ", command["command"])]


def test_each_file_is_compiled_with_poisoned_names(top, binary):
    commands = json.loads((binary.resolve().parents[2] / "compile_commands.json").read_text())
    assert sum("/lib/" in command["file"] for command in commands) > 100
    assert not commands_without_poison(commands, top)


def test_the_check_of_compile_commands_can_fail(top):
    good = {"file": "../lib/vif/vif.c", "command": f"cc -include {top / POISON} -c ../lib/vif/vif.c"}
    bad = {"file": "../app/dpdk-gremc/main.c", "command": "cc -c ../app/dpdk-gremc/main.c"}
    assert commands_without_poison([good, bad, bad | {"file": "../tests/unit/test_vif.c"}], top) == [bad["file"]]


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_poisoned_functions_do_not_compile(top, compiler):
    def compile(body):
        return subprocess.run([compiler, "-x", "c", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                               "-include", top / POISON, "-"], input=f"void f(void);\nvoid f(void)\n{{\n\t{body};\n}}\n",
                              capture_output=True, text=True)

    names = poisoned_names((top / POISON).read_text())
    assert len(names) > 20
    assert compile("puts(\"\")").returncode == 0
    for name in names:
        run = compile(f"(void){name}")
        assert run.returncode != 0 and "poisoned" in run.stderr, f"{name}: {run.stderr}"


# base/atomic.h: typed atomics. stats/counter.h: counters with a single writer.
ATOMIC_FILES = {"lib/base/atomic.h", "lib/stats/counter.h"}
ATOMIC = re.compile(r"\b__atomic_\w+|\b__sync_\w+|\b_Atomic\b|\bstdatomic\b|\batomic_(?:load|store|exchange|fetch|compare)\w*")


def untyped_atomics(text):
    return [n for n, line in enumerate(text.splitlines(), 1) if ATOMIC.search(line)]


def test_shared_fields_are_typed_atomics(top):
    found = [f"{path.relative_to(top)}:{n}" for path in files(top, "lib/*.c", "lib/*.h", "app/*.c", "app/*.h")
             if str(path.relative_to(top)) not in ATOMIC_FILES for n in untyped_atomics(path.read_text())]
    assert not found, "use the types of base/atomic.h or the counters of stats/counter.h"


def test_an_untyped_atomic_is_found():
    assert untyped_atomics("__atomic_load_n(&x)\n_Atomic int y;\ngremc_u32_load(&z);\natomic_store_explicit(p, 1, o);\n"
                           "gremc_atomic_u32 w;\n#include <stdatomic.h>\n") == [1, 2, 4, 6]
