// Anti-entropy between a host of sixpn 0.1 and today's, in both roles: both stores end equal.
#include <gtest/gtest.h>

#include "base/rng.h"
#include "registry/core/sync_session.h"
#include "tests/compat/old_sync_session.h"
#include "tests/fuzz/record_pool.h"

namespace sixpn::compat {
namespace {

using registry::Store;
using registry::Verdict;

constexpr int kMaxTurns = 5000;
constexpr int kMaxSessions = 8;

Store some_store(std::uint64_t seed) {
  Store store(fuzz::pool_cluster().root().public_key());
  Rng rng(seed);
  for (const auto& record : fuzz::lasting_pool())
    if (record->record.key.kind == RecordKind::kHost || rng.chance(0.5))
      store.merge(record, fuzz::kPoolTime);
  return store;
}

// Carries the bytes of both until neither has more to say; whether both ended well.
template <class Initiator, class Responder>
bool converse(Store& a, Store& b) {
  Initiator initiator(Initiator::Role::kInitiator, a);
  Responder responder(Responder::Role::kResponder, b);
  for (int turn = 0; turn < kMaxTurns; ++turn) {
    std::string there = initiator.take_output();
    auto at_b = responder.on_bytes(there);
    std::string back = responder.take_output();
    auto at_a = initiator.on_bytes(back);
    if (!at_a || !at_b) {
      ADD_FAILURE() << (at_a ? at_b.error().message : at_a.error().message);
      return false;
    }
    for (const auto& record : *at_b) b.merge(record, fuzz::kPoolTime);
    for (const auto& record : *at_a) a.merge(record, fuzz::kPoolTime);
    if (initiator.finished() && responder.finished()) return true;
  }
  ADD_FAILURE() << "the two talk past each other";
  return false;
}

template <class Initiator, class Responder>
void expect_equal_after_sync(std::uint64_t seed) {
  Store a = some_store(seed);
  Store b = some_store(seed + 1000);
  ASSERT_NE(a.root_hash(), b.root_hash());
  for (int session = 0; session < kMaxSessions && a.root_hash() != b.root_hash(); ++session)
    ASSERT_TRUE((converse<Initiator, Responder>(a, b))) << "seed " << seed;
  EXPECT_EQ(a.root_hash(), b.root_hash()) << "seed " << seed;
  EXPECT_EQ(a.records().size(), b.records().size());
}

TEST(SyncCompat, OldAsksNew) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    expect_equal_after_sync<OldSyncSession, registry::SyncSession>(seed);
}

TEST(SyncCompat, NewAsksOld) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed)
    expect_equal_after_sync<registry::SyncSession, OldSyncSession>(seed);
}

TEST(SyncCompat, OldAsksOldAndNewAsksNew) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    expect_equal_after_sync<OldSyncSession, OldSyncSession>(seed);
    expect_equal_after_sync<registry::SyncSession, registry::SyncSession>(seed);
  }
}

}  // namespace
}  // namespace sixpn::compat
