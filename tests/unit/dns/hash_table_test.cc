#include "dns/core/hash_table.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/rng.h"

namespace sixpn::dns::testing {
namespace {

struct Named {
  std::uint64_t hash;
  std::string name;
};

// Few hashes, so that homes are crowded and wrap around; some names share theirs.
std::uint64_t poor_hash(const std::string& name) {
  return (name.size() * 7 + static_cast<unsigned char>(name.front())) % 13 * 0x1111111111111111;
}

class Model {
 public:
  [[nodiscard]] Named* find(const std::string& name) const {
    return table.find(poor_hash(name), [&](const Named& each) { return each.name == name; });
  }
  void put(const std::string& name) {
    auto hash = poor_hash(name);
    there[name] = &table.put(hash, std::make_unique<Named>(Named{hash, name}));
  }
  void erase(const std::string& name) {
    table.erase(poor_hash(name), *there.at(name));
    there.erase(name);
  }
  void check(const std::vector<std::string>& names) const {
    ASSERT_EQ(table.size(), there.size());
    for (const auto& name : names) {
      auto known = there.find(name);
      ASSERT_EQ(find(name), known == there.end() ? nullptr : known->second) << name;
    }
  }

  HashTable<Named> table;
  std::map<std::string, Named*> there;
};

class HashTables : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(HashTables, HoldWhatAMapHolds) {
  Rng rng(GetParam());
  std::vector<std::string> names;
  for (char letter = 'a'; letter <= 'z'; ++letter)
    for (std::size_t size = 1; size <= 3; ++size) names.emplace_back(size, letter);
  Model model;
  for (int turn = 0; turn < 3000; ++turn) {
    const auto& name = names[rng.below(names.size())];
    if (rng.chance(0.002)) {
      auto goes = [](const Named& each) { return each.name.size() == 2; };
      model.table.erase_if(goes);
      std::erase_if(model.there, [](const auto& each) { return each.first.size() == 2; });
    }
    model.there.contains(name) ? model.erase(name) : model.put(name);
    model.check(names);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, HashTables, ::testing::Range<std::uint64_t>(1, 6));

}  // namespace
}  // namespace sixpn::dns::testing
