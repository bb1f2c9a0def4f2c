// Declares and parses the flags and arguments of one verb.
//
// A verb lists its flags once; parsing, help and shell completion come from
// that list. The parsing library stays behind this file.
//
// Thread: main.
#ifndef CAISSON_CLIENTS_CAISSON_FLAGS_H_
#define CAISSON_CLIENTS_CAISSON_FLAGS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace caisson::cli {

// What completion and help know of one flag.
struct FlagInfo {
  // "--name" and, if there is one, "-n".
  std::string long_name;
  std::string short_name;
  std::string help;
  // "" for a switch, else what the value is, as "BYTES".
  std::string value;
};

class Flags {
 public:
  // `usage` as "run [flags] COMMAND [ARGUMENT...]".
  Flags(const std::string& usage, const std::string& summary);
  ~Flags();
  Flags(const Flags&) = delete;
  Flags& operator=(const Flags&) = delete;

  // `names` as "-t,--tty". The targets must outlive Parse.
  void Switch(const std::string& names, bool* target, const std::string& help);
  void Text(const std::string& names, std::string* target,
            const std::string& value, const std::string& help);
  // May be given many times.
  void Texts(const std::string& names, std::vector<std::string>* target,
             const std::string& value, const std::string& help);
  void Number(const std::string& names, std::optional<int64_t>* target,
              const std::string& value, const std::string& help);
  // The words after the flags, between `least` and `most` of them (-1: any
  // number). A verb whose words are a command ends the flags at the first.
  void Words(std::vector<std::string>* target, int least, int most,
             bool is_command = false);

  // Nothing when the verb can go on; the exit status when it is over: help was
  // printed, or an error.
  std::optional<int> Parse(const std::vector<std::string>& arguments);

  const std::vector<FlagInfo>& infos() const { return infos_; }

 private:
  struct Parser;

  void Note(const std::string& names, const std::string& value,
            const std::string& help);
  std::optional<int> TakeWords(const std::vector<std::string>& words);

  std::string Help() const;

  std::string usage_;
  std::string summary_;
  std::unique_ptr<Parser> parser_;
  std::vector<FlagInfo> infos_;
  std::vector<std::string>* words_ = nullptr;
  int least_ = 0;
  int most_ = 0;
  bool is_command_ = false;
};

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_FLAGS_H_
