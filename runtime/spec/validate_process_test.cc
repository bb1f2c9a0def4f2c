#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "runtime/spec/validate_cases_test.h"

namespace caisson::spec {
namespace {

using C = ContainerSpec;
using Strings = std::vector<std::string>;

const std::string kNul("a\0b", 3);

TEST(ValidateProcessTest, Arguments) {
  CheckRows<C>(
      ValidSpec(),
      {
          {[](C& s) {
             s.process.args = {"", "-c"};
           },
           {}},
          {[](C& s) {
             s.process.command.clear();
             s.process.args = {"sh"};
           },
           {}},
          {[](C& s) {
             s.process.command.clear();
             s.process.args_raw = {"sh", "\xff"};
           },
           {}},
          {[](C& s) { s.process.args_raw = {"sh"}; },
           {"spec.process.args_raw"}},
          {[](C& s) { s.process.command = {}; }, {"spec.process.command"}},
          {[](C& s) { s.process.command = {""}; }, {"spec.process.command[0]"}},
          {[](C& s) {
             s.process.command.clear();
             s.process.args = {""};
           },
           {"spec.process.args[0]"}},
          {[](C& s) {
             s.process.command.clear();
             s.process.args_raw = {""};
           },
           {"spec.process.args_raw[0]"}},
          {[](C& s) {
             s.process.command = {"sh", kNul};
           },
           {"spec.process.command[1]"}},
          {[](C& s) { s.process.args = {kNul}; }, {"spec.process.args[0]"}},
          {[](C& s) { s.process.args = {std::string(131071, 'a')}; }, {}},
          {[](C& s) { s.process.args = {std::string(131072, 'a')}; },
           {"spec.process.args[0]"}},
          {[](C& s) { s.process.args = Strings(4095, "a"); }, {}},
          {[](C& s) { s.process.args = Strings(4096, "a"); },
           {"spec.process.args"}},
          {[](C& s) { s.process.args = Strings(11, std::string(100000, 'a')); },
           {"spec.process"}},
      });
}

TEST(ValidateProcessTest, Environment) {
  CheckRows<C>(
      ValidSpec(),
      {
          {[](C& s) { s.process.env["A"] = "b=c"; }, {}},
          {[](C& s) { s.process.env_raw["A"] = "\xff\xfe"; }, {}},
          {[](C& s) { s.process.env[""] = "x"; }, {"spec.process.env[]"}},
          {[](C& s) { s.process.env["A=B"] = "x"; }, {"spec.process.env[A=B]"}},
          {[](C& s) { s.process.env["A"] = kNul; }, {"spec.process.env[A]"}},
          {[](C& s) { s.process.env[kNul] = "x"; },
           {"spec.process.env[a\\000b]"}},
          {[](C& s) { s.process.env_raw["A"] = kNul; },
           {"spec.process.env_raw[A]"}},
          {[](C& s) {
             s.process.env["A"] = "1";
             s.process.env_raw["A"] = "2";
           },
           {"spec.process.env_raw[A]"}},
          {[](C& s) { s.process.env["A"] = std::string(131072, 'a'); },
           {"spec.process.env[A]"}},
          {[](C& s) {
             for (int i = 0; i < 11; ++i) {
               s.process.env[std::to_string(i)] = std::string(100000, 'a');
             }
           },
           {"spec.process"}},
      });
}

TEST(ValidateProcessTest, UsersAndGroups) {
  std::vector<Row<C>> rows;
  for (const char* good :
       {"", "0", "0:0", "1000", "4294967294", "www-data", "a:b", "app:4",
        "7:staff", "007", "\xc3\xa9", "user.name$"}) {
    rows.push_back({[good](C& s) { s.process.user = good; }, {}});
  }
  for (const char* bad : {"4294967295",
                          "4294967296",
                          "99999999999999999999",
                          "-1",
                          "+1",
                          " 0",
                          "0 ",
                          "0x0",
                          "1a",
                          ":",
                          ":0",
                          "0:",
                          "a:b:c",
                          "a b",
                          "a/b",
                          "a,b",
                          "a\nb",
                          "0:-1",
                          "0:4294967295",
                          "-",
                          "\x7f"}) {
    rows.push_back(
        {[bad](C& s) { s.process.user = bad; }, {"spec.process.user"}});
  }
  CheckRows<C>(ValidSpec(), rows);
  CheckRows<C>(ValidSpec(),
               {
                   {[](C& s) {
                      s.process.extra_groups = {"0", "wheel"};
                    },
                    {}},
                   {[](C& s) {
                      s.process.extra_groups = {"wheel", ""};
                    },
                    {"spec.process.extra_groups[1]"}},
                   {[](C& s) { s.process.extra_groups = {"-1"}; },
                    {"spec.process.extra_groups[0]"}},
                   {[](C& s) { s.process.extra_groups = {"a:b"}; },
                    {"spec.process.extra_groups[0]"}},
                   {[](C& s) { s.process.extra_groups = Strings(1025, "1"); },
                    {"spec.process.extra_groups"}},
               });
}

TEST(ValidateProcessTest, DirectoryTerminalAndStdin) {
  CheckRows<C>(
      ValidSpec(),
      {
          {[](C& s) { s.process.working_dir = "/tmp/"; }, {}},
          {[](C& s) { s.process.working_dir = "tmp"; },
           {"spec.process.working_dir"}},
          {[](C& s) { s.process.working_dir = "/tmp/.."; },
           {"spec.process.working_dir"}},
          {[](C& s) {
             s.process.tty = true;
             s.process.terminal_size = TerminalSize{65535, 65535};
           },
           {}},
          {[](C& s) { s.process.terminal_size.emplace(); },
           {"spec.process.terminal_size"}},
          {[](C& s) {
             s.process.tty = true;
             s.process.terminal_size = TerminalSize{-1, 65536};
           },
           {"spec.process.terminal_size.rows",
            "spec.process.terminal_size.cols"}},
          {[](C& s) { s.process.stdin_mode = StdinMode::kOnce; }, {}},
          {[](C& s) { s.process.stdin_mode = static_cast<StdinMode>(4); },
           {"spec.process.stdin"}},
          {[](C& s) { s.process.stdin_mode = static_cast<StdinMode>(-1); },
           {"spec.process.stdin"}},
      });
}

TEST(ValidateProcessTest, Capabilities) {
  const auto set = [](Capabilities c) {
    return [c](C& s) { s.process.capabilities = c; };
  };
  const std::string f = "spec.process.capabilities";
  CheckRows<C>(
      ValidSpec(),
      {
          {set({.add = {"NET_ADMIN", "cap_sys_time", "ALL"}}), {}},
          {set({.drop = {"ALL"}}), {}},
          {set({.add = {"CAP_KILL"}, .drop = {"ALL"}}), {}},
          {set({.add = {"NOPE"}}), {f + ".add[0]"}},
          {set({.drop = {"CHOWN", ""}}), {f + ".drop[1]"}},
          {set({.add = {"KILL"}, .drop = {"CAP_KILL"}}), {f + ".drop"}},
          {set({.ambient = {"KILL"}}), {}},
          {set({.ambient = {"KILL", "NET_ADMIN"}}), {f + ".ambient[1]"}},
          {set({.add = {"NET_ADMIN"}, .ambient = {"NET_ADMIN"}}), {}},
          {set({.ambient = {"ALL"}}), {f + ".ambient[0]"}},
          {set({.drop = {"ALL"}, .ambient = {"KILL"}}), {f + ".ambient[0]"}},
          {set({.exact = CapabilitySets()}), {}},
          {set({.add = {"KILL"}, .exact = CapabilitySets()}), {f + ".exact"}},
          {set({.exact = CapabilitySets{.bounding = {"ALL"}}}),
           {f + ".exact.bounding[0]"}},
          {set({.exact = CapabilitySets{.permitted = {"KILL"}}}),
           {f + ".exact.permitted"}},
          {set({.exact = CapabilitySets{.bounding = {"KILL"},
                                        .effective = {"KILL"}}}),
           {f + ".exact.effective"}},
          {set({.exact = CapabilitySets{.inheritable = {"KILL"}}}),
           {f + ".exact.inheritable"}},
          {set({.exact = CapabilitySets{.bounding = {"KILL"},
                                        .permitted = {"KILL"},
                                        .ambient = {"KILL"}}}),
           {f + ".exact.ambient"}},
          {[](C& s) {
             s.security.privileged = true;
             s.process.capabilities = Capabilities{.ambient = {"SYS_BOOT"}};
           },
           {}},
      });
}

TEST(ValidateProcessTest, RlimitsUmaskAndOom) {
  const auto limit = [](std::string name, int64_t soft, int64_t hard) {
    return [=](C& s) {
      s.process.rlimits = {{.name = name, .soft = soft, .hard = hard}};
    };
  };
  const std::string f = "spec.process.rlimits[0]";
  CheckRows<C>(
      ValidSpec(),
      {
          {limit("NOFILE", 1, 2), {}},
          {limit("rlimit_core", 0, -1), {}},
          {limit("RLIMIT_CPU", -1, -1), {}},
          {limit("FILES", 1, 1), {f + ".name"}},
          {limit("", 1, 1), {f + ".name"}},
          {limit("NOFILE", 3, 2), {f + ".soft"}},
          {limit("NOFILE", -1, 2), {f + ".soft"}},
          {limit("NOFILE", -2, 2), {f + ".soft"}},
          {limit("NOFILE", 0, -2), {f + ".hard"}},
          {[](C& s) {
             s.process.rlimits = {{.name = "CPU"}, {.name = "RLIMIT_CPU"}};
           },
           {"spec.process.rlimits[1].name"}},
          {[](C& s) { s.process.umask = 0777; }, {}},
          {[](C& s) { s.process.umask = 01000; }, {"spec.process.umask"}},
          {[](C& s) { s.process.umask = -1; }, {"spec.process.umask"}},
          {[](C& s) { s.process.oom_score_adj = -1000; }, {}},
          {[](C& s) { s.process.oom_score_adj = 1001; },
           {"spec.process.oom_score_adj"}},
          {[](C& s) { s.process.oom_score_adj = -1001; },
           {"spec.process.oom_score_adj"}},
      });
}

}  // namespace
}  // namespace caisson::spec
