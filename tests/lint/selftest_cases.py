"""Small trees that the checks must refuse, and some that they must accept.

A check that finds nothing in its bad trees is broken, however green it is on
the real one.
"""

import dataclasses

FORMATTED = "int F();\n"


@dataclasses.dataclass
class Case:
    check: str  # check_<check>.py
    name: str  # what is wrong with the tree, or right
    files: dict  # path -> text
    expect: list  # patterns that the output must have; none: must be clean
    setup: str = ""  # shell commands run inside the tree
    args: tuple = ()


def header(name, comment="// What.\n// Process: shim. Thread: main only.\n"):
    guard = "CAISSON_" + name.upper().replace("/", "_").replace(".", "_") + "_"
    return f"{comment}#ifndef {guard}\n#define {guard}\n\n#endif\n"


def lines(count):
    return "// a line\n" * count


# The forbidden words, in pieces: this file is checked as well.
OPEN_WORK = "TO" "DO"
MACHINE = "/wo" "rk/main"
ABSENT = "NOSUCH" ".md"

COMPILE_DB = (
    'printf \'[{"directory":"%s","file":"%s/runtime/base/a.cc",'
    '"command":"clang++-14 -std=c++20 -c runtime/base/a.cc"}]\' '
    '"$PWD" "$PWD" > build/compile_commands.json')
COMMIT = ("git -c user.name=t -c user.email=t@localhost commit -q "
          "--allow-empty -m x")
BUF_YAML = "version: v2\nmodules:\n  - path: .\n"
PROTO = ('syntax = "proto3";\npackage a.v1;\n'
         "message M {\n  string name = 1;\n}\n")

CASES = [
    Case("includes", "upward", {
        "runtime/base/a.cc": '#include "server/core/x.h"\n'},
         [r"a\.cc:1: .*no arrow from runtime/base to server/core"]),
    Case("includes", "library-after-clone", {
        "runtime/init/a.cc": '#include <string>\n#include "absl/x.h"\n'},
         [r"a\.cc:1: .*only libc", r"a\.cc:2: .*no library"]),
    Case("includes", "init-includes-builder", {
        "runtime/init/a.cc": '#include "runtime/plan/builder.h"\n'},
         [r"no arrow from runtime/init to runtime/plan"]),
    Case("includes", "v1-includes-v2", {
        "runtime/cgroup/v1/a.cc": '#include "runtime/cgroup/v2/a.h"\n'},
         [r"no arrow from runtime/cgroup/v1 to runtime/cgroup/v2"]),
    Case("includes", "grpc-in-core", {
        "server/core/a.cc": "#include <grpcpp/grpcpp.h>\n"},
         [r"belongs to server/service"]),
    Case("includes", "generated-in-core", {
        "server/core/a.cc": '#include "caisson/v1/container.pb.h"\n'},
         [r"container\.pb\.h: belongs to"]),
    Case("includes", "relative", {
        "runtime/base/a.cc": '#include "b.h"\n'},
         [r"by the path from the root"]),
    Case("includes", "unknown-folder", {"other/a.cc": "int a;\n"},
         [r"in no folder of the architecture"]),
    Case("includes", "allowed", {
        "runtime/init/a.cc": '#include <errno.h>\n#include <cstdint>\n'
                             '#include "runtime/plan/ops.h"\n',
        "runtime/shim/a.cc": '#include "runtime/init/a.h"\n'
                             '#include "runtime/record/b.h"\n'
                             '#include "absl/status/status.h"\n',
        "server/core/a_test.cc": '#include "tests/testing/status.h"\n',
        "server/main.cc": '#include "server/service/a.h"\n'
                          "#include <grpcpp/grpcpp.h>\n"}, []),

    Case("init_symbols", "allocates", {
        "a.cc": "int* F();\nint* F() { return new int; }\n"},
         [r"a\.cc\.o: needs _Znwm"],
         setup="d=build/x/caisson_init.dir; mkdir -p $d;"
               "g++ -c a.cc -o $d/a.cc.o"),
    Case("init_symbols", "no-object", {"a.cc": ""}, [r"no object"]),
    Case("init_symbols", "syscalls-only", {
        "a.cc": "#include <unistd.h>\nint F();\n"
                "int F() { return (int)syscall(1); }\n"}, [],
         setup="d=build/x/caisson_init.dir; mkdir -p $d;"
               "g++ -c a.cc -o $d/a.cc.o"),

    Case("shim_links", "dynamic-with-grpc", {
        "a.c": "int grpc_init;\nint main(void) { return grpc_init; }\n"},
         [r"dynamically linked", r"contains grpc_init"],
         setup="mkdir -p build/bin; gcc a.c -o build/bin/caisson-shim"),
    Case("shim_links", "stripped", {
        "a.c": "int main(void) { return 0; }\n"}, [r"stripped"],
         setup="mkdir -p build/bin; gcc -static -s a.c -o "
               "build/bin/caisson-shim"),
    Case("shim_links", "absent", {"a.c": ""}, [r"is not there"]),
    Case("shim_links", "static", {
        "a.c": "int main(void) { return 0; }\n"}, [],
         setup="mkdir -p build/bin; gcc -static a.c -o "
               "build/bin/caisson-shim"),

    Case("file_size", "long", {
        "a.cc": lines(601), "a.h": lines(251), "a_test.cc": lines(901)},
         [r"a\.cc: 601 lines", r"a\.h: 251", r"a_test\.cc: 901"]),
    Case("file_size", "says-nothing", {"runtime/common/a.cc": "\n"},
         [r"a folder called common"]),
    Case("file_size", "at-the-cap", {
        "a.cc": lines(600), "a.h": lines(250), "a_test.cc": lines(900)}, []),

    Case("format", "bad", {"a.cc": "int   F( );\n"}, [r"a\.cc:1: not form"]),
    Case("format", "empty", {"a.txt": ""}, [r"no C\+\+ file"]),
    Case("format", "good", {"a.cc": FORMATTED}, []),

    Case("tidy", "bad", {
        "runtime/base/a.cc": "#include <fcntl.h>\n"
                             "int bad_name();\nint bad_name() {\n"
                             '  return open("/", O_RDONLY);\n}\n'},
         [r"a\.cc:4: .*O_CLOEXEC"], args=("--all",),
         setup='cp "$CAISSON_ROOT/.clang-tidy" .; mkdir build;' + COMPILE_DB),
    Case("tidy", "no-such-file", {"runtime/base/b.cc": FORMATTED},
         [r"compiles no file"], args=("--all",),
         setup="mkdir build; echo '[]' > build/compile_commands.json"),
    Case("tidy", "unchanged-is-not-read", {
        "runtime/base/a.cc": "int* F() { return 0; }\n"}, [],
         setup='cp "$CAISSON_ROOT/.clang-tidy" .; mkdir build;'
               + COMPILE_DB + f"; git init -q; git add .; {COMMIT}; {COMMIT}"),

    Case("proto", "lint", {
        "proto/buf.yaml": BUF_YAML,
        "proto/a/v1/a.proto": PROTO.replace("name", "badName")},
         [r"proto/a/v1/a\.proto:4.*lower_snake_case"]),
    Case("proto", "breaking", {
        "proto/buf.yaml": BUF_YAML, "proto/a/v1/a.proto": PROTO},
         [r'Field "1" .*changed type'],
         setup=f"git init -q; git add .; {COMMIT}; "
               "sed -i s/string/int64/ proto/a/v1/a.proto;"
               f"git add .; {COMMIT}"),
    Case("proto", "good", {
        "proto/buf.yaml": BUF_YAML, "proto/a/v1/a.proto": PROTO}, []),

    Case("units", "mount-namespace", {
        "deploy/a.service": "[Service]\nProtectSystem=strict\n"
                            "PrivateTmp=yes\n"},
         [r"a\.service:2: ProtectSystem", r":3: PrivateTmp"]),
    Case("units", "none", {"a.txt": ""}, [r"no unit file"]),
    Case("units", "plain", {
        "deploy/a.service": "[Service]\nDelegate=yes\n"
                            "NoNewPrivileges=no\n"}, []),

    Case("texts", "machine-path", {"a.txt": f"see {MACHINE}\n"},
         [r"a\.txt:1: a path of one machine"]),
    Case("texts", "open-work", {"a.cc": f"// {OPEN_WORK}: later\n"},
         [r"a\.cc:1: name the issue"]),
    Case("texts", "absent-document", {"a.cc": f"// See {ABSENT}.\n"},
         [r"a\.cc:1: names NOSUCH\.md"]),
    Case("texts", "good", {
        "README.md": "x\n",
        "a.cc": f"// {OPEN_WORK}(#12): later. See README.md.\n"}, []),

    Case("calls", "forbidden", {
        "server/core/a.cc":
            'int A() { return system("x"); }\n'
            'int B() { return ::open("x", O_RDONLY); }\n'
            "int C() { return ::setns(1, 2); }\n"
            "int D(int a) { return ::pipe(&a); }\n"
            "constexpr int kBare = O_RDONLY;\n"
            'int E() { return ::open("x", kBare); }\n',
        "runtime/base/a_test.cc": "void A() { absl::SleepFor(x); }\n"},
         [r"a\.cc:1: \[shell\]", r"a\.cc:2: \[cloexec\]",
          r"a\.cc:3: \[fork\]", r"a\.cc:4: \[accept\]",
          r"a\.cc:6: \[cloexec\]",
          r"a_test\.cc:1: \[sleep\]"]),
    Case("calls", "allowed", {
        "runtime/base/a.cc":
            "// system(3) is not called here.\n"
            'const char* a = "popen(";\n'
            "int B() {\n  return ::open(path,\n"
            "                O_RDONLY | O_CLOEXEC);\n}\n"
            "int C() { return ::setns(1, 2); }\n"
            "constexpr int kFolder = O_DIRECTORY | O_CLOEXEC;\n"
            'int E() { return ::open("x", kFolder); }\n'
            "int D() { return ::dup(1); }  "
            "// lint-allow(accept): inherited\n"}, []),

    Case("headers", "bad", {
        "runtime/base/a.h": "#pragma once\n",
        "server/b.h": header("server/b.h", "// What.\n"),
        "clients/c.h": header("clients/other.h")},
         [r"runtime/base/a\.h:1: begins without",
          r"server/b\.h:1: .*the process", r"server/b\.h:1: .*the thread",
          r"clients/c\.h: the guard is not CAISSON_CLIENTS_C_H_"]),
    Case("headers", "good", {
        "runtime/base/a.h": header("runtime/base/a.h")}, []),

    Case("scripts", "bad", {
        "a.sh": "#!/bin/sh\ncd $1\n", "b.py": "def f(:\n"},
         [r"a\.sh: has a #! line and no run bit", r"a\.sh:2:.*SC2164",
          r"b\.py:1: "]),
    Case("scripts", "good", {
        "a.sh": "#!/bin/sh\ncd \"$1\" || exit\n", "b.py": "print()\n"}, [],
         setup="chmod +x a.sh"),
]
