#include "server/core/network/network_watch.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>

#include "runtime/base/log.h"
#include "runtime/base/syscall_error.h"

namespace caisson::core {

NetworkWatch::NetworkWatch(netsetup::nft::Watch table,
                           netsetup::LinkWatch links, base::UniqueFd stop,
                           Listener listener)
    : table_(std::move(table)),
      links_(std::move(links)),
      stop_(std::move(stop)),
      listener_(std::move(listener)),
      thread_([this] { Run(); }) {}

absl::StatusOr<std::unique_ptr<NetworkWatch>> NetworkWatch::Start(
    netsetup::nft::Watch table, netsetup::LinkWatch links, Listener listener) {
  base::UniqueFd stop(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!stop.is_valid()) return base::SyscallError("eventfd", "network watch");
  return std::unique_ptr<NetworkWatch>(
      new NetworkWatch(std::move(table), std::move(links), std::move(stop),
                       std::move(listener)));
}

NetworkWatch::~NetworkWatch() {
  const uint64_t one = 1;
  // Cannot fail: the counter is at 0.
  [[maybe_unused]] const ssize_t written =
      ::write(stop_.get(), &one, sizeof(one));
  thread_.join();
}

void NetworkWatch::Run() {
  pollfd fds[] = {{.fd = stop_.get(), .events = POLLIN, .revents = 0},
                  {.fd = table_.fd(), .events = POLLIN, .revents = 0},
                  {.fd = links_.fd(), .events = POLLIN, .revents = 0}};
  while (true) {
    if (::poll(fds, std::size(fds), -1) < 0 && errno != EINTR) {
      CAISSON_LOG(kError, "network watch ends", {"errno", errno});
      return;
    }
    if (fds[0].revents != 0) return;
    News news;
    if (fds[1].revents != 0) ReadTable(&news);
    if (fds[2].revents != 0) ReadLinks(&news);
    if (news.table_changed || news.foreign_chains_changed || news.links_lost ||
        !news.deleted_links.empty()) {
      listener_(std::move(news));
    }
  }
}

void NetworkWatch::ReadTable(News* news) {
  const auto read = table_.Read();
  if (!read.ok()) {
    CAISSON_LOG(kError, "nftables events", {"error", read.status().ToString()});
    return;
  }
  news->table_changed = read->table_changed || read->lost;
  news->foreign_chains_changed = read->foreign_chains_changed || read->lost;
}

void NetworkWatch::ReadLinks(News* news) {
  auto read = links_.Read();
  if (!read.ok()) {
    CAISSON_LOG(kError, "link events", {"error", read.status().ToString()});
    return;
  }
  news->deleted_links = std::move(read->deleted);
  news->links_lost = read->lost;
}

}  // namespace caisson::core
