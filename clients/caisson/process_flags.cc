#include "clients/caisson/process_flags.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <fstream>

#include "clients/caisson/units.h"

namespace caisson::cli {

namespace {

// "64" or "unlimited"; -1 is unlimited.
std::optional<int64_t> ParseLimit(const std::string& text) {
  if (text == "unlimited" || text == "-1") return -1;
  const std::optional<int64_t> value = ParseInteger(text);
  return value.has_value() && *value >= 0 ? value : std::nullopt;
}

std::string AddEnvFile(const std::string& path, v1::Process* process) {
  std::ifstream file(path);
  if (!file) return "--env-file: cannot read " + path;
  std::string line;
  while (std::getline(file, line)) {
    if (line.empty() || line[0] == '#') continue;
    const std::string wrong = AddVariable(line, process);
    if (!wrong.empty()) return path + ": " + wrong;
  }
  return "";
}

// Length of a UTF-8 sequence by its first byte; 0: none begins so.
size_t SequenceLength(unsigned char first) {
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return 2;
  if (first >= 0xe0 && first < 0xf0) return 3;
  if (first >= 0xf0 && first < 0xf5) return 4;
  return 0;
}

// Overlong forms, surrogates and what is beyond U+10FFFF.
bool IsBadSecond(unsigned char first, unsigned char second) {
  return (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ||
         (first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f);
}

}  // namespace

bool IsUtf8(const std::string& text) {
  for (size_t i = 0; i < text.size();) {
    const auto first = static_cast<unsigned char>(text[i]);
    const size_t length = SequenceLength(first);
    if (length == 0 || i + length > text.size()) return false;
    for (size_t j = 1; j < length; ++j) {
      const auto next = static_cast<unsigned char>(text[i + j]);
      if ((next & 0xc0) != 0x80) return false;
      if (j == 1 && IsBadSecond(first, next)) return false;
    }
    i += length;
  }
  return true;
}

void FillCommand(const std::string& entrypoint,
                 const std::vector<std::string>& words, v1::Process* process) {
  const bool text =
      IsUtf8(entrypoint) && std::all_of(words.begin(), words.end(), IsUtf8);
  if (!entrypoint.empty()) {
    text ? process->add_command(entrypoint) : process->add_args_raw(entrypoint);
  }
  for (const std::string& word : words) {
    text ? process->add_args(word) : process->add_args_raw(word);
  }
}

std::string AddVariable(const std::string& text, v1::Process* process) {
  const size_t equals = text.find('=');
  const std::string name = text.substr(0, equals);
  if (name.empty() || !IsUtf8(name)) return "bad variable \"" + text + "\"";
  std::string value;
  if (equals != std::string::npos) {
    value = text.substr(equals + 1);
  } else {
    // Nothing changes the environment while this runs.
    const char* own = std::getenv(name.c_str());  // NOLINT
    if (own == nullptr) return "";
    value = own;
  }
  // The last one counts, whichever way the first was spelled.
  process->mutable_env()->erase(name);
  process->mutable_env_raw()->erase(name);
  (IsUtf8(value) ? (*process->mutable_env())[name]
                 : (*process->mutable_env_raw())[name]) = value;
  return "";
}

std::string AddRlimit(const std::string& text, v1::Process* process) {
  const size_t equals = text.find('=');
  const std::string wrong =
      "--ulimit: \"" + text + "\" is not NAME=SOFT[:HARD]";
  if (equals == std::string::npos || equals == 0) return wrong;
  const std::string values = text.substr(equals + 1);
  const size_t colon = values.find(':');
  const auto soft = ParseLimit(values.substr(0, colon));
  const auto hard =
      colon == std::string::npos ? soft : ParseLimit(values.substr(colon + 1));
  if (!soft.has_value() || !hard.has_value()) return wrong;
  std::string name = text.substr(0, equals);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return static_cast<char>(std::toupper(c));
  });
  v1::Rlimit* limit = process->add_rlimits();
  limit->set_name(name);
  limit->set_soft(*soft);
  limit->set_hard(*hard);
  return "";
}

void ProcessFlags::Declare(Flags* flags) {
  flags->Switch("-i,--interactive", &interactive,
                "connect stdin to the process");
  flags->Switch("-t,--tty", &tty, "give the process a terminal");
  flags->Texts("-e,--env", &env, "NAME[=VALUE]",
               "set a variable, or pass on the one that is set here");
  flags->Texts("--env-file", &env_files, "FILE",
               "set the variables that a file has, one a line");
  flags->Text("-u,--user", &user, "USER[:GROUP]",
              "run as this user; names are looked up inside");
  flags->Text("-w,--workdir", &workdir, "DIRECTORY", "run in this directory");
  flags->Texts("--group-add", &groups, "GROUP", "add a supplementary group");
  flags->Texts("--ulimit", &ulimits, "NAME=SOFT[:HARD]",
               "set a resource limit, as nofile=1024");
  flags->Texts("--cap-add", &cap_add, "CAPABILITY",
               "add a capability, as NET_ADMIN, or ALL");
  flags->Texts("--cap-drop", &cap_drop, "CAPABILITY",
               "drop a capability, or ALL");
  flags->Text("--umask", &umask, "MODE", "file mode creation mask, octal");
  flags->Number("--oom-score-adj", &oom_score_adj, "NUMBER",
                "-1000 to 1000: whom the kernel kills when memory runs out");
  flags->Switch("--allow-new-privileges", &allow_new_privileges,
                "let set-uid programs work");
}

std::string ProcessFlags::Fill(v1::Process* process) const {
  for (const std::string& path : env_files) {
    std::string wrong = AddEnvFile(path, process);
    if (!wrong.empty()) return wrong;
  }
  for (const std::string& text : env) {
    const std::string wrong = AddVariable(text, process);
    if (!wrong.empty()) return "--env: " + wrong;
  }
  for (const std::string& text : ulimits) {
    std::string wrong = AddRlimit(text, process);
    if (!wrong.empty()) return wrong;
  }
  process->set_user(user);
  process->set_working_dir(workdir);
  process->set_tty(tty);
  process->set_allow_new_privileges(allow_new_privileges);
  for (const std::string& group : groups) process->add_extra_groups(group);
  for (const std::string& name : cap_add) {
    process->mutable_capabilities()->add_add(name);
  }
  for (const std::string& name : cap_drop) {
    process->mutable_capabilities()->add_drop(name);
  }
  if (oom_score_adj.has_value()) {
    process->set_oom_score_adj(static_cast<int32_t>(*oom_score_adj));
  }
  if (!umask.empty()) {
    char* end = nullptr;
    const long mode = std::strtol(umask.c_str(), &end, 8);
    if (*end != '\0') return "--umask: \"" + umask + "\" is not octal";
    process->set_umask(static_cast<int32_t>(mode));
  }
  return "";
}

}  // namespace caisson::cli
