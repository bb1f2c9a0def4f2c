// Compiled with exceptions, which the parsing library needs; none leaves.
#include "clients/caisson/flags.h"

#include <algorithm>
#include <iostream>

#include "CLI/CLI.hpp"

namespace caisson::cli {

namespace {

// What shells and other container tools use for a wrong command line.
constexpr int kUsageError = 125;
constexpr size_t kHelpColumn = 34;

bool IsFlag(const std::string& word) {
  return word.size() > 1 && word.front() == '-';
}

}  // namespace

struct Flags::Parser {
  explicit Parser(const std::string& summary) : app(summary) {}
  CLI::App app;
};

Flags::Flags(const std::string& usage, const std::string& summary)
    : usage_(usage),
      summary_(summary),
      parser_(std::make_unique<Parser>(summary)) {
  parser_->app.allow_extras();
  // -h is the host name, as in other tools of this kind.
  parser_->app.set_help_flag("--help");
}

Flags::~Flags() = default;

void Flags::Note(const std::string& names, const std::string& value,
                 const std::string& help) {
  FlagInfo info;
  info.help = help;
  info.value = value;
  const size_t comma = names.find(',');
  const std::string last =
      comma == std::string::npos ? names : names.substr(comma + 1);
  if (comma != std::string::npos) info.short_name = names.substr(0, comma);
  (last.rfind("--", 0) == 0 ? info.long_name : info.short_name) = last;
  infos_.push_back(info);
}

void Flags::Switch(const std::string& names, bool* target,
                   const std::string& help) {
  parser_->app.add_flag(names, *target, help);
  Note(names, "", help);
}

void Flags::Text(const std::string& names, std::string* target,
                 const std::string& value, const std::string& help) {
  parser_->app.add_option(names, *target, help)
      ->type_name(value)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  Note(names, value, help);
}

void Flags::Texts(const std::string& names, std::vector<std::string>* target,
                  const std::string& value, const std::string& help) {
  // One value each time: what follows may be the command.
  parser_->app.add_option(names, *target, help)
      ->type_name(value)
      ->allow_extra_args(false)
      ->type_size(1)
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  Note(names, value, help);
}

void Flags::Number(const std::string& names, std::optional<int64_t>* target,
                   const std::string& value, const std::string& help) {
  parser_->app
      .add_option_function<int64_t>(
          names, [target](const int64_t& number) { *target = number; }, help)
      ->type_name(value)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  Note(names, value, help);
}

void Flags::Words(std::vector<std::string>* target, int least, int most,
                  bool is_command) {
  words_ = target;
  least_ = least;
  most_ = most;
  is_command_ = is_command;
  if (is_command) parser_->app.prefix_command();
}

std::optional<int> Flags::Parse(const std::vector<std::string>& arguments) {
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {  // lint-allow(exception): the library reports through them
    parser_->app.parse(reversed);
  } catch (const CLI::Success& help) {
    std::cout << Help();
    return 0;
  } catch (const CLI::Error& error) {
    std::cerr << "caisson: " << error.what() << "\nUsage: caisson " << usage_
              << "\n";
    return kUsageError;
  }
  return TakeWords(parser_->app.remaining());
}

std::string Flags::Help() const {
  std::string text = "Usage: caisson ";
  text += usage_;
  text += "\n\n";
  text += summary_;
  text += "\n\nFlags:\n";
  for (const FlagInfo& flag : infos_) {
    std::string names = flag.short_name.empty() ? "    " : flag.short_name;
    if (!flag.short_name.empty() && !flag.long_name.empty()) names += ", ";
    names += flag.long_name;
    if (!flag.value.empty()) names += " " + flag.value;
    text += "  ";
    text += names;
    // Long ones have a line of their own.
    text += names.size() < kHelpColumn
                ? std::string(kHelpColumn - names.size(), ' ')
                : "\n" + std::string(kHelpColumn + 2, ' ');
    text += flag.help;
    text += "\n";
  }
  return text;
}

std::optional<int> Flags::TakeWords(const std::vector<std::string>& words) {
  const auto fail = [this](const std::string& why) {
    std::cerr << "caisson: " << why << "\nUsage: caisson " << usage_ << "\n";
    return kUsageError;
  };
  std::vector<std::string> taken = words;
  // A command ends the flags: those behind its first word are its own.
  const auto end =
      is_command_ && !taken.empty() ? taken.begin() + 1 : taken.end();
  const auto mark = std::find(taken.begin(), end, "--");
  const auto unknown = std::find_if(taken.begin(), mark, IsFlag);
  if (unknown != mark) return fail("unknown flag " + *unknown);
  // The mark that ends the flags is no word itself.
  if (mark != end) taken.erase(mark);
  const auto count = static_cast<int>(taken.size());
  if (count < least_) return fail("an argument is missing");
  if (most_ >= 0 && count > most_) {
    return fail("unexpected argument " + taken[static_cast<size_t>(most_)]);
  }
  if (words_ != nullptr) *words_ = std::move(taken);
  return std::nullopt;
}

}  // namespace caisson::cli
