#!/usr/bin/env python3
"""Refuses texts that mean nothing to a reader of this tree alone.

Paths of one machine, documents that are not here, work left open without its issue.
"""

import re

import lint_tree

# Written so that no line of this file matches itself.
RULES = [
    (re.compile(r"/(w[o]rk|f[a]rm|home/[a-z]+)/|/tmp/b[/]|/tmp/br[i]ef"),
     "a path of one machine"),
    (re.compile(r"[.]library\b"), "a path of one machine"),
    (re.compile(r"\bTO[D]O\b(?!\(#\d+\))"), "name the issue, as in (#12)"),
    (re.compile(r"\b(FIX[M]E|XX[X])\b"), "file an issue instead"),
    (re.compile(r"[<]{7} |^[>]{7} "), "a merge conflict"),
]
# Documents are named in capitals, or stand in a folder of their own.
DOCUMENT = re.compile(
    r"(?<![\w/.-])((?:[\w-]+/)*[A-Z]{3,}\.md|refer[e]nce/[\w-]+\.md)\b")


def check_documents(name, number, text, known):
    """Findings for references to Markdown files that do not exist."""
    folder = name.rpartition("/")[0]
    return [
        f"{name}:{number}: names {document}, which is not in the tree"
        for document in DOCUMENT.findall(text)
        if document not in known and f"{folder}/{document}" not in known]


def main():
    args = lint_tree.arguments(__doc__)
    tree = lint_tree.Tree(args.root)
    names = tree.files()
    known = set(names)
    found = []
    for name in names:
        for number, text in tree.lines(name):
            found += [
                f"{name}:{number}: {why}"
                for pattern, why in RULES if pattern.search(text)]
            found += check_documents(name, number, text, known)
    lint_tree.finish(found)


if __name__ == "__main__":
    main()
