// Text out of bytes: a protobuf `string` must be UTF-8, the kernel's strings
// (arguments, paths, names) and a process's output are any bytes. What is not
// UTF-8 becomes U+FFFD, one for each maximal piece of an invalid sequence, as
// the Unicode standard recommends and as browsers and Go do it.
//
// Process: caissond. Thread: any (pure functions).
#ifndef CAISSON_SERVER_TRANSLATE_UTF8_H_
#define CAISSON_SERVER_TRANSLATE_UTF8_H_

#include <cstddef>
#include <string>
#include <string_view>

namespace caisson::translate {

// Returns `bytes` with every invalid piece replaced by U+FFFD.
std::string SanitizeUtf8(std::string_view bytes);

// Like SanitizeUtf8, but the result is at most `max_bytes` long and cut
// between characters.
std::string SanitizeUtf8(std::string_view bytes, size_t max_bytes);

// Returns how many bytes (0..3) at the end of `bytes` are the beginning of a
// character whose rest could still follow.
size_t IncompleteUtf8Tail(std::string_view bytes);

}  // namespace caisson::translate

#endif  // CAISSON_SERVER_TRANSLATE_UTF8_H_
