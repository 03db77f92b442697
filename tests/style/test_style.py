# SPDX-License-Identifier: BSD-3-Clause
"""Checks of the sources that need no running program."""
import functools
import os
import pathlib
import re
import shlex
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
# A folder of lib/ includes only folders before it.
MODULES = re.findall(r"'(\w+)'", re.search(r"^modules = \[(.*?)\]", (TOP / "meson.build").read_text(), re.M | re.S).group(1))
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def files(top, *patterns):
    """The tracked files, and those that git would track, of these patterns."""
    out = subprocess.run(["git", "-C", top, "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
                         check=True, capture_output=True, text=True).stdout
    return [top / name for name in out.splitlines() if (top / name).exists()]


@functools.cache
def dpdk_flags():
    out = subprocess.run(["pkg-config", "--cflags", "libdpdk"], check=True, capture_output=True, text=True).stdout
    return shlex.split(out) + ["-std=gnu11", "-D_GNU_SOURCE", "-DALLOW_EXPERIMENTAL_API"]


def upward_includes(path, text):
    """The includes of a file of lib/ that name a later module."""
    module = path.parts[path.parts.index("lib") + 1]
    return [name for name in INCLUDE.findall(text)
            if name.split("/")[0] not in MODULES[:MODULES.index(module) + 1]]


def pictured_modules(page):
    """The modules of the picture in docs/design.md: the rows from the bottom to the top, each from left to right."""
    picture = re.search(r"<!-- modules: begin -->(.*?)<!-- modules: end -->", page, re.S).group(1)
    rows = re.findall(r"^\| ([\w ]+?) *\|", picture, re.M)
    return [module for row in reversed(rows) for module in row.split()]


def test_modules_are_those_of_the_build(top):
    assert sorted(MODULES) == sorted(p.name for p in (top / "lib").iterdir() if p.is_dir())


def test_design_pictures_the_modules_in_order(top):
    page = (top / "docs/design.md").read_text()
    assert pictured_modules(page) == MODULES
    assert re.findall(r"^\| `(\w+)` \|", page, re.M) == MODULES, "the table below the picture"


def test_the_picture_check_can_fail():
    page = "<!-- modules: begin -->\n| c d | text |\n| a  b | text |\n<!-- modules: end -->"
    assert pictured_modules(page) == ["a", "b", "c", "d"]
    assert pictured_modules(page.replace("a  b", "b  a")) != ["a", "b", "c", "d"]


def test_includes_never_go_up(top):
    wrong = {str(path): up for path in files(top, "lib/*.c", "lib/*.h")
             if (up := upward_includes(path.relative_to(top), path.read_text()))}
    assert not wrong


def test_the_include_check_can_fail(top):
    path = (top / "lib/proto/gre.c").relative_to(top)
    assert upward_includes(path, '#include "stats/stats.h"\n') == ["stats/stats.h"]
    assert upward_includes(path, '#include "proto/proto.h"\n#include "base/base.h"\n') == []


def loadgen_folders(top):
    """The folders of the load generator in their order."""
    listed = re.search(r"^loadgen_folders = \[(.*?)^\]", (top / "app/gremc-loadgen/meson.build").read_text(), re.M | re.S).group(1)
    return re.findall(r"'(\w+)'", listed)


def test_loadgen_folders_include_only_folders_before_them(top):
    order = loadgen_folders(top)
    assert sorted(order) == sorted(p.name for p in (top / "app/gremc-loadgen").iterdir() if p.is_dir())
    for path in files(top, "app/gremc-loadgen/*/*.c", "app/gremc-loadgen/*/*.h"):
        above = order[order.index(path.parent.name) + 1:]
        assert not [name for name in INCLUDE.findall(path.read_text()) if name.split("/")[0] in above], path


def test_private_headers_stay_in_their_module(top):
    for path in files(top, "lib/*.c", "lib/*.h", "app/*.c"):
        for name in INCLUDE.findall(path.read_text()):
            if name.endswith("_priv.h"):
                assert name.split("/")[0] in path.parts, f"{path} includes {name}"


def header_compile(top, compiler, header):
    """Returns the errors of a file that includes the header twice, and nothing else."""
    root = top / ("lib" if header.is_relative_to(top / "lib") else "app/gremc-loadgen")
    name = header.relative_to(root)
    run = subprocess.run([compiler, "-x", "c", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{root}", f"-I{top}/lib",
                          *[f.replace("-I", "-isystem", 1) for f in dpdk_flags()], "-"],
                         input=f'#include "{name}"\n' * 2, capture_output=True, text=True)
    return f"{name}:\n{run.stderr}" if run.returncode else ""


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
def test_headers_compile_alone(top, compiler):
    headers = files(top, "lib/*.h", "app/gremc-loadgen/*.h")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        errors = list(pool.map(lambda header: header_compile(top, compiler, header), headers))
    assert not any(errors), "\n".join(filter(None, errors))


def test_clang_format_changes_nothing(top):
    sources = files(top, "*.c", "*.h")
    run = subprocess.run(["clang-format", "--dry-run", "--Werror", *sources], cwd=top, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-3000:]


def test_files_have_a_licence_line(top):
    for path in files(top, "*.c", "*.h", "*.py", "*.sh", "*meson.build", "scripts/*", "config/*.service"):
        if path.suffix in (".json", ".txt"):
            continue
        head = path.read_text().splitlines()[:3]
        assert any("SPDX-License-Identifier: BSD-3-Clause" in line for line in head), path


def test_scripts_parse(top):
    for path in files(top, "scripts/*", ".ci/*"):
        first = path.read_text().split("\n", 1)[0]
        if "bash" in first or path.suffix == ".sh":
            subprocess.run(["bash", "-n", path], check=True)


def vague_names(name, text):
    """The names of tests that state no behaviour: they need the prefix `test_` and two words at least."""
    if name.endswith(".c"):
        table = re.search(r"const struct CMUnitTest \w+\[\] = \{(.*?)\n\t\};", text, re.S)
        found = re.findall(r"(?<!define )\b[A-Za-z_]+\((\w+)", table.group(1)) if table else []
    else:
        found = re.findall(r"(?<!scope=\"module\"\)\n)^def (test_\w+)\(", text, re.M)
    return [test for test in found if not re.fullmatch(r"test(_[a-z0-9]+){2,}", test)]


def test_names_of_tests_state_a_behaviour(top):
    paths = files(top, "tests/unit/test_*.c", "tests/e2e/test_*.py", "tests/interop/test_*.py", "tests/style/test_*.py")
    wrong = [f"{path.relative_to(top)}: {test}" for path in paths for test in vague_names(path.name, path.read_text())]
    assert not wrong


def test_a_vague_name_is_found():
    table = "const struct CMUnitTest tests[] = {\n\t\tTEST(%s),\n\t};\n"
    assert vague_names("test_a.c", table % "leave") == ["leave"]
    assert vague_names("test_a.c", table % "test_leave") == ["test_leave"]
    assert not vague_names("test_a.c", table % "test_leave_ends_membership")
    assert vague_names("test_a.py", "def test_info(hub):\n") == ["test_info"]
    assert not vague_names("test_a.py", "def test_info_has_totals(hub):\n")


def test_no_sleeps_in_tests_and_scripts(top):
    """A test waits for a condition."""
    asleep = re.compile(r"(?<![\w.])(?:sleep\s+[\d.$]|time\.sleep\(|usleep\(|nanosleep\()")
    # this list; the pace of a sender; a poll loop without work
    exempt = {top / "tests/style/test_style.py", top / "scripts/lib/mcast.py", top / "tests/loadgen/faults.c"}
    wrong = [f"{path}:{n}" for path in files(top, "tests/*", "scripts/*") if path not in exempt
             for n, line in enumerate(path.read_text(errors="replace").splitlines(), 1) if asleep.search(line)]
    assert not wrong


def test_readme_configuration_is_good(top, binary, tmp_path):
    """A reader can copy the configuration of the README."""
    text = (top / "README.md").read_text()
    blocks = re.findall(r"^( *)```yaml\n(.*?)^\1```", text, re.M | re.S)
    assert blocks
    for indent, block in blocks:
        path = tmp_path / "readme.yaml"
        path.write_text("\n".join(line[len(indent):] for line in block.splitlines()) + "\n")
        run = subprocess.run([binary, "--check", path], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr


def absent_words(page, names):
    """Those of the names that a man page does not contain as bold words."""
    text = page.replace("\\-", "-")
    return [name for name in names if not re.search(rf"^\.(?:B|BR|BI|RB) .*?(?<![\w-]){re.escape(name)}(?![\w-])", text, re.M)]


def test_man_pages_list_all_keys_and_commands(top):
    keys = re.findall(r'\[KEY_\w+\] = \{\s*"([\w-]+)"', (top / "lib/config/keys.c").read_text())
    commands = re.search(r"#define GREMC_COMMANDS\(X\)((?:.*\\\n)*.*\n)", (top / "lib/telemetry/telemetry_priv.h").read_text())
    commands = [f"/gremc/{name}" for name in re.findall(r"\bX\((\w+),", commands.group(1))]
    assert len(keys) > 50 and len(commands) > 15
    assert not absent_words((top / "docs/man/dpdk-gremc.yaml.5").read_text(), set(keys))
    assert not absent_words((top / "docs/man/dpdk-gremc.8").read_text(), commands)


def test_the_man_page_check_can_fail():
    page = ".B fast\\-leave\n.BR /gremc/tunnels , /gremc/tunnel\nleave\n"
    assert absent_words(page, ["fast-leave", "leave", "/gremc/tunnel", "/gremc/tunnels", "fast"]) == ["leave", "fast"]
