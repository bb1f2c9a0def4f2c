// What the command line prints: tables and JSON on stdout, errors on stderr.
//
// Thread: main.
#ifndef CAISSON_CLIENTS_CAISSON_OUTPUT_H_
#define CAISSON_CLIENTS_CAISSON_OUTPUT_H_

#include <string>
#include <string_view>
#include <vector>

#include "google/protobuf/message.h"

#include "caisson/v1/stream.pb.h"

namespace caisson::cli {

// "caisson: <text>", one line on stderr.
void PrintError(const std::string& text);

// Says that output is missing, unless the user did not want it.
void PrintGap(const v1::Gap& gap);

// Writes all of it; false when nobody reads any more.
bool WriteFully(int fd, std::string_view data);
// To stdout, with a newline.
void PrintLine(const std::string& line);

// Columns as wide as their content; the header in bold on a terminal.
class Table {
 public:
  explicit Table(std::vector<std::string> header);
  void Add(std::vector<std::string> row);
  // With colours or without.
  std::string Text(bool colours) const;
  void Print() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

// stdout is a terminal and NO_COLOR is not set.
bool WantColours();

// In one line, or indented.
std::string Json(const google::protobuf::Message& message, bool indented);
// A JSON array of them, indented.
std::string JsonArray(const std::vector<const google::protobuf::Message*>& all);

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_OUTPUT_H_
