// Mounts and devices in the spellings that other container tools have.
//
// Thread: any.
#ifndef CAISSON_CLIENTS_CAISSON_MOUNT_FLAGS_H_
#define CAISSON_CLIENTS_CAISSON_MOUNT_FLAGS_H_

#include <string>

#include "caisson/v1/container_spec.pb.h"

namespace caisson::cli {

// A path of this host as the service wants it: absolute and without "..". One
// that is relative begins in the working directory.
std::string AbsolutePath(const std::string& path);

// Each adds one mount or device; "" or what is wrong.

// "SOURCE:TARGET[:ro|rw|rprivate|nosuid...]"; a source begins with "/" or ".",
// names of volumes do not.
std::string AddVolume(const std::string& text, v1::ContainerSpec* spec);
// "type=bind,source=/a,target=/b,readonly", "type=tmpfs,target=/t,size=1m".
std::string AddMount(const std::string& text, v1::ContainerSpec* spec);
// "TARGET[:size=64m,mode=1777,noexec]".
std::string AddTmpfs(const std::string& text, v1::ContainerSpec* spec);
// "/dev/fuse[:/dev/inside[:rwm]]".
std::string AddDevice(const std::string& text, v1::ContainerSpec* spec);

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_MOUNT_FLAGS_H_
