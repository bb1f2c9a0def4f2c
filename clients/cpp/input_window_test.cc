#include "clients/cpp/input_window.h"

#include "gtest/gtest.h"

namespace caisson::client {
namespace {

TEST(InputWindowTest, OpensAgainOnlyByWhatWasTaken) {
  InputWindow window(100);
  window.StartAt(1000);
  EXPECT_EQ(window.Room(), 100u);
  EXPECT_EQ(window.Send(60), 1000);
  EXPECT_EQ(window.Room(), 40u);
  EXPECT_EQ(window.Send(40), 1060);
  EXPECT_EQ(window.Room(), 0u);
  window.Taken(1030);
  EXPECT_EQ(window.Room(), 30u);
  window.Taken(1010);  // late: says nothing new
  EXPECT_EQ(window.Room(), 30u);
}

}  // namespace
}  // namespace caisson::client
