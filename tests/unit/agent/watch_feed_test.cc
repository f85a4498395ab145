#include "agent/watch_feed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <sstream>

#include "agent/watch_json.h"
#include "registry/core/address.h"
#include "tests/unit/registry/random_record.h"

namespace sixpn::agent {
namespace {

namespace json = boost::json;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr Instant kStart{std::chrono::hours(1)};
constexpr NetworkId kOther{0xbeef};
const sim::TestCluster kCluster;

// What a watcher knows: values by key, and how far it is.
struct Watcher {
  std::map<std::string, json::value> state;
  std::uint64_t generation = 0;
  std::string cursor;
  std::vector<std::string> reasons;
  std::size_t changes = 0;
  bool whole = false;  // was told the whole state

  void take(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      auto object = json::parse(line).as_object();
      std::string type(object.at("type").as_string());
      if (auto* reason = object.if_contains("reason")) reasons.emplace_back(reason->as_string());
      if (type == "state") {
        state.clear();
        whole = true;
      } else if (type == "value") {
        state[std::string(object.at("key").as_string())] = object.at("value");
      } else if (type == "change") {
        change(object);
      } else if (type == "at") {
        generation = static_cast<std::uint64_t>(object.at("generation").to_number<std::int64_t>());
        cursor = std::string(object.at("cursor").as_string());
      }
    }
  }
  void change(const json::object& object) {
    ++changes;
    std::string key(object.at("key").as_string());
    const json::value& old = object.at("old");
    EXPECT_EQ(state.contains(key), !old.is_null()) << key;
    if (!old.is_null()) {
      EXPECT_EQ(state[key], old);
    }
    if (object.at("new").is_null()) {
      state.erase(key);
    } else {
      state[key] = object.at("new");
    }
  }
};

class WatchFeedTest : public testing::Test {
 protected:
  WatchFeedTest() { publish(); }

  void publish() {
    ++now_.generation;
    feed_.publish(kStart, std::make_shared<Snapshot>(now_));
  }
  void put_machine(unsigned number, MachineState state, NetworkId network = test::kTestNetwork) {
    auto view = std::make_shared<NetworkView>();
    if (auto known = now_.networks.find(network); known != now_.networks.end())
      *view = *known->second;
    view->network = {network, "acme", "n" + to_string(network)};
    auto machine = test::make_machine(host_, number, network);
    machine.state = state;
    view->machines[machine.id] = std::make_shared<MachineRecord>(machine);
    now_.networks[network] = view;
  }
  void put_host(HostStatus status) { now_.hosts[host_.id] = {host_.record, status, {}}; }
  WatchCursor open(const std::string& from = "", std::optional<NetworkId> network = {}) {
    feed_.attach(kStart);
    auto cursor = WatchCursor::open(feed_, {network, from});
    EXPECT_TRUE(cursor) << (cursor ? "" : cursor.error().message);
    return std::move(*cursor);
  }
  static void drain(WatchCursor& cursor, Watcher& watcher, std::size_t budget = 1 << 16) {
    for (std::string text = cursor.next(budget); !text.empty(); text = cursor.next(budget))
      watcher.take(text);
  }
  // What a watcher that comes now is told.
  std::map<std::string, json::value> whole() {
    auto cursor = open();
    Watcher watcher;
    drain(cursor, watcher);
    feed_.detach(kStart);
    return watcher.state;
  }

  sim::EnrolledHost host_ = kCluster.enrol(1);
  Snapshot now_;
  WatchFeed feed_{"5f0c2d1e"};
};

TEST_F(WatchFeedTest, TheStateThenEachChange) {
  put_host(HostStatus::kAlive);
  put_machine(1, MachineState::kStarted);
  publish();
  auto cursor = open();
  Watcher watcher;
  drain(cursor, watcher);
  EXPECT_TRUE(watcher.whole);
  EXPECT_EQ(watcher.state.size(), 3U);  // host, network, machine
  EXPECT_EQ(watcher.generation, 2U);
  EXPECT_EQ(watcher.cursor, "5f0c2d1e:2");
  EXPECT_EQ(cursor.next(1000), "");

  put_host(HostStatus::kDown);  // no record changes, but DNS does
  publish();
  put_machine(1, MachineState::kStopped);
  put_machine(2, MachineState::kStarted);
  publish();
  drain(cursor, watcher);
  EXPECT_EQ(watcher.changes, 3U);
  EXPECT_EQ(watcher.generation, 4U);
  EXPECT_EQ(watcher.state, whole());
  EXPECT_EQ(watcher.state.at("host/" + to_string(host_.id)).at("status"), "down");
}

// What is let go of is not gone: the watcher is told so once, and all of it when it is held again.
TEST_F(WatchFeedTest, ANetworkThatIsHeldNoMoreLosesNoMachine) {
  put_machine(1, MachineState::kStarted);
  publish();
  auto cursor = open();
  Watcher watcher;
  drain(cursor, watcher);
  now_.held = {false, {}};
  publish();
  auto view = std::make_shared<NetworkView>(*now_.networks.at(test::kTestNetwork));
  view->machines.clear();
  now_.networks[test::kTestNetwork] = view;
  publish();
  std::string text = cursor.next(1 << 16);
  EXPECT_THAT(text, HasSubstr("\"held\":false"));
  EXPECT_THAT(text, Not(HasSubstr("\"change\"")));
  put_machine(2, MachineState::kStarted);  // it fills: not told yet
  publish();
  EXPECT_EQ(cursor.next(1 << 16), "");
  EXPECT_THAT(open().next(1 << 16), AllOf(HasSubstr("\"held\":false"), Not(HasSubstr("machine/"))));
  now_.held = {true, {}};
  publish();
  text = cursor.next(1 << 16);
  EXPECT_THAT(text, AllOf(HasSubstr("\"held\":true"), HasSubstr("machine/")));
}

TEST_F(WatchFeedTest, GenerationsWithoutAChangeSaySoOnlyWithAHeartbeat) {
  auto cursor = open();
  Watcher watcher;
  drain(cursor, watcher);
  publish();
  publish();
  EXPECT_EQ(cursor.next(1000), "");
  watcher.take(cursor.heartbeat());
  EXPECT_EQ(watcher.generation, 3U);
}

TEST_F(WatchFeedTest, RandomChangesInSmallBitesGiveTheState) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    Rng rng(seed);
    auto cursor = std::make_unique<WatchCursor>(open());
    Watcher watcher;
    for (int i = 0; i < 200; ++i) {
      auto network = rng.chance(0.5) ? test::kTestNetwork : kOther;
      put_machine(static_cast<unsigned>(rng.below(50)), static_cast<MachineState>(1 + rng.below(9)),
                  network);
      if (rng.chance(0.1)) now_.networks.erase(network);
      if (rng.chance(0.2)) put_host(static_cast<HostStatus>(1 + rng.below(4)));
      if (rng.chance(0.5)) publish();
      if (rng.chance(0.5)) watcher.take(cursor->next(1 + rng.below(3000)));
      if (rng.chance(0.03) && !watcher.cursor.empty()) {  // the connection is lost
        drain(*cursor, watcher);
        cursor = std::make_unique<WatchCursor>(open(watcher.cursor));
        watcher.whole = false;
      }
    }
    publish();
    drain(*cursor, watcher, 500);
    watcher.take(cursor->heartbeat());
    EXPECT_EQ(watcher.state, whole());
    EXPECT_EQ(watcher.generation, now_.generation);
  }
}

TEST_F(WatchFeedTest, AResumeGetsOnlyWhatItMissed) {
  put_machine(1, MachineState::kStarted);
  publish();
  auto first = open();
  Watcher watcher;
  drain(first, watcher);
  feed_.detach(kStart);
  put_machine(2, MachineState::kStarted);
  publish();
  auto second = open(watcher.cursor);
  watcher.whole = false;
  drain(second, watcher);
  EXPECT_FALSE(watcher.whole);
  EXPECT_EQ(watcher.changes, 1U);
  EXPECT_EQ(watcher.state, whole());
}

TEST_F(WatchFeedTest, AResumeThatCannotBeIsAnsweredByTheStateAndWhy) {
  auto reason = [this](const std::string& from) {
    auto cursor = open(from);
    Watcher watcher;
    drain(cursor, watcher);
    EXPECT_TRUE(watcher.whole);
    return watcher.reasons.empty() ? "" : watcher.reasons.front();
  };
  EXPECT_EQ(reason("00000000:1"), "the agent has restarted since");
  EXPECT_EQ(reason("5f0c2d1e:99"), "there was no such generation yet");
  for (std::size_t i = 0; i <= kMaxWatchGenerations; ++i) {
    put_machine(1, i % 2 == 0 ? MachineState::kStarted : MachineState::kStopped);
    publish();
  }
  EXPECT_EQ(reason("5f0c2d1e:1"), "the changes since then are no longer kept");
  for (const char* from : {"5f0c2d1e", ":1", "5f0c2d1e:", "5f0c2d1e:x", "5f0c2d1e:1x"})
    EXPECT_THAT(WatchCursor::open(feed_, {{}, from}).error().message, HasSubstr("from: expected"));
}

TEST_F(WatchFeedTest, WhoIsTooSlowIsToldAndEnded) {
  auto cursor = open();
  Watcher watcher;
  drain(cursor, watcher);
  for (std::size_t i = 0; i < kMaxWatchGenerations + 2; ++i) {
    put_machine(1, i % 2 == 0 ? MachineState::kStarted : MachineState::kStopped);
    publish();
  }
  EXPECT_FALSE(cursor.ended());
  watcher.take(cursor.next(1000));
  EXPECT_TRUE(cursor.ended());
  EXPECT_THAT(watcher.reasons.back(), HasSubstr("too slow: changes after generation 1 "));
  EXPECT_EQ(cursor.next(1000), "");
}

TEST_F(WatchFeedTest, OneNetworkIsWatchedWithTheHosts) {
  put_host(HostStatus::kAlive);
  put_machine(1, MachineState::kStarted);
  put_machine(2, MachineState::kStarted, kOther);
  publish();
  auto cursor = open("", kOther);
  Watcher watcher;
  drain(cursor, watcher);
  EXPECT_EQ(watcher.state.size(), 3U);
  put_machine(1, MachineState::kStopped);
  publish();
  EXPECT_EQ(cursor.next(1000), "");
  put_machine(2, MachineState::kStopped, kOther);
  put_host(HostStatus::kDown);
  publish();
  drain(cursor, watcher);
  EXPECT_EQ(watcher.changes, 2U);
}

TEST_F(WatchFeedTest, ManyMachinesComeInBites) {
  for (unsigned i = 0; i < 2000; ++i) put_machine(i, MachineState::kStarted);
  publish();
  auto cursor = open();
  Watcher watcher;
  std::size_t most = 0;
  for (std::string text = cursor.next(4096); !text.empty(); text = cursor.next(4096)) {
    most = std::max(most, text.size());
    watcher.take(text);
  }
  EXPECT_EQ(watcher.state.size(), 2001U);
  EXPECT_LT(most, 8192U);
}

TEST_F(WatchFeedTest, NothingIsKeptForNobody) {
  auto cursor = open();
  Watcher watcher;
  drain(cursor, watcher);
  feed_.detach(kStart);
  put_machine(1, MachineState::kStarted);
  ++now_.generation;
  feed_.publish(kStart + kWatchLinger, std::make_shared<Snapshot>(now_));
  auto late = open(watcher.cursor);
  drain(late, watcher);
  EXPECT_EQ(watcher.reasons.back(), "the changes since then are no longer kept");
  EXPECT_EQ(watcher.state, whole());
}

}  // namespace
}  // namespace sixpn::agent
