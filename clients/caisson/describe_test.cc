#include "clients/caisson/describe.h"

#include <ctime>

#include "gtest/gtest.h"

namespace caisson::cli {
namespace {

TEST(StatusTextTest, TellsWhatPeopleAsk) {
  v1::ContainerStatus status;
  status.set_state(v1::CONTAINER_STATE_CREATED);
  EXPECT_EQ(StatusText(status), "Created");
  status.set_state(v1::CONTAINER_STATE_RUNNING);
  status.mutable_start_time()->set_seconds(std::time(nullptr) - 200);
  EXPECT_EQ(StatusText(status), "Up 3 minutes");
  status.set_state(v1::CONTAINER_STATE_EXITED);
  v1::Exited* exit = status.mutable_exit();
  exit->set_exit_code(3);
  exit->set_status(3);
  exit->set_reason(v1::EXIT_REASON_EXITED);
  exit->mutable_exit_time()->set_seconds(std::time(nullptr) - 7300);
  EXPECT_EQ(StatusText(status), "Exited (3) 2 hours ago");
  exit->set_signal("SIGKILL");
  exit->set_status(137);
  exit->set_reason(v1::EXIT_REASON_OOM_KILLED);
  EXPECT_EQ(StatusText(status), "Exited (137, OOM_KILLED) 2 hours ago");
  exit->clear_status();
  exit->set_unknown(true);
  exit->set_reason(v1::EXIT_REASON_HOST_REBOOT);
  EXPECT_EQ(StatusText(status), "Exited (unknown, HOST_REBOOT) 2 hours ago");
}

TEST(ExitTextTest, NeverInventsAStatus) {
  v1::Exited exit;
  exit.set_exit_code(0);
  exit.set_reason(v1::EXIT_REASON_EXITED);
  EXPECT_EQ(ExitText(exit), "exited with 0");
  exit.set_reason(v1::EXIT_REASON_STOPPED);
  EXPECT_EQ(ExitText(exit), "exited with 0 (STOPPED)");
  exit.set_signal("SIGSEGV");
  exit.set_reason(v1::EXIT_REASON_SIGNALED);
  EXPECT_EQ(ExitText(exit), "killed by SIGSEGV (SIGNALED)");
  exit.set_unknown(true);
  exit.set_reason(v1::EXIT_REASON_SHIM_LOST);
  EXPECT_EQ(ExitText(exit), "ended, status lost (SHIM_LOST)");
}

TEST(CommandTextTest, IsCutBetweenCharacters) {
  v1::Process process;
  process.add_command("sh");
  process.add_args("-c");
  EXPECT_EQ(CommandText(process, false), "sh -c");
  process.add_args(std::string(30, 'x') + "\u20ac\u20ac\u20ac");
  // 36 bytes, then a character of three bytes does not fit.
  EXPECT_EQ(CommandText(process, false),
            "sh -c " + std::string(30, 'x') + "...");
  EXPECT_EQ(CommandText(process, true),
            "sh -c " + std::string(30, 'x') + "\u20ac\u20ac\u20ac");
  v1::Process raw;
  raw.add_args_raw("echo");
  raw.add_args_raw("\xff");
  EXPECT_EQ(CommandText(raw, false), "echo ?");
}

TEST(NetworkTextTest, SaysWhereAContainerIsReached) {
  v1::ContainerStatus status;
  EXPECT_EQ(PortsText(status), "");
  EXPECT_EQ(NetworksText(status), "");
  v1::PortMapping* port = status.add_ports();
  port->set_host_ip("127.0.0.1");
  port->set_host_port(8080);
  port->set_container_port(80);
  port->set_protocol("tcp");
  port->set_count(1);
  port = status.add_ports();
  port->set_host_ip("::");
  port->set_host_port(7000);
  port->set_container_port(53);
  port->set_protocol("udp");
  port->set_count(10);
  EXPECT_EQ(PortsText(status),
            "127.0.0.1:8080->80/tcp, [::]:7000-7009->53-62/udp");
  status.add_networks()->set_name("lan");
  status.add_networks()->set_name("wan");
  EXPECT_EQ(NetworksText(status), "lan, wan");
}

TEST(NetworkTextTest, SaysWhatANetworkIs) {
  v1::NetworkSpec spec;
  EXPECT_EQ(DriverText(spec), "bridge");
  spec.set_driver("macvlan");
  spec.set_interface("eth0");
  EXPECT_EQ(DriverText(spec), "macvlan on eth0");
  v1::NetworkStatus status;
  status.add_subnets()->set_cidr("10.1.0.0/16");
  status.add_subnets()->set_cidr("fd00:1::/64");
  EXPECT_EQ(SubnetsText(status), "10.1.0.0/16, fd00:1::/64");
}

TEST(GapReasonTextTest, HasWordsForEveryReason) {
  for (int i = v1::GapReason_MIN + 1; i <= v1::GapReason_MAX; ++i) {
    const std::string text = GapReasonText(static_cast<v1::GapReason>(i));
    EXPECT_NE(text, "");
    // Not just the name of the enumerator.
    EXPECT_EQ(text.find('_'), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace caisson::cli
