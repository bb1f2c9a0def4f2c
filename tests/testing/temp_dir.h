// A directory that is gone at the end of the test.
#ifndef CAISSON_TESTS_TESTING_TEMP_DIR_H_
#define CAISSON_TESTS_TESTING_TEMP_DIR_H_

#include <string>
#include <string_view>

namespace caisson::testing {

class TempDir {
 public:
  // Below TMPDIR, or /tmp. Paths stay short: sockets are made in it.
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string File(std::string_view name) const;

 private:
  std::string path_;
};

}  // namespace caisson::testing

#endif  // CAISSON_TESTS_TESTING_TEMP_DIR_H_
