// --filter of the verbs that list: what all lists have, and what one has more.
//
// Thread: main.
#ifndef CAISSON_CLIENTS_CAISSON_FILTER_FLAG_H_
#define CAISSON_CLIENTS_CAISSON_FILTER_FLAG_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "clients/caisson/flags.h"

namespace caisson::cli {

class FilterFlag {
 public:
  // Takes a key that not all lists have; false: it does not know it.
  using Other =
      std::function<bool(const std::string& key, const std::string& value)>;

  void Declare(Flags* flags, const std::string& help) {
    flags->Texts("-f,--filter", &texts_, "KEY=VALUE", help);
  }

  // Fills in the filter of a request; false when something is not known, which
  // is said.
  template <typename Filter>
  bool Fill(const std::string& verb, Filter* filter,
            const Other& other = nullptr) const {
    Common common;
    if (!Parse(verb, other, &common)) return false;
    filter->set_label_selector(std::move(common.label_selector));
    filter->set_name_prefix(std::move(common.name_prefix));
    filter->set_id_prefix(std::move(common.id_prefix));
    return true;
  }

 private:
  struct Common {
    std::string label_selector;
    std::string name_prefix;
    std::string id_prefix;
  };

  bool Parse(const std::string& verb, const Other& other, Common* common) const;

  std::vector<std::string> texts_;
};

}  // namespace caisson::cli

#endif  // CAISSON_CLIENTS_CAISSON_FILTER_FLAG_H_
