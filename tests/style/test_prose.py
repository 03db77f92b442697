# SPDX-License-Identifier: BSD-3-Clause
"""The rules of CONTRIBUTING.md that a program can check: constructions, spellings, names, contracts."""
import re

import pytest
import style


def files_of(folder, *patterns):
    return [name for name in style.tracked(*patterns) if style.folder(name) == folder]


def words_of(text, rules=None):
    return [rule for _, rule, _ in style.constructions(text, rules or {**style.BANNED, **style.SPELLINGS})]


def each_folder(*patterns):
    """One test for each module, application and folder of tests that has such files."""
    return pytest.mark.parametrize("folder", sorted({style.folder(name) for name in style.tracked(*patterns)}))


@each_folder()
def test_prose_has_no_banned_construction(folder):
    found = [f"{name}:{line}: {rule}: {words}" for name in files_of(folder)
             for line, rule, words, _ in style.findings(name)]
    assert not found, "\n".join(found)


@each_folder("*.c", "*.h")
def test_function_names_have_two_words(folder):
    found = [(f"{name}:{line}: {function}", style.one_word(function)) for name in files_of(folder, "*.c", "*.h")
             for function, line, _ in style.functions(name)]
    short = [text for text, is_short in found if is_short]
    assert len(short) <= 0.05 * len(found), "\n".join(short)


def test_static_names_are_defined_once():
    assert not style.duplicate_statics(style.tracked("lib/*.c", "app/*.c"))
    assert len(style.duplicate_statics(style.tracked("*.c", "*.h"))) < 10


@each_folder("*.h")
def test_prototypes_have_a_contract(folder):
    found = [(f"{name}:{line}: {function}", documented) for name in files_of(folder, "*.h")
             for function, line, documented in style.prototypes(name)]
    bare = [text for text, documented in found if not documented]
    assert len(bare) <= 0.02 * len(found), "\n".join(bare)


def test_contracts_are_asserted(top):
    """CONTRIBUTING.md, Contracts: run-time assertions of contracts, and static assertions of constants that must agree."""
    code = [style.bare((top / name).read_text()) for name in style.tracked("lib/*.c", "lib/*.h", "app/*.c", "app/*.h")]
    assert sum(len(style.ASSERT.findall(text)) for text in code) > 300
    assert sum(len(style.STATIC_ASSERT.findall(text)) for text in code) > 70


def functions_without_a_thread_assertion(text):
    """The public functions of a C file that do not assert the control thread."""
    bodies = re.findall(r"(?m)^(?!static)[a-z][\w* ]*?\**(gremc_\w+)\([^;{}]*\)\n\{\n(.*?)^\}", style.bare(text), re.S)
    return [name for name, body in bodies if "gremc_assert_control_thread();" not in body]


def test_functions_of_the_control_plane_assert_their_thread(top):
    """control_priv.h: every function runs on the control thread. These have no state, or a contract of their own."""
    stateless = {"gremc_next_hop_of", "gremc_tunnel_info_of", "gremc_static_routes_free"}
    found = [f"{name}: {function}" for name in style.tracked("lib/control/*.c") if not name.endswith("/loading.c")
             for function in functions_without_a_thread_assertion((top / name).read_text()) if function not in stateless]
    assert not found, "\n".join(found)


def test_a_function_without_a_thread_assertion_is_found():
    assert functions_without_a_thread_assertion(
        "void gremc_a(int a,\n             int b)\n{\n\tgremc_assert_control_thread();\n}\n\nstatic void own(void)\n{\n}\n\n"
        "struct x *gremc_b(void)\n{\n\tx();\n}\n") == ["gremc_b"]


def test_slots_of_contracts_begin_their_line(top):
    found = [f"{name}:{line}" for name in style.tracked("*.h")
             for line in style.inline_slots((top / name).read_text())]
    assert not found, "\n".join(found)


def test_a_slot_inside_a_line_is_found():
    assert list(style.inline_slots("/* One line. Returns: 0. */\n/* First.\n * Thread:  any.\n * Owner:   the caller. Returns: 0.\n */\n"
                                   "/* So it is. Thread: any,\n * always. */\n")) == [4, 6]


def long_lines(text):
    """The numbers of lines of prose over 100 columns; tables, code blocks and images are exempt."""
    fenced, found = False, []
    for n, line in enumerate(text.splitlines(), 1):
        fenced ^= line.lstrip().startswith("```")
        if len(line) > 100 and not fenced and not re.match(r"\s*(\||!\[|\[[\w.-]+\]:)|    ", line):
            found.append(n)
    return found


def test_documentation_lines_are_short(top):
    found = [f"{name}:{n}" for name in style.tracked("*.md") for n in long_lines((top / name).read_text())]
    assert not found


def test_a_long_line_is_found():
    assert long_lines(f"{'x ' * 51}\n- {'y' * 99}\n| {'z' * 99}\n```\n{'c' * 101}\n```\n{'d' * 101}\n") == [1, 2, 7]


def anchors(text):
    """The anchors that GitHub makes of the headings of a page."""
    prose = re.sub(r"(?ms)^\s*```.*?^\s*```", "", text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
            for heading in re.findall(r"^#+ (.*)", prose, re.M)}


def broken_links(page):
    text = page.read_text()
    for target, anchor in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", text):
        path = (page.parent / target) if target else page
        if not path.exists() or anchor and anchor not in anchors(path.read_text()):
            yield f"{target}#{anchor}"


def test_links_lead_somewhere(top):
    found = {name: broken for name in style.tracked("*.md") if (broken := list(broken_links(top / name)))}
    assert not found


def test_a_broken_link_is_found(tmp_path):
    page = tmp_path / "a.md"
    page.write_text("# One `two`, three\n[a](#one-two-three) [b](a.md#one) [c](b.md) [d](a.md) [e](https://x/y)")
    assert list(broken_links(page)) == ["a.md#one", "b.md#"]


def missing_paths(top, text):
    """Names of files in code spans that do not exist, from the top, from lib/ or from an app's folder."""
    roots = [top, top / "lib", top / "docs", top / "app/dpdk-gremc", top / "app/gremc-loadgen",
             *[top / "lib" / p for p in ("control", "datapath", "vif", "port", "host")]]
    return [name for name in re.findall(r"`((?:[\w-]+/)*[\w-]+\.(?:c|h|py|md))`", text)
            if name != "dpdk-telemetry.py" and not any((root / name).exists() for root in roots)]


def test_documented_files_exist(top):
    found = {name: missing for name in style.tracked("docs/*.md", "CONTRIBUTING.md", "README.md")
             if (missing := missing_paths(top, (top / name).read_text()))}
    assert not found


def test_a_missing_file_is_found(top):
    assert missing_paths(top, "`lib/proto/gre.h` `proto/gre.h` `docs/design.md` `proto/nothing.c` `a b.c`") == ["proto/nothing.c"]


def test_comments_cite_nothing_outside_the_tree():
    """Numbers of requirements and issues belong to lists that a reader does not have."""
    cited = re.compile(r"\(R\d+|\bR\d+\)|\brequirements? \d|\bissues? #?\d|\bdesign\.md, \d")
    found = [f"{name}:{piece.line}: {match.group()}" for name in style.tracked() if "." in name
             for piece in style.prose(name) for match in cited.finditer(piece.text)]
    assert not found, "\n".join(found)


# ---- proofs that the checks can fail ----

@pytest.mark.parametrize("rule, text", [
    ("headless what", "What is no such segment ends the row."),
    ("headless what", "keeps what the worker sends"),
    ("headless what", "of whatever they hold"),
    ("fronted of", "Of a queue, the mask of flags."),
    ("fronted of", "It stops. Of these only one is kept."),
    ("for = because", "settled once, for they mostly are"),
    ("for = because", "valid in one burst, for the tables may change"),
    ("word", "the table is made anew"),
    ("word", "whoever of any source"),
    ("word", "all but for\nthe last"),
    ("word", "nobody reads it"),
    ("word", "all the same"),
    ("thinking code", "the stage knows the vif"),
    ("thinking code", "a route that nothing wants"),
    ("thinking code", "the driver is told"),
    ("thinking code", "a worker does not know it"),
    ("fan-out", "a fanout of four"),
    ("module, space or capacity", "a room of lib"),
    ("next hop", "the nexthop of a tunnel"),
    ("next hop", "next-hops"),
])
def test_a_banned_construction_is_found(rule, text):
    assert words_of(text) == [rule]


@pytest.mark.parametrize("text", [
    "Any other packet flushes the GRO batch. Of course the order is kept.",
    "The rings are empty, for all workers and for the control thread.",
    "RFC 3376 says that a host answers. The operator wants a warning.",
    "An object of kernel nexthop objects; `fanout`, lib/fanout, fanout.h, gremc_fanout_lookup().",
    "The headroom and `what is this` and somewhat later.",
])
def test_plain_text_passes(text):
    assert words_of(text) == []


def test_prose_is_found_in_each_language(top, tmp_path, monkeypatch):
    monkeypatch.setattr(style, "TOP", tmp_path)
    for name, text in {
        "a.c": 'int a; /* one\n * what is */\n// Of a\nconst char *t = "says it is anew, for it is";\nchar q = \'"\'; // nobody\n',
        "a.py": '"""What is here."""\nx = 1  # nobody\n',
        "a.sh": "#!/bin/sh\n# what is\nx=1 # anew\n",
        "a.yaml": "# what it\nkey: what is # anew\n",
        "meson.build": "# what it\n",
        "a.md": "# What is it\n\nIt says `what is`.\n\n```\nwhat is\n```\n\n| what a | cell |\n",
        "a.8": ".SH NAME\nwhat the\n.B anew\n",
    }.items():
        (tmp_path / name).write_text(text)

    def found(name):
        return [(line, rule) for line, rule, _, _ in style.findings(name)]

    assert found("a.c") == [(2, "headless what"), (3, "fronted of"), (4, "for = because"), (4, "word"),
                            (4, "thinking code"), (5, "word")]
    assert found("a.py") == [(1, "headless what"), (2, "word")]
    assert found("a.sh") == [(2, "headless what"), (3, "word")]
    assert found("a.yaml") == [(1, "headless what"), (2, "word")]
    assert found("meson.build") == [(1, "headless what")]
    assert found("a.md") == [(1, "headless what"), (3, "thinking code"), (9, "headless what")]
    assert found("a.8") == [(2, "headless what"), (3, "word")]


def test_functions_and_prototypes_are_found(tmp_path, monkeypatch):
    monkeypatch.setattr(style, "TOP", tmp_path)
    (tmp_path / "a.c").write_text(
        "static int limit;\n\nstatic struct x *\nnot_this;\n\nstatic int run(void)\n{\n\tif (x) {\n\t}\n}\n\n"
        "/* int comment(void)\n{ */\nbool gremc_find(const struct a *a,\n                int b)\n{\n}\n\nint gremc_a_find(void)\n{\n}\n")
    (tmp_path / "b.c").write_text("static const char *limit[] = {0};\n\nstatic void run(int a)\n{\n}\n\nstatic void own_one(void)\n{\n}\n")
    assert [(f, s, style.one_word(f)) for f, _, s in style.functions("a.c")] == [
        ("run", True, True), ("gremc_find", False, True), ("gremc_a_find", False, False)]
    assert style.duplicate_statics(["a.c", "b.c"]) == {"limit": ["a.c", "b.c"], "run": ["a.c", "b.c"]}
    (tmp_path / "a.h").write_text("/* Contract. */\nint gremc_a(int b);\nint gremc_b(int b,\n            int c);\n"
                                  "bool gremc_c(void); /* one line */\nstruct x;\ntypedef int (*f)(int);\n")
    assert [(f, d) for f, _, d in style.prototypes("a.h")] == [("gremc_a", True), ("gremc_b", False), ("gremc_c", True)]
