#!/usr/bin/env bash
# Inside each crate, modules at the top level depend on each other one way only, without cycles; inside
# each subgraph graphql -> app -> db. What is not so yet stands in the lists below. They only shrink: a line
# that nothing needs any more fails the check, too.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo metadata --format-version 1 --no-deps --offline | python3 -c '
import json, re, sys
from pathlib import Path

# "crate: module -> module", where without it there is no cycle.
CYCLES = """
atelier-local: error -> data_dir    # the error names the type of a data directory
atelier-local: place -> account
"""
# "file: module", the import that goes the wrong way.
LAYERS = """
"""

# What a layer of a subgraph may not import.
FORBIDDEN = {"app": {"graphql"}, "db": {"app", "graphql"}, "jobs": {"graphql"}}

# Comments, raw strings, characters (\x27 is their quote) and strings.
CODE = re.compile(r"//[^\n]*|/\*.*?\*/|r(#+)\".*?\"\1|\x27(?:\\.[^\x27]*|[^\x27\\])\x27|\"(?:\\.|[^\"\\])*\"", re.S)
TESTS = re.compile(r"#\[cfg\(test\)\]\s*(?:#\[[^\]]*\]\s*)*mod\s+(\w+)\s*(;|\{)")
PATH = re.compile(r"(?<![\w:])\$?(crate::|(?:super::)+)")
REEXPORT = re.compile(r"pub(?:\([^)]*\))?\s+use\s+(?:self::|crate::)?(\w+)::(\{[^;]*\}|[^;]+);")


def code_of(file):
    """The text without comments, strings and unit tests, and the names of modules that are only tests."""
    text = CODE.sub("", file.read_text())
    apart = set()
    while found := TESTS.search(text):
        end = found.end()
        if found[2] == ";":
            apart.add(found[1])
        else:
            depth = 1
            while depth and end < len(text):
                depth += {"{": 1, "}": -1}.get(text[end], 0)
                end += 1
        text = text[:found.start()] + text[end:]
    return text, apart


def heads(text):
    """The first names of a path or of a group of paths."""
    text = text.lstrip()
    if not text.startswith("{"):
        name = re.match(r"\w+", text)
        return [name[0]] if name else []
    names, depth, start = [], 0, 1
    for at, letter in enumerate(text):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if (letter == "," and depth == 1) or depth == 0:
            names += heads(text[start:at])
            start = at + 1
        if depth == 0:
            break
    return names


def module(source, file):
    parts = list(file.relative_to(source).with_suffix("").parts)
    return parts[:-1] if parts[-1] in ("mod", "lib", "main") else parts


def imports(source):
    """(module, module it imports, file) for the modules at the top level of a crate."""
    files = {file: code_of(file) for file in sorted(source.rglob("*.rs"))}
    apart = [module(source, file) + [name] for file, (_, names) in files.items() for name in names]
    tops = {module(source, file)[0] for file in files if module(source, file)}
    exported = {}
    for root in ("lib.rs", "main.rs"):
        if source / root in files:
            for name, what in REEXPORT.findall(files[source / root][0]):
                if name in tops:
                    exported.update({each: name for each in re.findall(r"\w+", what)})
    for file, (text, _) in files.items():
        own = module(source, file)
        if not own or own[0] == "bin" or any(own[:len(path)] == path for path in apart):
            continue
        for found in PATH.finditer(text):
            up = found[1].count("super::")
            if found[1] != "crate::" and up < len(own):
                continue
            for name in heads(text[found.end():]):
                name = name if name in tops else exported.get(name)
                if name and name != own[0]:
                    yield own[0], name, file


def cycles(edges):
    """Sets of modules that all reach each other."""
    reached = {}
    for start in {one for edge in edges for one in edge}:
        seen, left = set(), [start]
        while left:
            here = left.pop()
            new = {b for a, b in edges if a == here} - seen
            seen |= new
            left += new
        reached[start] = seen
    together = {frozenset(b for b in reached[a] if a in reached[b]) for a in reached if a in reached[a]}
    return sorted(sorted(one) for one in together)


def listed(text):
    lines = (line.split("#")[0].strip() for line in text.splitlines())
    return {line for line in lines if line}


root = Path.cwd()
wrong, tolerated, needed = [], listed(CYCLES), set()
layers, crossed = listed(LAYERS), set()
for package in json.load(sys.stdin)["packages"]:
    folder = Path(package["manifest_path"]).parent
    source = folder / "src"
    if not source.is_dir():
        continue
    crate, found = package["name"], list(imports(source))
    edges = {(a, b) for a, b, _ in found}
    for a, b, file in found:
        if "/subgraphs/" in package["manifest_path"] and b in FORBIDDEN.get(a, ()):
            line = f"{file.relative_to(root)}: {b}"
            crossed.add(line)
            if line not in layers:
                wrong.append(f"{line} is imported, which {a} must not know")
    kept = {(a, b) for a, b in edges if f"{crate}: {a} -> {b}" not in tolerated}
    for one in cycles(kept):
        wrong.append(f"{crate}: a cycle of modules: " + ", ".join(one))
        for a, b, file in sorted(set(found)):
            if a in one and b in one and (a, b) in kept:
                wrong.append(f"    {a} -> {b} in {file.relative_to(root)}")
    for a, b in edges - kept:
        if any(a in one and b in one for one in cycles(kept | {(a, b)})):
            needed.add(f"{crate}: {a} -> {b}")
for line in sorted(tolerated - needed) + sorted(layers - crossed):
    wrong.append(f"deploy/check-layers.sh: nothing needs the exception \"{line}\" any more; delete it")
print("\n".join(wrong), file=sys.stderr)
sys.exit(bool(wrong))
'
