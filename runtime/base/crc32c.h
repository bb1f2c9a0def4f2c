// CRC-32C (Castagnoli), the check sum of records on disk.
//
// Process: any. Thread: any; no allocation, no global state.
#ifndef CAISSON_RUNTIME_BASE_CRC32C_H_
#define CAISSON_RUNTIME_BASE_CRC32C_H_

#include <cstddef>
#include <cstdint>

namespace caisson::base {

// The sum of `data` after a prefix whose sum is `crc` (0: no prefix).
uint32_t Crc32c(const void* data, size_t size, uint32_t crc = 0) noexcept;

}  // namespace caisson::base

#endif  // CAISSON_RUNTIME_BASE_CRC32C_H_
