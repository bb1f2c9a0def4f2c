"""What a change is compared with."""

import os


def base(tree):
    """The commit that the work started from, or None in a plain folder.

    CAISSON_BASE when it is set, else where the branch left origin/main, else
    (on main itself) the commit before.
    """
    head = tree.git("rev-parse", "HEAD")
    named = os.environ.get("CAISSON_BASE")
    if named:
        found = tree.git("rev-parse", "--verify", f"{named}^{{commit}}")
        if found is None:
            raise RuntimeError(f"CAISSON_BASE={named}: no such commit")
        return found.strip()
    merge = tree.git("merge-base", "HEAD", "origin/main")
    if merge is not None and merge != head:
        return merge.strip()
    before = tree.git("rev-parse", "--verify", "HEAD~1")
    return before.strip() if before else None


def changed(tree):
    """Files that differ from the base, work not yet committed included."""
    start = base(tree)
    if start is None:
        return tree.files()
    names = tree.git("diff", "--name-only", "--diff-filter=d", start)
    known = set(tree.files())
    return [n for n in names.splitlines() if n in known]
