// The ways to upstream through c-ares 1.18.1, and its traps. Workers ask first and without it
// (direct_forward.h), so here is no worker: a Forwarder that is handed every question, or the pool
// by itself.
#include "dns/io/upstream_pool.h"

#include <dirent.h>

#include <functional>
#include <future>
#include <latch>
#include <set>

#include "c_ares_calls.h"
#include "dns/core/forward.h"
#include "dns/io/forwarder.h"
#include "dns/io/upstream_sockets.h"
#include "forwarding_fixture.h"
#include "guessing.h"

namespace sixpn::dns::testing {
namespace {

ForeignQuery foreign_query(const std::string& name) {
  ForeignQuery query;
  bool readable = read_foreign_query(
      encode({.name = name, .type = kTypeA, .edns_size = kMaxUdpBytes}), Transport::kUdp, query);
  EXPECT_TRUE(readable) << name;
  return query;
}

int open_descriptors() {
  int count = 0;
  auto* all = opendir("/proc/self/fd");
  while (readdir(all) != nullptr) ++count;
  closedir(all);
  return count;
}

// Until `check` holds, or patience ends.
template <class Check>
bool comes_true(Check check) {
  auto end = std::chrono::steady_clock::now() + kPatience;
  while (!check()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

class ThroughCAres : public Forwarding {
 protected:
  void SetUp() override {
    loop_.start_thread();
    on_loop([&] { LoopTimer(loop_, [] {}); });  // the loop has its descriptors from its first use
  }
  void TearDown() override { stop(); }

  // One group for each.
  void forward_to(const std::vector<IpEndpoint>& upstreams, const ForwardLimits& limits = quiet()) {
    std::vector<std::vector<IpEndpoint>> groups;
    for (const auto& upstream : upstreams) groups.push_back({upstream});
    shared_ = std::make_unique<ForwardShared>(limits, groups);
    on_loop([&] { forwarder_ = std::make_unique<Forwarder>(loop_, *shared_); });
  }
  void stop() {
    on_loop([&] { forwarder_.reset(); });
  }

  // All at once. `done`: on the loop.
  void submit(const std::vector<std::string>& names, std::uint16_t group,
              const std::function<void(std::string)>& done) {
    std::vector<ForwardRequest> requests(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      EXPECT_TRUE(forwarder_->reserve());
      requests[i].query = foreign_query(names[i]);
      requests[i].client = *parse_ip6("::1");
      requests[i].network = kAcme;
      requests[i].group = group;
      requests[i].done = done;
    }
    forwarder_->submit(std::move(requests));
  }

  // Their replies, in the order in which they came.
  std::vector<ParsedReply> ask(const std::vector<std::string>& names, std::uint16_t group = 0) {
    std::vector<std::string> replies;  // the loop's, until all have come
    std::latch all(static_cast<std::ptrdiff_t>(names.size()));
    submit(names, group, [&](std::string reply) {
      replies.push_back(std::move(reply));
      all.count_down();
    });
    all.wait();
    std::vector<ParsedReply> parsed;
    for (const auto& reply : replies) parsed.push_back(*parse_reply(reply));
    return parsed;
  }

  // As many, of which 60 are in flight at once.
  void ask_many(int count) {
    constexpr int kAtOnce = 60;
    for (int asked = 0; asked < count && !HasFailure(); asked += kAtOnce)
      for (const auto& reply : ask(names("host", kAtOnce))) EXPECT_EQ(reply.rcode, 0);
  }

  // None of them twice.
  std::vector<std::string> names(const std::string& what, int count) {
    std::vector<std::string> names;
    for (int i = 0; i < count; ++i)
      names.push_back(what + std::to_string(++named_) + ".some.example");
    return names;
  }

  Stats forwarder_stats() {
    Stats now;
    on_loop([&] { forwarder_->add_to(now); });
    return now;
  }

  // Since the test began.
  [[nodiscard]] int sends() const { return c_ares_calls().sends - sends_; }
  [[nodiscard]] int sends_with_opt() const {
    return c_ares_calls().sends_with_opt - sends_with_opt_;
  }
  [[nodiscard]] int channels_made() const { return c_ares_calls().channels_made - made_; }
  [[nodiscard]] int channels_destroyed() const {
    return c_ares_calls().channels_destroyed - destroyed_;
  }

  std::unique_ptr<ForwardShared> shared_;
  std::unique_ptr<Forwarder> forwarder_;

 private:
  int named_ = 0;
  int sends_ = c_ares_calls().sends, sends_with_opt_ = c_ares_calls().sends_with_opt;
  int made_ = c_ares_calls().channels_made, destroyed_ = c_ares_calls().channels_destroyed;
};

// ares_timeout() walks through all queries of a channel: asked for a deadline with each query, n of
// them would cost n * n. One tick for all takes its place (decision 0094).
TEST_F(Forwarding, NoDeadlineIsAskedOfCAres) {
  Upstream silent(kSilent);
  auto limits = quiet();
  limits.deadline = 500ms;
  start_with({&silent}, limits);
  constexpr int kQuestions = 100;
  TcpClient client(six());
  for (std::uint16_t id = 0; id < kQuestions; ++id)
    client.send(encode({.name = "n" + std::to_string(id) + ".example", .type = kTypeA, .id = id}));
  EXPECT_TRUE(eventually([](const Stats& now) { return now.forward_failed > 0; }));
  EXPECT_GT(silent.queries(), kQuestions);  // by the workers, and then by c-ares
  EXPECT_EQ(c_ares_calls().deadlines_asked_for, 0);
}

// c-ares draws neither ids nor ports of ours: that is Upstreams', the ports' age UpstreamPool's and
// the spelling Forwarder's. Upstreams.WhatAForgerWouldHaveToGuess is the same of the workers.
TEST_F(ThroughCAres, WhatAForgerWouldHaveToGuess) {
  Guessing notes;
  Upstream upstream([&](const std::string& query, bool) { return notes.respond(query); });
  forward_to({upstream.endpoint()});
  ask_many(Guessing::kQueries);
  EXPECT_GE(sends(), Guessing::kQueries);
  EXPECT_EQ(sends(), upstream.queries());
  notes.judge(upstream.ports());
}

// c-ares takes the OPT off a query that was answered with FORMERR, by cutting off its last 11
// bytes, and changes its mind about EDNS for the whole channel: of many at once some are sent again
// by c-ares, the others by us.
TEST_F(ThroughCAres, ManyFormerrsAtOnceHarmNoQuery) {
  constexpr int kQuestions = 100;
  std::mutex lock;
  std::vector<std::string> broken;
  std::atomic<int> with_opt{0}, without_opt{0};
  Upstream old([&](const std::string& query, bool) {
    auto parsed = parse_query(query);
    if (parsed.verdict != Verdict::kAnswer) {
      std::lock_guard hold(lock);
      broken.push_back(query);
      return std::optional<std::string>();
    }
    ++(parsed.query.edns ? with_opt : without_opt);
    return std::optional(parsed.query.edns ? reply_to(query, 0x8181, {})
                                           : reply_to(query, 0x8180, {a_record(3)}));
  });
  forward_to({old.endpoint()});
  auto replies = ask(names("n", kQuestions));
  for (const auto& reply : replies) EXPECT_EQ(reply.answers.size(), 1U);
  // They went out together, all with OPT: c-ares met as many FORMERRs.
  EXPECT_GE(sends_with_opt(), kQuestions);
  EXPECT_GE(with_opt, kQuestions);
  // And sent some of them again by itself: more came without OPT than we gave to it so.
  EXPECT_GT(without_opt, sends() - sends_with_opt());
  {
    std::lock_guard hold(lock);
    EXPECT_TRUE(broken.empty());
  }
  EXPECT_FALSE(forwarder_stats().upstreams.at(0).edns);
  // It is not asked with EDNS again.
  auto asked = with_opt.load();
  EXPECT_EQ(ask(names("once", 1)).at(0).answers.size(), 1U);
  EXPECT_EQ(with_opt, asked);
}

// What c-ares takes for truncated without EDNS: over 512 bytes.
TEST_F(ThroughCAres, LargeRepliesComeOverUdp) {
  std::atomic<int> over_tcp{0};
  std::vector<std::string> records(60, a_record(1));
  Upstream upstream([&](const std::string& query, bool tcp) {
    if (tcp) ++over_tcp;
    return with_opt(reply_to(query, 0x8180, records));
  });
  forward_to({upstream.endpoint()});
  EXPECT_EQ(ask(names("large", 1)).at(0).answers.size(), 60U);
  EXPECT_EQ(sends(), 1);
  EXPECT_EQ(over_tcp, 0);
}

// The same of channels that have met a FORMERR, once they are renewed.
TEST_F(ThroughCAres, ARenewedChannelThinksOfEdnsAgain) {
  std::atomic<bool> knows_edns{false};
  std::atomic<int> over_tcp{0};
  std::vector<std::string> records(60, a_record(1));
  Upstream upstream([&](const std::string& query, bool tcp) {
    if (tcp) ++over_tcp;
    if (knows_edns) return with_opt(reply_to(query, 0x8180, records));
    return reply_to(query, parse_query(query).query.edns ? 0x8181 : 0x8180, {});
  });
  std::promise<UpstreamPool::Ended> ends[2];
  auto end_of = [&](int attempt) {
    auto ended = ends[attempt].get_future();
    bool in_time = ended.wait_for(kPatience) == std::future_status::ready;
    return in_time ? ended.get() : UpstreamPool::Ended();
  };
  std::unique_ptr<UpstreamPool> pool;
  auto send = [&](std::uint64_t attempt) {
    auto query = foreign_query("a.example");
    pool->send(attempt, make_upstream_query(query, query.name(), 7), UpstreamWay::kUdp, 0);
  };
  on_loop([&] {
    pool = std::make_unique<UpstreamPool>(
        loop_, upstream.endpoint(), kPatience,
        [&](UpstreamPool::Ended ended) { ends[ended.attempt].set_value(std::move(ended)); });
    send(0);
  });
  EXPECT_TRUE(end_of(0).answered);
  EXPECT_EQ(upstream.queries(), 2);  // with OPT, and again without
  knows_edns = true;
  on_loop([&] {
    pool->renew(UpstreamWay::kUdp);
    send(1);
  });
  auto large = parse_reply(end_of(1).reply);
  EXPECT_TRUE(large && large->answers.size() == 60);
  EXPECT_EQ(over_tcp, 0);
  on_loop([&] { pool.reset(); });
}

// Descriptors: every socket that c-ares opened is closed, in whatever order things end: worn out
// and replaced, with and without queries in flight, after TCP, refused, and in the midst of it.
TEST_F(ThroughCAres, NoDescriptorIsLost) {
  constexpr int kPorts = UpstreamSockets::kPorts;
  constexpr std::uint16_t kCut = 1, kGone = 2, kSilence = 3;
  auto before = open_descriptors();
  {
    // With OPT, so that there are channels of one way only.
    Upstream answering(
        [](const std::string& query, bool) { return with_opt(reply_to(query, 0x8180, {})); });
    Upstream cutting([](const std::string& query, bool tcp) {
      return tcp ? reply_to(query, 0x8180, {a_record(1)}) : reply_to(query, 0x8380, {});
    });
    Upstream silent(kSilent);
    forward_to(
        {answering.endpoint(), cutting.endpoint(), {*parse_ip("::1"), 9}, silent.endpoint()});
    auto idle = open_descriptors();
    // What forty channels are good for, of which sixteen are in use: the others are worn out.
    constexpr int kNeeded = 40;
    constexpr int kQuestions = kNeeded * UpstreamSockets::kQueriesPerPort;
    ask_many(kQuestions);
    EXPECT_GE(sends(), kQuestions);
    EXPECT_GE(channels_made(), kNeeded);
    auto seen = answering.ports();
    // The kernel may draw a port twice.
    EXPECT_GE(std::set(seen.begin(), seen.end()).size(), std::size_t{kNeeded} - 3);
    EXPECT_TRUE(comes_true([&] { return channels_made() - channels_destroyed() == kPorts; }));
    EXPECT_EQ(open_descriptors(), idle + kPorts);  // of those that are not worn

    // One by one: the one serves one stream at a time, and of two that the other refuses on one
    // socket c-ares may learn of one only.
    for (int i = 0; i < 20; ++i) {
      EXPECT_EQ(ask(names("n", 1), kCut).at(0).answers.size(), 1U);
      EXPECT_EQ(ask(names("n", 1), kGone).at(0).rcode, 2);
    }
    submit(names("n", 20), kSilence, [](const std::string&) {});
    EXPECT_TRUE(comes_true([&] { return silent.queries() >= 20; }));
    stop();
    EXPECT_EQ(channels_destroyed(), channels_made());
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace sixpn::dns::testing
