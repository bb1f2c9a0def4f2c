#!/usr/bin/env python3
"""Refuses calls that this tree does not make.

A line that has to make one says so at its end: `// lint-allow(name): reason`.
"""

import re

import lint_tree

# name -> (pattern, files, what to do instead)
ALL = r""
RULES = {
    "shell": (r"(?<![\w.>])(::|std::)?(system|popen)\s*\((?!\s*\))", ALL,
              "run programs with posix_spawn and an argument list"),
    "unsafe-string": (
        r"\b(strcpy|strcat|sprintf|vsprintf|gets|strtok|atoi|atol|atoll)\s*\(",
        ALL, "use absl strings"),
    "not-reentrant": (
        r"(?<![\w.>])(::|std::)?(strerror|localtime|gmtime|getpwnam|getpwuid"
        r"|getgrnam|getgrgid|rand|srand|tmpnam|mktemp|readdir64_r)\s*\(",
        ALL, "use the _r form, or what runtime/base has"),
    "exception": (r"\b(throw\s+[\w:]|try\s*\{|dynamic_cast\s*<|typeid\s*\()",
                  ALL, "no exceptions and no RTTI"),
    "fork": (r"(?<![\w.>])(::)?(v?fork|setns|unshare|clone|clone3|daemon)\s*\(",
             r"^server/", "the daemon never forks or changes a namespace"),
    "namespace": (r"\busing\s+namespace\b", ALL, "name what is used"),
    "sleep": (r"(?<![\w.>])(::|absl::|std::this_thread::)?(usleep|sleep"
              r"|SleepFor|sleep_for|nanosleep)\s*\(",
              r"_test\.cc$", "poll for the state, or inject a clock"),
    "empty-test": (
        r"\b(EXPECT|ASSERT)_TRUE\(true\)|\bSUCCEED\(\)",
        ALL, "assert what the test is about"),
    "accept": (r"(?<![\w.>])::(accept|pipe|dup|epoll_create"
               r"|inotify_init|creat)\s*\(", ALL,
               "use the form that sets close-on-exec at once"),
}
# Calls whose arguments must have one of the flags, up to the closing ";".
CLOEXEC = {
    "open": "O_CLOEXEC",
    "openat": "O_CLOEXEC",
    "socket": "SOCK_CLOEXEC",
    "socketpair": "SOCK_CLOEXEC",
    "accept4": "SOCK_CLOEXEC",
    "pipe2": "O_CLOEXEC",
    "dup3": "O_CLOEXEC",
    "memfd_create": "MFD_CLOEXEC",
    "epoll_create1": "EPOLL_CLOEXEC",
    "eventfd": "EFD_CLOEXEC",
    "signalfd": "SFD_CLOEXEC",
    "timerfd_create": "TFD_CLOEXEC",
    "inotify_init1": "IN_CLOEXEC",
}
CLOEXEC_CALL = re.compile(r"(?<![\w.>])::(" + "|".join(CLOEXEC) + r")\s*\(")
ALLOW = re.compile(r"//\s*lint-allow\(([\w-]+)\):\s*\S")
COMMENT_OR_STRING = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"', re.S)


def code_of(text):
    """The text with comments and string literals blanked, lines kept."""
    def blank(match):
        found = match.group(0)
        spaces = re.sub(r"[^\n]", " ", found)
        # A call with a literal argument is still a call with an argument.
        return spaces if found.startswith("/") else f'"{spaces[1:-1]}"'

    return COMMENT_OR_STRING.sub(blank, text)


def has_flag(code, statement, flag):
    """Whether a call has the flag, by itself or through a name it uses."""
    # Flags that a caller chooses are the caller's matter.
    if flag in statement or re.search(r"\bflags_?\b", statement):
        return True
    return any(
        flag in definition
        for name in set(re.findall(r"\bk[A-Z]\w*", statement))
        for definition in re.findall(rf"\b{name}\s*=([^;]*);", code))


def check_cloexec(code):
    """(line, name, why) for calls that leave a descriptor open on exec."""
    for match in CLOEXEC_CALL.finditer(code):
        call = match.group(1)
        statement = code[match.start():code.find(";", match.start())]
        if not has_flag(code, statement, CLOEXEC[call]):
            line = code.count("\n", 0, match.start()) + 1
            yield line, "cloexec", f"::{call} without {CLOEXEC[call]}"


def check_rules(name, code):
    # The parser of command lines reports through exceptions.
    parses_flags = re.search(r"\bCLI::", code)
    for rule, (pattern, files, why) in RULES.items():
        if not re.search(files, name) or (
                rule == "exception" and parses_flags):
            continue
        for number, text in enumerate(code.splitlines(), 1):
            match = re.search(pattern, text)
            if match:
                yield number, rule, f"{match.group(0).strip()}: {why}"


def check_file(tree, name):
    lines = dict(tree.lines(name))
    code = code_of("\n".join(lines.values()))
    found = []
    for number, rule, why in [*check_cloexec(code), *check_rules(name, code)]:
        if rule not in ALLOW.findall(lines[number]):
            found.append(f"{name}:{number}: [{rule}] {why}")
    return found


def main():
    args = lint_tree.arguments(__doc__)
    tree = lint_tree.Tree(args.root)
    found = []
    for name in tree.files(".cc", ".h", ".c"):
        found += check_file(tree, name)
    lint_tree.finish(found)


if __name__ == "__main__":
    main()
