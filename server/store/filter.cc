#include "server/store/filter.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include "runtime/base/error_detail.h"
#include "runtime/base/status_macros.h"
#include "server/store/string_view.h"

namespace caisson::store {
namespace {

// Those of the spec, if there is one.
template <typename Spec>
const std::map<std::string, std::string>& LabelsOf(
    const std::shared_ptr<const Spec>& spec) {
  static const auto* const kNone = new std::map<std::string, std::string>();
  return spec == nullptr ? *kNone : spec->labels;
}

}  // namespace

// Recursive descent over requirement ("," requirement)*:
//   "!" key | key | key ("="|"=="|"!=") value | key ("in"|"notin") "(" list ")"
class LabelSelector::Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  absl::StatusOr<LabelSelector> Parse() {
    LabelSelector selector;
    SkipSpace();
    if (AtEnd()) return selector;
    while (true) {
      CAISSON_ASSIGN_OR_RETURN(Requirement requirement, ParseRequirement());
      selector.requirements_.push_back(std::move(requirement));
      if (AtEnd()) return selector;
      if (!Take(',')) return Expected("',' or the end");
    }
  }

 private:
  absl::StatusOr<Requirement> ParseRequirement() {
    Requirement requirement;
    if (Take('!')) {
      requirement.op = Op::kNotExists;
      CAISSON_ASSIGN_OR_RETURN(requirement.key, ParseKey());
      return requirement;
    }
    CAISSON_ASSIGN_OR_RETURN(requirement.key, ParseKey());
    if (AtEnd() || Peek() == ',') return requirement;
    if (Take('!')) {
      if (!Take('=')) return Expected("'=' after '!'");
      return WithValue(std::move(requirement), Op::kNotIn);
    }
    if (Take('=')) {
      Take('=');
      return WithValue(std::move(requirement), Op::kIn);
    }
    const std::string_view word = Word();
    if (word == "in") return WithSet(std::move(requirement), Op::kIn);
    if (word == "notin") return WithSet(std::move(requirement), Op::kNotIn);
    return Expected("'=', '!=', 'in', 'notin' or ','");
  }

  absl::StatusOr<std::string> ParseKey() {
    const std::string_view word = Word();
    if (word.empty()) return Expected("a label key");
    return std::string(word);
  }

  // The value may be empty: "a=" selects an empty label.
  absl::StatusOr<Requirement> WithValue(Requirement requirement, Op op) {
    requirement.op = op;
    requirement.values.emplace_back(Word());
    return requirement;
  }

  absl::StatusOr<Requirement> WithSet(Requirement requirement, Op op) {
    requirement.op = op;
    if (!Take('(')) return Expected("'('");
    if (!AtEnd() && Peek() == ')') return Expected("a value");
    do {
      requirement.values.emplace_back(Word());
    } while (Take(','));
    if (!Take(')')) return Expected("',' or ')'");
    return requirement;
  }

  // A run of characters that are not syntax, then white space.
  std::string_view Word() {
    const size_t begin = position_;
    while (!AtEnd() && !IsSyntax(Peek())) ++position_;
    const std::string_view word = text_.substr(begin, position_ - begin);
    SkipSpace();
    return word;
  }

  bool Take(char c) {
    if (AtEnd() || Peek() != c) return false;
    ++position_;
    SkipSpace();
    return true;
  }

  static bool IsSyntax(char c) {
    return absl::ascii_isspace(static_cast<unsigned char>(c)) || c == ',' ||
           c == '=' || c == '!' || c == '(' || c == ')';
  }
  bool AtEnd() const { return position_ == text_.size(); }
  char Peek() const { return text_[position_]; }
  void SkipSpace() {
    while (!AtEnd() &&
           absl::ascii_isspace(static_cast<unsigned char>(Peek()))) {
      ++position_;
    }
  }

  absl::Status Expected(std::string_view what) const {
    const std::string message =
        absl::StrCat("label selector: expected ", AbslView(what),
                     " at position ", position_);
    base::ErrorDetail detail;
    detail.reason = "INVALID_FIELD";
    detail.violations.push_back({"filter.label_selector", message});
    return base::WithDetail(absl::InvalidArgumentError(message), detail);
  }

  const std::string_view text_;
  size_t position_ = 0;
};

absl::StatusOr<LabelSelector> LabelSelector::Parse(std::string_view text) {
  return Parser(text).Parse();
}

bool LabelSelector::Matches(
    const std::map<std::string, std::string>& labels) const {
  for (const Requirement& requirement : requirements_) {
    const auto label = labels.find(requirement.key);
    const bool exists = label != labels.end();
    const std::vector<std::string>& values = requirement.values;
    const bool in = exists && std::find(values.begin(), values.end(),
                                        label->second) != values.end();
    bool holds = false;
    switch (requirement.op) {
      case Op::kIn:
        holds = in;
        break;
      case Op::kNotIn:  // an object without the label is "not in", too
        holds = !in;
        break;
      case Op::kExists:
        holds = exists;
        break;
      case Op::kNotExists:
        holds = !exists;
        break;
    }
    if (!holds) return false;
  }
  return true;
}

bool ContainerFilter::MatchesIdentity(const ContainerRecord& record) const {
  if (!absl::StartsWith(record.name, name_prefix)) return false;
  if (!absl::StartsWith(record.id, id_prefix)) return false;
  if (!containers.empty() && std::none_of(containers.begin(), containers.end(),
                                          [&](const std::string& reference) {
                                            return reference == record.id ||
                                                   reference == record.name;
                                          })) {
    return false;
  }
  return labels.Matches(LabelsOf(record.spec));
}

bool ContainerFilter::IsAnyIdentity() const {
  return labels.empty() && name_prefix.empty() && id_prefix.empty() &&
         containers.empty();
}

bool ContainerFilter::Matches(const ContainerRecord& record) const {
  const ContainerState state = record.status.state;
  const bool wanted = states.empty() ? state != ContainerState::kDeleted
                                     : std::find(states.begin(), states.end(),
                                                 state) != states.end();
  return wanted && MatchesIdentity(record);
}

bool ExecFilter::MatchesExec(const ExecRecord& record) const {
  if (!states.empty() &&
      std::find(states.begin(), states.end(), record.state) == states.end()) {
    return false;
  }
  return labels.Matches(LabelsOf(record.spec));
}

bool NetworkFilter::Matches(const NetworkRecord& record) const {
  if (!absl::StartsWith(record.name, name_prefix)) return false;
  if (!absl::StartsWith(record.id, id_prefix)) return false;
  return labels.Matches(LabelsOf(record.spec));
}

bool NetworkNamespaceFilter::Matches(
    const NetworkNamespaceRecord& record) const {
  return absl::StartsWith(record.name, name_prefix);
}

}  // namespace caisson::store
