#include "flycast/core/replay_cache.h"

#include <gtest/gtest.h>

#include "base/rng.h"
#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

using std::chrono::seconds;

const AppName kApp{kNetwork, "web"};

Instant at(int second) {
  return Instant(seconds(1000 + second));
}

RoutingWish to(const std::string& app) {
  RoutingWish wish;
  wish.app = AppName{kNetwork, app};
  return wish;
}

ReplayInstruction order(const std::string& pattern, int ttl = 60, bool allow_bypass = false) {
  auto cache = parse_replay_cache({{"fly-replay-cache", pattern},
                                   {"fly-replay-cache-ttl-secs", std::to_string(ttl)},
                                   {"fly-replay-cache-allow-bypass", allow_bypass ? "yes" : "no"}});
  EXPECT_TRUE(cache) << pattern;
  ReplayInstruction instruction;
  instruction.app = "b";
  instruction.cache = *cache;
  return instruction;
}

ReplayCacheRule by_cookie(const std::string& prefix, const std::string& name) {
  return {prefix, seconds(300), false, name, false};
}
ReplayCacheRule by_header(const std::string& prefix, const std::string& name) {
  return {prefix, seconds(600), true, name, false};
}

// A cache and what is asked of it, one line each.
struct Desk {
  ReplayCache cache{ReplayCache::Limits{}};
  std::vector<ReplayCacheRule> rules = {};

  [[nodiscard]] std::string_view keep(std::string_view host, std::string_view path,
                                      const ReplayInstruction& instruction,
                                      const std::string& target, int second = 0,
                                      const HeaderList& headers = {}) {
    return cache.keep({kApp, host, path, headers, rules}, instruction, to(target), at(second));
  }
  // The app it goes to; "bypass"; "" when the cache has nothing.
  std::string find(std::string_view host, std::string_view path, int second = 0,
                   const HeaderList& headers = {}, const AppName& app = kApp) {
    auto found = cache.find({app, host, path, headers, rules}, at(second));
    if (found.status == CacheStatus::kHit) return found.wish.app->app;
    return std::string(to_string(found.status));
  }
};

TEST(PathCache, AppliesUnderThePattern) {
  Desk desk;
  EXPECT_EQ(desk.keep("example.com", "/some/path/x", order("/some/path/*"), "b"), "");
  for (const char* path :
       {"/some/path", "/some/path/", "/some/path/x", "/some/path/y/z?q=/a", "/some/path?q"})
    EXPECT_EQ(desk.find("example.com", path), "b") << path;
  for (const char* path : {"/some", "/some/pathx", "/other", "/", "*", "", "/Some/path"})
    EXPECT_EQ(desk.find("example.com", path), "") << path;
}

TEST(PathCache, IsOfOneHostAndApp) {
  Desk desk;
  EXPECT_EQ(desk.keep("Example.com:8080", "/a/x", order("/a"), "b"), "");
  EXPECT_EQ(desk.find("EXAMPLE.COM", "/a"), "b");
  EXPECT_EQ(desk.find("example.com:80", "/a"), "b");
  EXPECT_EQ(desk.find("other.com", "/a"), "");
  EXPECT_EQ(desk.find("example.com", "/a", 0, {}, AppName{kNetwork, "c"}), "");
  EXPECT_EQ(desk.find("example.com", "/a", 0, {}, AppName{kOtherNetwork, "web"}), "");
  EXPECT_EQ(desk.keep("[fdaa::1]:80", "/a", order("/a"), "six"), "");
  EXPECT_EQ(desk.find("[FDAA::1]", "/a"), "six");
}

TEST(PathCache, TheLongestPathWins) {
  Desk desk;
  EXPECT_EQ(desk.keep("h", "/a/b/c", order("/"), "root"), "");
  EXPECT_EQ(desk.keep("h", "/a/b/c", order("/a/b"), "deep"), "");
  EXPECT_EQ(desk.find("h", "/a/b/c"), "deep");
  EXPECT_EQ(desk.find("h", "/a/c"), "root");
  EXPECT_EQ(desk.find("h", "/"), "root");
}

TEST(PathCache, LastsAsLongAsOrdered) {
  Desk desk;
  EXPECT_EQ(desk.keep("h", "/a", order("/a", 10), "b"), "");
  EXPECT_EQ(desk.find("h", "/a", 9), "b");
  EXPECT_EQ(desk.find("h", "/a", 10), "");
  EXPECT_EQ(desk.cache.size(), 0U);
  EXPECT_EQ(desk.cache.bytes(), 0U);
}

TEST(PathCache, RefusesWhatItCannotKeep) {
  Desk desk;
  EXPECT_NE(desk.keep("h", "/b", order("/a"), "b"), "");
  EXPECT_NE(desk.keep("h", "/a", order("other.com/a"), "b"), "");
  auto with_state = order("/a");
  with_state.state = "s";
  EXPECT_NE(desk.keep("h", "/a", with_state, "b"), "");
  EXPECT_EQ(desk.cache.size(), 0U);
  EXPECT_EQ(desk.keep("h.com", "/a", order("H.com/a"), "b"), "");
}

TEST(PathCache, IsPassedByWhereTheAppAllows) {
  Desk desk;
  const HeaderList skip{{"Fly-Replay-Cache-Control", "skip"}};
  EXPECT_EQ(desk.keep("h", "/a", order("/a", 60, true), "b"), "");
  EXPECT_EQ(desk.keep("h", "/c", order("/c", 60, false), "b"), "");
  EXPECT_EQ(desk.find("h", "/a", 0, skip), "bypass");
  EXPECT_EQ(desk.find("h", "/c", 0, skip), "b");
  EXPECT_EQ(desk.find("h", "/a"), "b");
}

TEST(PathCache, IsInvalidatedForTheRequestsPath) {
  Desk desk;
  EXPECT_EQ(desk.keep("h", "/a/b", order("/a"), "b"), "");
  EXPECT_EQ(desk.keep("h", "/a/b", order("/a/b"), "b"), "");
  EXPECT_EQ(desk.keep("h", "/c", order("/c"), "b"), "");
  desk.cache.invalidate({kApp, "h", "/a/b/x?y", HeaderList{}, desk.rules});
  EXPECT_EQ(desk.find("h", "/a/b"), "");
  EXPECT_EQ(desk.find("h", "/c"), "b");
}

TEST(SessionCache, GoesByCookieOrHeader) {
  Desk desk;
  desk.rules = {by_cookie("/", "session_id"), by_header("/api", "Authorization")};
  const ReplayInstruction plain;
  const HeaderList anna{{"cookie", "x=y; session_id=anna"}};
  const HeaderList bert{{"cookie", "session_id=bert"}};
  const HeaderList token{{"authorization", "Bearer 1"}, {"cookie", "session_id=anna"}};
  EXPECT_EQ(desk.keep("h", "/", plain, "a", 0, anna), "");
  EXPECT_EQ(desk.keep("h", "/api/x", plain, "t", 0, token), "");
  EXPECT_EQ(desk.find("h", "/any", 0, anna), "a");
  EXPECT_EQ(desk.find("h", "/any", 0, bert), "");
  EXPECT_EQ(desk.find("h", "/any"), "");
  EXPECT_EQ(desk.find("h", "/api", 0, token), "t");
  EXPECT_EQ(desk.find("h", "/api", 0, anna), "a");
  EXPECT_EQ(desk.find("other", "/any", 0, anna), "");
  EXPECT_EQ(desk.find("h", "/any", 300, anna), "");
  EXPECT_EQ(desk.find("h", "/api", 599, token), "t");
  // Nobody was replayed without a session: nothing is kept for all.
  EXPECT_EQ(desk.keep("h", "/", plain, "z"), "");
  EXPECT_EQ(desk.find("h", "/"), "");
}

TEST(SessionCache, CookiesAreReadExactly) {
  Desk desk;
  desk.rules = {by_cookie("/", "s")};
  EXPECT_EQ(desk.keep("h", "/", {}, "a", 0, {{"cookie", "s=1"}}), "");
  for (const char* same : {"s=1", "a=b; s=1", "s=1; a=b", "a;s=1"})
    EXPECT_EQ(desk.find("h", "/", 0, {{"cookie", same}}), "a") << same;
  EXPECT_EQ(desk.find("h", "/", 0, {{"cookie", "a=b"}, {"cookie", "s=1"}}), "a");
  for (const char* other : {"s=", "s=11", "xs=1", "S=1", "s", "a=s=1", ""})
    EXPECT_EQ(desk.find("h", "/", 0, {{"cookie", other}}), "") << other;
}

TEST(SessionCache, ARuleCanNameAHost) {
  Desk desk;
  desk.rules = {by_cookie("api.example.com/api", "s")};
  const HeaderList headers{{"cookie", "s=1"}};
  EXPECT_EQ(desk.keep("api.example.com", "/api/x", {}, "a", 0, headers), "");
  EXPECT_EQ(desk.keep("example.com", "/api/x", {}, "b", 0, headers), "");
  EXPECT_EQ(desk.find("api.example.com", "/api", 0, headers), "a");
  EXPECT_EQ(desk.find("example.com", "/api", 0, headers), "");
}

TEST(SessionCache, ALongerPathThanItsRuleWins) {
  Desk desk;
  desk.rules = {by_cookie("/a", "s")};
  const HeaderList headers{{"cookie", "s=1"}};
  EXPECT_EQ(desk.keep("h", "/a/b", order("/"), "path", 0, headers), "");
  EXPECT_EQ(desk.find("h", "/a/b", 0, headers), "path");  // both say the same
  EXPECT_EQ(desk.keep("h", "/a/b", {}, "session", 0, headers), "");
  EXPECT_EQ(desk.find("h", "/a/b", 0, headers), "session");
  EXPECT_EQ(desk.keep("h", "/a/b", order("/a/b"), "deep"), "");
  EXPECT_EQ(desk.find("h", "/a/b", 0, headers), "deep");
  EXPECT_EQ(desk.find("h", "/c", 0, headers), "path");
}

TEST(SessionCache, LongValuesAreNotKept) {
  Desk desk;
  desk.rules = {by_header("/", "authorization")};
  const HeaderList fits{{"authorization", std::string(ReplayCache::kMaxSessionValue, 'x')}};
  const HeaderList long_one{{"authorization", std::string(ReplayCache::kMaxSessionValue + 1, 'x')}};
  for (const HeaderList* headers : {&fits, &long_one})
    EXPECT_EQ(desk.keep("h", "/", {}, "a", 0, *headers), "");
  EXPECT_EQ(desk.find("h", "/", 0, fits), "a");
  EXPECT_EQ(desk.find("h", "/", 0, long_one), "");
}

// Whatever is kept: never more bytes than allowed, in all and of one app; and the loudest app
// pushes out its own.
TEST(ReplayCacheBounds, HoldAgainstAFlood) {
  ReplayCache cache({.bytes = 20000, .bytes_per_app = 8000});
  Rng rng(7);
  const std::vector<ReplayCacheRule> rules = {by_header("/", "s")};
  auto request = [&](const HeaderList& headers, const char* app) {
    return CacheRequest{{kNetwork, app}, "h", "/", headers, rules};
  };
  const HeaderList quiet{{"s", "quiet"}};
  EXPECT_EQ(cache.keep(request(quiet, "quiet"), {}, to("q"), at(0)), "");
  for (int i = 0; i < 5000; ++i) {
    const HeaderList headers{{"s", std::string(1 + rng.below(200), 'x') + std::to_string(i)}};
    const char* app = i % 3 == 0 ? "a" : i % 3 == 1 ? "b" : "c";
    EXPECT_EQ(cache.keep(request(headers, app), {}, to("q"), at(0)), "");
    ASSERT_LE(cache.bytes(), 20000U);
    EXPECT_EQ(cache.find(request(headers, app), at(1)).status, CacheStatus::kHit);
  }
  EXPECT_GT(cache.evicted(), 4000U);
  EXPECT_EQ(cache.find(request(quiet, "quiet"), at(1)).status, CacheStatus::kHit);
}

TEST(ReplayCacheBounds, TheLeastUsedGoesFirst) {
  ReplayCache cache({.bytes = 100000, .bytes_per_app = 2000});
  const std::vector<ReplayCacheRule> rules = {by_header("/", "s")};
  const HeaderList used{{"s", "used"}};
  CacheRequest request{kApp, "h", "/", used, rules};
  EXPECT_EQ(cache.keep(request, {}, to("q"), at(0)), "");
  for (int i = 0; i < 200; ++i) {
    const HeaderList other{{"s", std::to_string(i)}};
    EXPECT_EQ(cache.keep({kApp, "h", "/", other, rules}, {}, to("q"), at(0)), "");
    ASSERT_EQ(cache.find(request, at(0)).status, CacheStatus::kHit) << i;
  }
}

}  // namespace
}  // namespace sixpn::flycast
