// Network namespaces: made with their sysctls before any link exists, entered
// by threads that end there, kept by descriptors or, on request, by a name that
// `ip netns` knows.
//
// Process: daemon. Thread: any. No thread of the caller ever changes its
// namespace: what has to be done inside is done by a thread made for it, which
// ends with it, so there is no way back that could fail.
#ifndef CAISSON_NETSETUP_NETNS_H_
#define CAISSON_NETSETUP_NETNS_H_

#include <sys/types.h>

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "netsetup/netlink/socket.h"
#include "netsetup/sysctl.h"
#include "runtime/base/unique_fd.h"

namespace caisson::netsetup {

// Tells a namespace from any other while it exists.
struct NetnsId {
  dev_t device = 0;
  ino_t inode = 0;

  bool operator==(const NetnsId&) const = default;
};
absl::StatusOr<NetnsId> IdOfNetns(int netns_fd);

struct Netns {
  // Keeps it alive.
  base::UniqueFd fd;
  NetnsId id;
};

// The one that the calling thread is in.
absl::StatusOr<Netns> CurrentNetns();

// What every container's namespace has before its first link: addresses are
// usable at once (no duplicate address detection), none is taken from router
// advertisements, and that of a link whose MAC changes is announced.
//
// `ends`: where its links end. At a bridge of ours what IPv6 says of itself
// goes to each port, and with a thousand of them that takes longer than all
// else of an attachment. There Announce (network/op.h) says what has to be
// said, and nobody listens for multicast groups: for kOwnBridges the kernel
// announces no IPv6 address, and a report of groups is repeated within an hour
// instead of a second (RFC 3810, section 9.11). A link of another kind that
// comes later finds it so.
enum class LinkEnds : uint8_t { kAnywhere, kOwnBridges };
std::vector<Sysctl> DefaultSysctls(LinkEnds ends = LinkEnds::kAnywhere);

// The same for a namespace in which programs live already: what is not as a new
// namespace has it was set by somebody and stays, and so do the keys in `kept`.
absl::Status SetDefaultSysctls(int netns_fd, const std::set<std::string>& kept);

// A new namespace with the sysctls, in order, and the loopback up. A sysctl
// that this kernel does not have is an error; of DefaultSysctls only those of
// IPv6 may be missing together (IPv6 switched off).
absl::StatusOr<Netns> CreateNetns(std::span<const Sysctl> sysctls);

// Runs `body` on a thread of its own inside the namespace, and waits for it.
absl::Status RunInNetns(int netns_fd, absl::FunctionRef<absl::Status()> body);

// A socket that works inside the namespace from any thread.
absl::StatusOr<Socket> OpenSocketIn(int netns_fd,
                                    const SocketOptions& options = {});

// --- Namespaces with a name ------------------------------------------------

// Where `ip netns` looks.
inline constexpr std::string_view kNamedNetnsDirectory = "/run/netns";

// Makes the namespace reachable as <directory>/<name> until UnpinNetns. The
// directory is made, and made a shared mount of its own, as `ip netns` does it:
// a name that is removed then goes in every mount namespace. EEXIST when the
// name is taken. `tag` is written into the file that the mount covers: only
// whoever may mount sees it, and it stays for as long as the name is taken, so
// it tells whose name that is (netns_pins.h).
absl::Status PinNetns(int netns_fd, std::string_view name,
                      std::string_view directory = kNamedNetnsDirectory,
                      std::string_view tag = {});
// Whatever is mounted there goes. No error when it is gone.
absl::Status UnpinNetns(std::string_view name,
                        std::string_view directory = kNamedNetnsDirectory);
// With the last name, the mount that PinNetns made of the directory, and the
// directory. No error when names are left, or when it is gone.
absl::Status RemovePinDirectory(std::string_view directory);
// A name of a file: 1 to 255 bytes, no '/', not "." or "..", no NUL.
bool IsPinName(std::string_view name);
// NOT_FOUND (ENOENT) when the name is not there; ENXIO when nothing is mounted
// there, as after a reboot.
absl::StatusOr<Netns> OpenNamedNetns(
    std::string_view name, std::string_view directory = kNamedNetnsDirectory);

}  // namespace caisson::netsetup

#endif  // CAISSON_NETSETUP_NETNS_H_
