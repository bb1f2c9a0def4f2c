#include "clients/caisson/output.h"

#include "gtest/gtest.h"

#include "caisson/v1/process.pb.h"

namespace caisson::cli {
namespace {

TEST(TableTest, AlignsColumnsAndTrimsTheLast) {
  Table table({"ID", "NAME"});
  table.Add({"1234", "a"});
  table.Add({"5", ""});
  EXPECT_EQ(table.Text(false), "ID     NAME\n1234   a\n5\n");
}

TEST(TableTest, MarksTheHeaderOnlyWithColours) {
  Table table({"ID"});
  EXPECT_EQ(table.Text(true), "\x1b[1mID\x1b[0m\n");
}

TEST(TableTest, LetsNoControlCharacterThrough) {
  Table table({"NAME"});
  table.Add({"a\x1b[2Jb\n"});
  EXPECT_EQ(table.Text(false), "NAME\na [2Jb\n");
}

TEST(JsonTest, PrintsOneLineOrMany) {
  v1::TerminalSize size;
  size.set_rows(3);
  EXPECT_EQ(Json(size, false), "{\"rows\":3}");
  EXPECT_EQ(JsonArray({&size}), "[\n{\n \"rows\": 3\n}\n]");
  EXPECT_EQ(JsonArray({}), "[]");
}

}  // namespace
}  // namespace caisson::cli
