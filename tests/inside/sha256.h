// SHA-256, for the probe and for the tests that compare with it.
#ifndef CAISSON_TESTS_INSIDE_SHA256_H_
#define CAISSON_TESTS_INSIDE_SHA256_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace caisson::inside {

class Sha256 {
 public:
  void Update(std::string_view data);
  // The digest of all updates as hex digits. Ends the use of the object.
  std::string Finish();

 private:
  void Block(const uint8_t* data);

  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372,
                                    0xa54ff53a, 0x510e527f, 0x9b05688c,
                                    0x1f83d9ab, 0x5be0cd19};
  std::array<uint8_t, 64> pending_ = {};
  size_t pending_size_ = 0;
  uint64_t total_ = 0;
};

std::string Sha256Of(std::string_view data);

// Fills `data` with the bytes [offset, offset + size) of the sequence that
// belongs to `seed`: both ends of a pipe can make the same bytes.
void FillRandom(uint64_t seed, uint64_t offset, char* data, size_t size);

}  // namespace caisson::inside

#endif  // CAISSON_TESTS_INSIDE_SHA256_H_
