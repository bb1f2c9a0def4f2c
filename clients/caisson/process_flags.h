// The flags that say what a process is; run, create and exec share them.
//
// Thread: main.
#ifndef CAISSON_CLIENTS_CAISSON_PROCESS_FLAGS_H_
#define CAISSON_CLIENTS_CAISSON_PROCESS_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "caisson/v1/process.pb.h"
#include "clients/caisson/flags.h"

namespace caisson::cli {

struct ProcessFlags {
  bool interactive = false;
  bool tty = false;
  std::vector<std::string> env;
  std::vector<std::string> env_files;
  std::string user;
  std::string workdir;
  std::vector<std::string> groups;
  std::vector<std::string> ulimits;
  std::vector<std::string> cap_add;
  std::vector<std::string> cap_drop;
  std::string umask;
  std::optional<int64_t> oom_score_adj;
  bool allow_new_privileges = false;

  void Declare(Flags* flags);
  // Everything but the command; "" or what is wrong.
  std::string Fill(v1::Process* process) const;
};

// The command as strings, or as bytes when it is not UTF-8.
void FillCommand(const std::string& entrypoint,
                 const std::vector<std::string>& words, v1::Process* process);

// "NAME=VALUE", or "NAME" for the value that it has here; "" or what is wrong.
std::string AddVariable(const std::string& text, v1::Process* process);
// "NOFILE=64[:128]"; "" or what is wrong.
std::string AddRlimit(const std::string& text, v1::Process* process);

// Whether text may be a protobuf string.
bool IsUtf8(const std::string& text);

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_PROCESS_FLAGS_H_
