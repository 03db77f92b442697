# SPDX-License-Identifier: BSD-3-Clause
"""Measure the tree against the style rules of CONTRIBUTING.md.

    [-v] [FOLDER...]    one row a folder, and the sums; -v: each finding as file:line
"""
import ast
import collections
import io
import pathlib
import re
import subprocess
import sys
import tokenize

TOP = pathlib.Path(subprocess.run(["git", "rev-parse", "--show-toplevel"], check=True, capture_output=True, text=True,
                                  cwd=pathlib.Path.cwd()).stdout.strip())

# ---- constructions ----

NOUN = r"(?:it|they|he|we|there|then|this|that|these|those|not)"
VERB = r"(?:is|are|was|were|has|have|can|cannot|may|must|does|do|did|will|would|needs?|comes?|goes)"
PERSON = r"(?:RFCs? \d+\S*|RFC|operators?|users?|who|you|I)\s+"
HEADLESS = re.compile(r"\b[Ww]hat(?:ever)?\s+(?!if\b)[a-z]+")
BANNED = {
    "headless what": HEADLESS,
    "fronted of": re.compile(r"(?:^|[.:;!?]\s+)Of\s+(?!course\b)[a-z]"),
    "for = because": re.compile(rf"[,;:]\s+for\s+(?:{NOUN}\b|(?:the|an?|no|each|all|every|some|none|most|both|one)\s+"
                                rf"(?:[\w'-]+\s+){{1,4}}?{VERB}\b)"),
    "word": re.compile(r"\b(?:anew|who(?:so)?ever|nobody|everybody|but\s+for|all\s+the\s+same)\b", re.I),
    "thinking code": re.compile(
        rf"(?<!\w)(?:{PERSON})?\b(?:says|knows|wants|asks|believes|judges|thinks|wishes|tells)\b|"
        r"\b(?:not|cannot|must|never|that|which)\s+(?:know|say|ask|want|believe|judge|tell|think)\b|"
        r"\b(?:is|are|was|were|be|been|being)\s+(?:asked|told|judged)\b"),
}
HUMAN = re.compile(PERSON + r"\w+$")

# ---- spellings: the last table of docs/glossary.md, and the words that it cannot list by form ----

SPELLINGS = {
    "fan-out": re.compile(r"(?<![\w/.\"-])(?:[Ff]anout|[Ff]an out)\b(?![\w/.*(=-])"),
    "module, space or capacity": re.compile(r"(?<![\w-])[Rr]ooms?\b(?![\w(=-])"),
    "next hop": re.compile(r"(?<![\w-])(?:(?<!/)[Nn]exthops?(?! object| module|:|/|\.[ch])|[Nn]ext-hops?)\b(?![\w(=-])"),
    "grace period": re.compile(r"\bgrace-periods?\b"),
}

C_TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
CODE_SPAN = re.compile(r"`[^`]*`")

Prose = collections.namedtuple("Prose", "line kind text")  # kind: comment, string or page


def tracked(*patterns):
    out = subprocess.run(["git", "-C", TOP, "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
                         check=True, capture_output=True, text=True).stdout
    return [name for name in out.splitlines() if (TOP / name).is_file()]


def joined(comments):
    """Comments of successive lines as one."""
    for line, text in comments:
        if joined.last and line == joined.last[1] + 1:
            joined.last = (joined.last[0], line, joined.last[2] + "\n" + text)
        else:
            if joined.last:
                yield joined.last[0], joined.last[2]
            joined.last = (line, line, text)
    if joined.last:
        yield joined.last[0], joined.last[2]
    joined.last = None


joined.last = None


def c_prose(text):
    for match in C_TOKEN.finditer(text):
        token, line = match.group(), text.count("\n", 0, match.start()) + 1
        if token[:2] == "/*":
            yield Prose(line, "comment", re.sub(r"(?m)^\s*\*[ \t]?", "", token[2:-2]).strip("*- \n"))
        elif token[:2] == "//":
            yield Prose(line, "comment", token[2:].strip())
        elif token[0] == '"' and len(re.findall(r"[A-Za-z]{2,}", token)) > 2:
            yield Prose(line, "string", token[1:-1].replace("\\n", "\n"))


def python_prose(text):
    try:
        comments = [(t.start[0], t.string.lstrip("#! ")) for t in tokenize.generate_tokens(io.StringIO(text).readline)
                    if t.type == tokenize.COMMENT]
        tree = ast.parse(text)
    except (SyntaxError, tokenize.TokenError):
        return
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node):
            yield Prose(node.body[0].lineno, "comment", ast.get_docstring(node))
    for line, comment in joined(comments):
        yield Prose(line, "comment", comment)


def hash_prose(text):
    comments = [(n, match.group(1)) for n, line in enumerate(text.splitlines(), 1)
                if (match := re.search(r"(?:^|\s)#[\s!]+(.*)", line))]
    for line, comment in joined(comments):
        yield Prose(line, "comment", comment)


def page_prose(text, man=False):
    block, start, fenced = [], 1, False
    for n, line in enumerate(text.splitlines() + [""], 1):
        if man:
            line = re.sub(r"^\.(?:\\\".*|(?:TH|SH|SS|nf|fi|RS|RE|PP|br|TP).*|[BI]+R?|RB|RI|IR) ?|\\f[BIRP]|\\", "", line)
        if re.match(r"\s*```", line):
            fenced = not fenced
            line = ""
        if fenced or not line.strip() or not man and re.match(r"\s*([-*|#]|\d+\.) ?|    ", line):
            if block:
                yield Prose(start, "page", "\n".join(block))
            block = []
        if not fenced and line.strip() and not re.match(r"    \s*(?![-*\d\s])", line):
            if not block:
                start = n
            block.append(line if man else re.sub(r"^\s*(?:[-*#|]+|\d+\.)\s*", "", line))


def prose(name):
    path = TOP / name
    text = path.read_text(errors="replace")
    first = text.split("\n", 1)[0]
    if path.suffix in (".c", ".h"):
        found = c_prose(text)
    elif path.suffix == ".py" or "python" in first:
        found = python_prose(text)
    elif path.suffix == ".md":
        found = page_prose(text)
    elif re.fullmatch(r"\.[1-9]", path.suffix):
        found = page_prose(text, man=True)
    elif path.suffix in (".yaml", ".yml", ".build", ".service", ".sh") or first.startswith("#!"):
        found = hash_prose(text)
    else:
        return
    for piece in found:
        if "SPDX-License" not in piece.text or piece.kind == "page":
            yield piece
        else:
            yield piece._replace(text=re.sub(r".*SPDX-License.*\n?", "", piece.text))


def constructions(text, rules):
    """The offset in text, the rule's name and the words of each finding."""
    plain = CODE_SPAN.sub(lambda m: "`" + "_" * (len(m.group()) - 2) + "`", text)
    for rule, pattern in rules.items():
        for match in pattern.finditer(plain):
            if rule != "thinking code" or not HUMAN.fullmatch(match.group()):
                yield match.start(), rule, " ".join(match.group().split())


def findings(name, rules=None):
    rules = rules or {**BANNED, **SPELLINGS}
    if name == "docs/glossary.md":  # it lists the spellings
        rules = BANNED
    for piece in prose(name):
        for at, rule, words in constructions(piece.text, rules):
            yield piece.line + piece.text.count("\n", 0, at), rule, words, piece.kind


SLOT = re.compile(r"(?m)^.*[^,\s][ \t]+(?:Thread|Input|Output|Owner|Units|Returns|Errors|Order|Lifetime|RFC):[ \t]")


def inline_slots(text):
    """The lines of multi-line comments of C on which the slot of a contract is not the first word."""
    for match in C_TOKEN.finditer(text):
        comment = match.group()
        if comment.startswith("/*") and "\n" in comment:
            body = re.sub(r"(?m)^\s*(?:/\*|\*)[ \t]*", "", comment)
            yield from (text.count("\n", 0, match.start()) + 1 + body.count("\n", 0, slot.start())
                        for slot in SLOT.finditer(body))


# ---- names, prototypes, assertions ----

DEFINED = re.compile(r"^(?!typedef|struct|union|enum|extern)(static )?(?:[\w*]+[ *]+)+?\*?(\w+)\(([^;{}]|\n)*?\)(?:\n__\w+.*)?\n\{", re.M)
STATIC_DATA = re.compile(r"^static (?!inline)(?:[\w*]+[ *]+)+?\*?(\w+)(?:\[[^\n]*?\])*(?: =|;)", re.M)
PROTOTYPE = re.compile(r"^(?!typedef|static|extern \"C\"|#|return)(?:[\w]+[ *]+)+\*?(\w+)\([^;{}]*?\)[^;{}=]*;", re.M)
INLINE = re.compile(r"^static (?:inline|__rte_always_inline) (?:[\w*]+[ *]+)+?\*?(\w+)\([^;{}]*?\)\n\{", re.M)
ASSERT = re.compile(r"\b(?:assert|RTE_ASSERT|RTE_VERIFY|GREMC_[A-Z_]*ASSERT[A-Z_]*|gremc_assert\w*|gremc_\w+_assert\w*)\(")
STATIC_ASSERT = re.compile(r"\b(?:_?[Ss]tatic_assert|RTE_BUILD_BUG_ON)\(")


def bare(text):
    """C without comments and strings; the lines stay."""
    return C_TOKEN.sub(lambda m: "\n" * m.group().count("\n") if m.group()[0] == "/" else '""', text)


def functions(name):
    """(name, line, static) of each function that a file defines."""
    text = bare((TOP / name).read_text())
    for match in DEFINED.finditer(text):
        yield match.group(2), text.count("\n", 0, match.start()) + 1, bool(match.group(1))


# names that a library prescribes
PRESCRIBED = {"main", "LLVMFuzzerTestOneInput", "LLVMFuzzerInitialize", "ptrace", "setsockopt"}


def one_word(function):
    return function not in PRESCRIBED and "_" not in re.sub(r"^(?:gremc|loadgen|lg)_", "", function).strip("_")


def duplicate_statics(names):
    """{name: [files]} of static functions and data that several C files define."""
    seen = collections.defaultdict(set)
    for name in names:
        text = bare((TOP / name).read_text())
        for match in DEFINED.finditer(text):
            if match.group(1):
                seen[match.group(2)].add(name)
        for match in STATIC_DATA.finditer(text):
            seen[match.group(1)].add(name)
    return {name: sorted(files) for name, files in seen.items() if len(files) > 1}


def prototypes(name):
    """(name, line, has a comment) of each prototype and inline function of a header."""
    text = (TOP / name).read_text()
    code = C_TOKEN.sub(lambda m: re.sub(r"[^\n]", " ", m.group()) if m.group()[0] == "/" else m.group(), text)
    lines = text.splitlines()
    for match in [*PROTOTYPE.finditer(code), *INLINE.finditer(code)]:
        line = code.count("\n", 0, match.start()) + 1
        last = code.count("\n", 0, match.end()) + 1
        above = lines[line - 2].rstrip() if line > 1 else ""
        yield match.group(1), line, above.endswith("*/") or above.startswith("//") or "/*" in lines[last - 1] or \
            "/*" in lines[line - 1]


def folder(name):
    parts = name.split("/")
    return "/".join(parts[:2]) if parts[0] in ("lib", "app", "tests") and len(parts) > 2 else parts[0]


def main(arguments):
    verbose = "-v" in arguments
    wanted = [a.rstrip("/") for a in arguments if a != "-v"]
    names = [n for n in tracked() if not wanted or any(n == w or n.startswith(w + "/") for w in wanted)]
    rows = collections.defaultdict(collections.Counter)
    notes = []
    for name in names:
        row = rows[folder(name)]
        for piece in prose(name):
            if piece.kind != "string":
                row["words"] += len(piece.text.split())
        for line, rule, words, kind in findings(name):
            row["headless"] += rule == "headless what" and kind != "string"
            row["banned"] += 1
            notes.append(f"{name}:{line}: {rule}: {words}")
        if name.endswith((".c", ".h")):
            text = bare((TOP / name).read_text())
            row["asserts"] += len(ASSERT.findall(text))
            row["static asserts"] += len(STATIC_ASSERT.findall(text))
            for function, line, _ in functions(name):
                row["functions"] += 1
                if one_word(function):
                    row["one word"] += 1
                    notes.append(f"{name}:{line}: one-word name: {function}")
        if name.endswith(".h"):
            for function, line, documented in prototypes(name):
                row["prototypes"] += 1
                if not documented:
                    row["bare"] += 1
                    notes.append(f"{name}:{line}: no contract: {function}")
    product = [n for n in tracked("lib/*.c", "lib/*.h", "app/*.c", "app/*.h")]
    for static, files in sorted(duplicate_statics(product).items()):
        mine = [f for f in files if f in names]
        for file in mine:
            rows[folder(file)]["twice"] += 1
        if mine:
            notes.append(f"{mine[0]}: static {static} also in {', '.join(f for f in files if f != mine[0])}")
    if verbose:
        print("\n".join(notes))
    print(f"{'folder':22} {'headless':>8} {'/1000':>6} {'banned':>6} {'1-word':>6} {'%':>5} {'twice':>5} {'bare':>5} "
          f"{'of':>5} {'assert':>6} {'static':>6}")
    total = collections.Counter()
    code = collections.Counter()
    for name, row in sorted(rows.items()):
        total.update(row)
        if name.startswith(("lib", "app")):
            code.update(row)
        print_row(name, row)
    if not wanted:
        print_row("lib and app", code)
        print_row("all", total)


def print_row(name, row):
    print(f"{name:22} {row['headless']:8} {1000 * row['headless'] / (row['words'] or 1):6.1f} {row['banned']:6} {row['one word']:6} "
          f"{100 * row['one word'] / (row['functions'] or 1):5.1f} {row['twice']:5} {row['bare']:5} {row['prototypes']:5} "
          f"{row['asserts']:6} {row['static asserts']:6}")


if __name__ == "__main__":
    main(sys.argv[1:])
