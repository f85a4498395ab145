// The laws of merging, over all that a store may be given: conflicting enrolments, forgeries,
// revocations, tombstones. Stores that exchange what they hold end equal, whatever came first.
#include "tests/fuzz/store_model.h"

#include <gtest/gtest.h>

#include "base/encoding.h"
#include "base/rng.h"
#include "registry/core/store.h"
#include "tests/fuzz/record_pool.h"

namespace sixpn::fuzz {
namespace {

using registry::Store;
using registry::Verdict;
using Records = std::vector<SignedRecordPtr>;

Store empty_store() {
  return Store(pool_cluster().root().public_key());
}

// Some of the pool, in some order, some of it twice.
Records draw(Rng& rng, std::size_t count) {
  Records records;
  for (std::size_t i = 0; i < count; ++i)
    records.push_back(lasting_pool()[rng.below(lasting_pool().size())]);
  return records;
}

bool merge_all(Store& into, const Records& records) {
  bool changed = false;
  for (const auto& record : records) changed |= into.merge(record, kPoolTime) == Verdict::kAccepted;
  return changed;
}

Records held(const Store& store) {
  Records records;
  for (const auto& record : store.records()) records.push_back(record);
  return records;
}

// One line a record, for a person to compare.
std::vector<std::string> told(const Store& store) {
  std::vector<std::string> lines;
  for (const auto& record : store.records()) {
    const Record& r = record->record;
    const registry::Slot slot = registry::slot_of(r);
    lines.push_back(to_string(slot.key) + " (" + slot.scope + ") by " + to_string(r.writer) + " " +
                    std::to_string(r.stamp.major) + "." + std::to_string(r.stamp.minor) +
                    (r.tombstone ? " erased " : " ") +
                    to_hex(as_bytes(record->digest)).substr(0, 8));
  }
  return lines;
}

// Each gives each what it holds, in a random order, until nobody learns anything.
int exchange(std::vector<Store>& stores, Rng& rng) {
  int rounds = 0;
  for (bool changed = true; changed; ++rounds) {
    changed = false;
    for (auto& to : stores)
      for (auto& from : stores) {
        auto records = held(from);
        rng.shuffle(records);
        changed |= merge_all(to, records);
      }
  }
  return rounds;
}

class Laws : public testing::TestWithParam<std::uint64_t> {};

TEST_P(Laws, StoresThatExchangeEndEqual) {
  Rng rng(GetParam());
  std::vector<Store> stores;
  for (int i = 0; i < 4; ++i) {
    stores.push_back(empty_store());
    merge_all(stores.back(), draw(rng, 40 + rng.below(200)));
  }
  EXPECT_LT(exchange(stores, rng), 12);
  for (const auto& store : stores) {
    EXPECT_EQ(told(store), told(stores.front()));
    EXPECT_EQ(store.root_hash(), stores.front().root_hash());
    EXPECT_EQ(store.bucket_hashes(), stores.front().bucket_hashes());
    EXPECT_TRUE(store.certificates() == stores.front().certificates());
    EXPECT_TRUE(store.check_invariants());
  }
}

TEST_P(Laws, HashesAreEqualExactlyWhenContentsAre) {
  Rng rng(GetParam());
  Store a = empty_store();
  Store b = empty_store();
  for (int i = 0; i < 200; ++i) {
    auto record = draw(rng, 1).front();
    if (!rng.chance(0.1)) a.merge(record, kPoolTime);
    if (!rng.chance(0.1)) b.merge(record, kPoolTime);
    ASSERT_EQ(a.root_hash() == b.root_hash(), told(a) == told(b));
    ASSERT_EQ(a.bucket_hashes() == b.bucket_hashes(), told(a) == told(b));
  }
}

TEST_P(Laws, MergingWhatIsHeldChangesNothing) {
  Rng rng(GetParam());
  Store store = empty_store();
  merge_all(store, draw(rng, 300));
  auto root = store.root_hash();
  EXPECT_FALSE(merge_all(store, held(store)));
  EXPECT_EQ(store.root_hash(), root);
}

INSTANTIATE_TEST_SUITE_P(Seeds, Laws, testing::Range<std::uint64_t>(1, 26));

}  // namespace
}  // namespace sixpn::fuzz
