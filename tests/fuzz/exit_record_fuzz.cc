// Exit files as a crash, a full disk or a bad sector may leave them: reading
// tells a record that is one, or that there is none.
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "runtime/record/exit_record.h"

namespace {

using caisson::record::ExitRecord;
using caisson::record::kExitFileBytes;
using caisson::record::kExitSlotBytes;

// No mutation finds a check sum: the first byte says which slots get one.
void SealSlots(unsigned which, char* file) {
  for (unsigned slot = 0; slot < 2; ++slot) {
    if ((which >> slot & 1u) == 0) continue;
    ExitRecord record;
    memcpy(&record, file + slot * kExitSlotBytes, sizeof(record));
    caisson::record::SealExitRecord(&record);
    memcpy(file + slot * kExitSlotBytes, &record, sizeof(record));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const int fd = ::memfd_create("exit", MFD_CLOEXEC);
  if (size == 0) return 0;
  alignas(8) static char file[kExitFileBytes];
  memset(file, 0, sizeof(file));
  const size_t length = std::min(size - 1, sizeof(file));
  memcpy(file, data + 1, length);
  SealSlots(data[0], file);
  // Bit 2: the file is as short as the input.
  const size_t end = (data[0] & 4u) != 0 ? length : sizeof(file);
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, file, end, 0) < 0) return 0;
  ExitRecord newest;
  const int error = caisson::record::ReadNewestExitRecord(fd, &newest);
  if (error != 0) {
    if (error != ENOENT) __builtin_trap();
    return 0;
  }
  if (!caisson::record::CheckExitRecord(newest)) __builtin_trap();
  ExitRecord same;
  if (caisson::record::ReadExitRecord(fd, newest.run, &same) != 0 ||
      memcmp(&same, &newest, sizeof(same)) != 0) {
    __builtin_trap();
  }
  return 0;
}
