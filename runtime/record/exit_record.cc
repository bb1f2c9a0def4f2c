#include "runtime/record/exit_record.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/base/crc32c.h"

namespace caisson::record {
namespace {

uint32_t Checksum(ExitRecord record) noexcept {
  record.crc32c = 0;
  return base::Crc32c(&record, sizeof(record));
}

off_t SlotOffset(uint64_t run) noexcept {
  return static_cast<off_t>((run % 2) * kExitSlotBytes);
}

int ReadSlot(int exit_fd, uint64_t slot, ExitRecord* record) noexcept {
  ssize_t size = 0;
  do {
    size = ::pread(exit_fd, record, sizeof(*record), SlotOffset(slot));
  } while (size < 0 && errno == EINTR);
  if (size < 0) return errno;
  if (size != static_cast<ssize_t>(sizeof(*record))) return ENOENT;
  // A record of the other slot's runs has no business here.
  return CheckExitRecord(*record) && record->run % 2 == slot % 2 ? 0 : ENOENT;
}

}  // namespace

ExitRecord MakeExitRecord(uint64_t run, uint32_t exec_number) noexcept {
  ExitRecord record;
  memset(&record, 0, sizeof(record));
  record.run = run;
  record.exec_number = exec_number;
  record.cut_bytes = -1;
  record.oom_limit_bytes = -1;
  record.oom_peak_bytes = -1;
  record.usage = {-1, -1, -1, -1, -1, -1, -1, -1, -1};
  return record;
}

void SealExitRecord(ExitRecord* record) noexcept {
  record->magic = kExitMagic;
  record->version = kExitVersion;
  record->crc32c = Checksum(*record);
}

bool CheckExitRecord(const ExitRecord& record) noexcept {
  return record.magic == kExitMagic && record.version == kExitVersion &&
         record.crc32c == Checksum(record) &&
         record.held_by_count <= kMaxHeldBy;
}

int CreateExitFile(int directory_fd) noexcept {
  const int fd = ::openat(directory_fd, kExitFileName,
                          O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return errno;
  const int error = ::posix_fallocate(fd, 0, kExitFileBytes);
  ::close(fd);
  return error;
}

int WriteExitRecord(int exit_fd, ExitRecord record, bool sync) noexcept {
  SealExitRecord(&record);
  char slot[kExitSlotBytes] = {};
  memcpy(slot, &record, sizeof(record));
  size_t done = 0;
  while (done < sizeof(slot)) {
    const ssize_t size =
        ::pwrite(exit_fd, slot + done, sizeof(slot) - done,
                 SlotOffset(record.run) + static_cast<off_t>(done));
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return errno;
    done += static_cast<size_t>(size);
  }
  if (sync && ::fdatasync(exit_fd) != 0) return errno;
  return 0;
}

int ReadExitRecord(int exit_fd, uint64_t run, ExitRecord* record) noexcept {
  const int error = ReadSlot(exit_fd, run, record);
  if (error != 0) return error;
  return record->run == run ? 0 : ENOENT;
}

int ReadNewestExitRecord(int exit_fd, ExitRecord* record) noexcept {
  ExitRecord slots[2];
  const int errors[2] = {ReadSlot(exit_fd, 0, &slots[0]),
                         ReadSlot(exit_fd, 1, &slots[1])};
  if (errors[0] != 0 && errors[1] != 0) {
    return errors[0] == ENOENT ? errors[1] : errors[0];
  }
  const bool second =
      errors[0] != 0 || (errors[1] == 0 && slots[1].run > slots[0].run);
  *record = slots[second ? 1 : 0];
  return 0;
}

}  // namespace caisson::record
