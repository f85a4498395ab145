#include "dns/core/forward_cache.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace sixpn::dns::testing {
namespace {

using namespace std::chrono_literals;
using State = ForwardCache::State;

constexpr Instant kStart{1000s};

struct Question {
  explicit Question(std::string text) : name(std::move(text)) {}
  [[nodiscard]] ForwardKey key() const { return {name, kTypeA, 0, 0}; }
  [[nodiscard]] std::uint64_t hash() const { return hash_of(key()); }
  std::string name;
};

ForwardReply reply_of(std::uint32_t lifetime, std::size_t bytes = 100) {
  ForwardReply reply;
  reply.lifetime = lifetime;
  reply.records.assign(bytes, 'r');
  return reply;
}

class Cache : public ::testing::Test {
 protected:
  void keep(const Question& question, ForwardReply reply, Instant now = kStart) {
    cache.keep(question.key(), question.hash(), std::move(reply), now);
  }
  void fail(const Question& question, Instant now) {
    cache.keep_failure(question.key(), question.hash(), Rcode::kServFail, now);
  }
  ForwardCache::Found find(const Question& question, Instant now) {
    return cache.find(question.key(), question.hash(), now);
  }

  ForwardCache cache{20000};
  Question a{"a"}, b{"b"};
};

TEST_F(Cache, ARepliesLife) {
  EXPECT_EQ(find(a, kStart).state, State::kMissing);
  keep(a, reply_of(60));
  EXPECT_EQ(find(a, kStart).state, State::kFresh);
  EXPECT_EQ(find(a, kStart).age, 0U);
  EXPECT_EQ(find(a, kStart + 59999ms).state, State::kFresh);
  EXPECT_EQ(find(a, kStart + 59999ms).age, 59U);
  EXPECT_EQ(find(a, kStart + 60s).state, State::kStale);
  EXPECT_EQ(find(a, kStart + 60s + 24h - 1s).state, State::kStale);
  EXPECT_EQ(find(a, kStart + 60s + 24h).state, State::kMissing);
  EXPECT_EQ(find(b, kStart).state, State::kMissing);
}

// Workers read the clock once for a batch: what another has kept meanwhile came later than that.
TEST_F(Cache, AReaderMayBeBehindTheWriter) {
  keep(a, reply_of(60));
  auto found = find(a, kStart - 3s);
  EXPECT_EQ(found.state, State::kFresh);
  EXPECT_EQ(found.age, 0U);
}

TEST_F(Cache, WhatMustNotBeKeptReplacesWhatWas) {
  keep(a, reply_of(60));
  keep(a, reply_of(0));
  EXPECT_EQ(find(a, kStart).state, State::kMissing);
  keep(a, reply_of(60, ForwardCache::kMaxReplyBytes));
  EXPECT_EQ(find(a, kStart).state, State::kMissing);
  EXPECT_EQ(cache.bytes(), 0U);
}

TEST_F(Cache, AFailureIsToldForFiveSeconds) {
  fail(a, kStart);
  EXPECT_EQ(find(a, kStart + 4999ms).state, State::kFailed);
  EXPECT_EQ(find(a, kStart + 4999ms).reply->rcode, 2);
  EXPECT_EQ(find(a, kStart + 5s).state, State::kMissing);
}

TEST_F(Cache, AFailureNeverTakesTheStaleAway) {
  keep(a, reply_of(10));
  fail(a, kStart + 11s);
  EXPECT_EQ(find(a, kStart + 11s + 29s).state, State::kStaleForNow);
  EXPECT_EQ(find(a, kStart + 11s + 30s).state, State::kStale);
  keep(a, reply_of(10), kStart + 42s);
  EXPECT_EQ(find(a, kStart + 43s).state, State::kFresh);
  // Beyond a day there is nothing to tell, and the failure is what it is.
  fail(a, kStart + 48h);
  EXPECT_EQ(find(a, kStart + 48h).state, State::kFailed);
}

TEST_F(Cache, PopularRepliesAreFetchedOnceBeforeTheirEnd) {
  keep(a, reply_of(100));
  for (std::uint32_t i = 0; i < ForwardCache::kPopular; ++i)
    EXPECT_FALSE(find(a, kStart + 10s).prefetch);
  EXPECT_FALSE(find(a, kStart + 89s).prefetch);
  EXPECT_TRUE(find(a, kStart + 91s).prefetch);
  EXPECT_FALSE(find(a, kStart + 92s).prefetch);
  // It failed: again, but not at once.
  fail(a, kStart + 93s);
  EXPECT_FALSE(find(a, kStart + 94s).prefetch);
  keep(b, reply_of(100));
  EXPECT_FALSE(find(b, kStart + 95s).prefetch);  // nobody else asks
}

TEST_F(Cache, BytesAreBoundedAndCounted) {
  for (int i = 0; i < 1000; ++i) {
    keep(Question("name" + std::to_string(i)), reply_of(60));
    ASSERT_LE(cache.bytes(), 20000U);
  }
  EXPECT_EQ(cache.evicted() + cache.size(), 1000U);
  EXPECT_GT(cache.size(), 20U);
  // The youngest is there.
  EXPECT_EQ(find(Question("name999"), kStart).state, State::kFresh);
}

TEST_F(Cache, WhatIsAskedForOutlivesAFlood) {
  keep(a, reply_of(3600));
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(find(a, kStart).state, State::kFresh) << i;
    keep(Question("random" + std::to_string(i)), reply_of(60));
  }
}

TEST_F(Cache, KeepsItsBooksWhateverIsDone) {
  Rng rng(4);
  std::vector<Question> names;
  for (int i = 0; i < 60; ++i) names.emplace_back("n" + std::to_string(i));
  Instant now = kStart;
  for (int step = 0; step < 20000; ++step) {
    const auto& name = names[rng.below(names.size())];
    now += std::chrono::milliseconds(rng.below(500));
    switch (rng.below(4)) {
      case 0:
        keep(name, reply_of(static_cast<std::uint32_t>(rng.below(30)), rng.below(900)), now);
        break;
      case 1:
        fail(name, now);
        break;
      default:
        find(name, now);
    }
    ASSERT_LE(cache.bytes(), 20000U);
  }
  // All go again when something large comes often enough: no place was lost.
  for (int i = 0; i < 40; ++i) keep(names[static_cast<std::size_t>(i)], reply_of(0), now);
  for (int i = 40; i < 60; ++i) keep(names[static_cast<std::size_t>(i)], reply_of(0), now);
  EXPECT_EQ(cache.size(), 0U);
  EXPECT_EQ(cache.bytes(), 0U);
}

}  // namespace
}  // namespace sixpn::dns::testing
