#include "runtime/base/log.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>

#include "absl/strings/escaping.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace caisson::base {
namespace {

std::atomic<LogLevel> log_level{LogLevel::kInfo};
std::atomic<int> log_fd{-1};

bool NeedsQuotes(std::string_view value) {
  return value.empty() || std::any_of(value.begin(), value.end(), [](char c) {
           return c <= ' ' || c > '~' || c == '"' || c == '=' || c == '\\';
         });
}

}  // namespace

std::optional<LogLevel> ParseLogLevel(std::string_view name) {
  for (LogLevel level : {LogLevel::kDebug, LogLevel::kInfo, LogLevel::kWarning,
                         LogLevel::kError}) {
    if (name == LogLevelName(level)) return level;
  }
  return std::nullopt;
}

std::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "unknown";
}

void SetLogLevel(LogLevel level) {
  log_level.store(level);
}

bool LogEnabled(LogLevel level) {
  return level >= log_level.load(std::memory_order_relaxed);
}

void SetLogFd(int fd) {
  log_fd.store(fd);
}

std::string FormatLogLine(LogLevel level, std::string_view time,
                          std::string_view message,
                          std::initializer_list<LogField> fields) {
  std::string line = StrCat(time, " ", LogLevelName(level), " ",
                            absl::CHexEscape(AbslView(message)));
  for (const LogField& field : fields) {
    if (NeedsQuotes(field.value)) {
      StrAppend(&line, " ", field.key, "=\"", absl::CHexEscape(field.value),
                "\"");
    } else {
      StrAppend(&line, " ", field.key, "=", field.value);
    }
  }
  line += '\n';
  return line;
}

void Log(LogLevel level, std::string_view message,
         std::initializer_list<LogField> fields) {
  const std::string time = absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", absl::Now(),
                                            absl::UTCTimeZone());
  const std::string line = FormatLogLine(level, time, message, fields);
  const int fd = log_fd.load(std::memory_order_relaxed);
  // A log that cannot be written must not stop the work that it is about.
  [[maybe_unused]] const ssize_t written =
      ::write(fd < 0 ? STDERR_FILENO : fd, line.data(), line.size());
}

}  // namespace caisson::base
