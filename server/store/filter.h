// Which records a list, a watch or a log reader wants: the filters of
// containers, execs and networks with the label selector (the grammar of
// Kubernetes), parsed once and then matched without allocation.
//
// Process: caissond. Thread: any (immutable after parsing).
#ifndef CAISSON_SERVER_STORE_FILTER_H_
#define CAISSON_SERVER_STORE_FILTER_H_

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "server/store/records.h"

namespace caisson::store {

// "a=b,c!=d,e in (x,y),f notin (z),g,!h": all requirements must hold.
class LabelSelector {
 public:
  // INVALID_ARGUMENT with the position and what was expected. The empty text
  // selects everything.
  static absl::StatusOr<LabelSelector> Parse(std::string_view text);

  LabelSelector() = default;
  bool Matches(const std::map<std::string, std::string>& labels) const;
  bool empty() const { return requirements_.empty(); }

 private:
  enum class Op { kIn, kNotIn, kExists, kNotExists };
  struct Requirement {
    std::string key;
    Op op = Op::kExists;
    std::vector<std::string> values;
  };
  class Parser;

  std::vector<Requirement> requirements_;
};

// All parts that are set must hold; an empty filter matches every container
// that is not deleted.
struct ContainerFilter {
  std::vector<ContainerState> states;  // empty: all but kDeleted
  LabelSelector labels;
  std::string name_prefix;
  std::string id_prefix;
  std::vector<std::string> containers;  // exact ids or names; empty: any

  // The identity and label parts only: what a log or event stream needs,
  // where the state of the moment must not decide.
  bool MatchesIdentity(const ContainerRecord& record) const;
  // Whether these parts let every container pass.
  bool IsAnyIdentity() const;
  bool Matches(const ContainerRecord& record) const;
};

// Execs: those of matching containers that match themselves.
struct ExecFilter {
  ExecFilter() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): the execs of containers.
  ExecFilter(ContainerFilter of) : containers(std::move(of)) {}

  ContainerFilter containers;
  std::vector<ExecState> states;  // empty: all
  LabelSelector labels;           // of the exec

  // Without the containers' part.
  bool MatchesExec(const ExecRecord& record) const;
};

struct NetworkFilter {
  LabelSelector labels;
  std::string name_prefix;
  std::string id_prefix;

  bool Matches(const NetworkRecord& record) const;
};

struct NetworkNamespaceFilter {
  std::string name_prefix;

  bool Matches(const NetworkNamespaceRecord& record) const;
};

}  // namespace caisson::store

#endif  // CAISSON_SERVER_STORE_FILTER_H_
