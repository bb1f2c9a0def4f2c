// Reads /proc, text by text.
#ifndef CAISSON_TESTS_LEAKCHECK_PROC_H_
#define CAISSON_TESTS_LEAKCHECK_PROC_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace caisson::leakcheck {

// The whole file; empty when it cannot be read.
std::string ReadText(const std::string& path);
// The names in a directory without "." and "..", sorted; empty when it cannot
// be read.
std::vector<std::string> NamesIn(const std::string& path);
// The target of a symbolic link; empty when there is none.
std::string LinkTarget(const std::string& path);

struct ProcessStat {
  pid_t pid = -1;
  pid_t parent = -1;
  char state = '?';
  std::string name;
};

// Parses /proc/<pid>/stat; pid -1 when it is none.
ProcessStat ParseStat(const std::string& text);
// Every process, by id.
std::map<pid_t, ProcessStat> AllProcesses();

struct MountLine {
  std::string root;
  std::string target;
  std::string type;
  std::string source;
  std::string super_options;
};

// Parses /proc/<pid>/mountinfo. Escapes stay as they are.
std::vector<MountLine> ParseMountinfo(const std::string& text);

}  // namespace caisson::leakcheck

#endif  // CAISSON_TESTS_LEAKCHECK_PROC_H_
