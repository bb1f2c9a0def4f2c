// Structured log: one line of key=value per event, to stderr.
//
// Process: daemon, keeper, shim. Thread: any; a line is one write(2), so lines
// of several threads never mix.
//
//   CAISSON_LOG(kWarning, "shim lost", {"container", id}, {"pid", pid});
//   2026-01-02T03:04:05.678901Z warning shim lost container=4f.. pid=17
#ifndef CAISSON_RUNTIME_BASE_LOG_H_
#define CAISSON_RUNTIME_BASE_LOG_H_

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/base/str_cat.h"

namespace caisson::base {

enum class LogLevel { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3 };

// "debug", "info", "warning", "error".
std::optional<LogLevel> ParseLogLevel(std::string_view name);
std::string_view LogLevelName(LogLevel level);

// Lines below `level` are dropped before their values are formatted. At first
// kInfo.
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);

// Where lines go instead of stderr (borrowed, must stay open; -1: stderr).
void SetLogFd(int fd);

// A value of any type that StrCat takes (str_cat.h), and bool as true/false.
struct LogField {
  template <typename Value>
  LogField(std::string_view k, const Value& v) : key(k), value(StrCat(v)) {}
  LogField(std::string_view k, const bool& v)
      : key(k), value(v ? "true" : "false") {}

  std::string_view key;
  std::string value;
};

// Values with anything but plain ASCII are quoted and escaped, so a line can be
// neither split nor forged by what a container chose.
std::string FormatLogLine(LogLevel level, std::string_view time,
                          std::string_view message,
                          std::initializer_list<LogField> fields);

void Log(LogLevel level, std::string_view message,
         std::initializer_list<LogField> fields);

}  // namespace caisson::base

#define CAISSON_LOG(level, message, ...)                                 \
  do {                                                                   \
    if (::caisson::base::LogEnabled(::caisson::base::LogLevel::level)) { \
      ::caisson::base::Log(::caisson::base::LogLevel::level, message,    \
                           {__VA_ARGS__});                               \
    }                                                                    \
  } while (false)

#endif  // CAISSON_RUNTIME_BASE_LOG_H_
