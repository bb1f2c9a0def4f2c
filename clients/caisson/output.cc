#include "clients/caisson/output.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "google/protobuf/util/json_util.h"

#include "clients/caisson/describe.h"
#include "clients/cpp/error.h"

namespace caisson::cli {

namespace {

// Characters of UTF-8, each taken to be one column wide.
size_t Width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(),
                    [](unsigned char c) { return (c & 0xc0) != 0x80; }));
}

}  // namespace

void PrintError(const std::string& text) {
  WriteFully(STDERR_FILENO, "caisson: " + client::OneLine(text) + "\n");
}

void PrintGap(const v1::Gap& gap) {
  if (gap.reason() == v1::GAP_REASON_TAIL_ONLY) return;
  PrintError("output from offset " + std::to_string(gap.from_offset()) +
             " to " + std::to_string(gap.to_offset()) + " is missing (" +
             GapReasonText(gap.reason()) + ")");
}

bool WriteFully(int fd, std::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n > 0) {
      data.remove_prefix(static_cast<size_t>(n));
    } else if (n < 0 && errno == EAGAIN) {
      // Somebody else made the pipe or terminal non-blocking.
      pollfd wait = {fd, POLLOUT, 0};
      ::poll(&wait, 1, -1);
    } else if (n < 0 && errno != EINTR) {
      return false;
    }
  }
  return true;
}

void PrintLine(const std::string& line) {
  WriteFully(STDOUT_FILENO, line + "\n");
}

bool WantColours() {
  // Nothing changes the environment while this runs.
  const char* refused = std::getenv("NO_COLOR");  // NOLINT
  return (refused == nullptr || *refused == '\0') && ::isatty(STDOUT_FILENO);
}

Table::Table(std::vector<std::string> header) {
  rows_.push_back(std::move(header));
}

void Table::Add(std::vector<std::string> row) {
  for (std::string& cell : row) cell = client::OneLine(cell);
  row.resize(rows_.front().size());
  rows_.push_back(std::move(row));
}

std::string Table::Text(bool colours) const {
  std::vector<size_t> widths(rows_.front().size(), 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], Width(row[i]));
    }
  }
  std::string text;
  for (size_t r = 0; r < rows_.size(); ++r) {
    std::string line;
    for (size_t i = 0; i < rows_[r].size(); ++i) {
      line += rows_[r][i];
      // The last column has no padding: nothing follows.
      if (i + 1 < rows_[r].size()) {
        line += std::string(widths[i] - Width(rows_[r][i]) + 3, ' ');
      }
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += colours && r == 0 ? "\x1b[1m" + line + "\x1b[0m" : line;
    text += "\n";
  }
  return text;
}

void Table::Print() const {
  WriteFully(STDOUT_FILENO, Text(WantColours()));
}

std::string Json(const google::protobuf::Message& message, bool indented) {
  google::protobuf::util::JsonPrintOptions options;
  options.add_whitespace = indented;
  std::string text;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) PrintError("cannot print JSON: " + status.ToString());
  // The library ends indented text with a newline.
  text.erase(text.find_last_not_of('\n') + 1);
  return text;
}

std::string JsonArray(
    const std::vector<const google::protobuf::Message*>& all) {
  if (all.empty()) return "[]";
  std::string text = "[\n";
  for (size_t i = 0; i < all.size(); ++i) {
    text += Json(*all[i], true) + (i + 1 < all.size() ? ",\n" : "\n");
  }
  return text + "]";
}

}  // namespace caisson::cli
