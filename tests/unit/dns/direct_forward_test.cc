// Questions that workers ask upstream themselves: late, forged, lost and unwanted replies, budgets
// and joining across workers.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

#include "base/io/clock.h"
#include "base/io/run_on.h"
#include "base/io/sockaddr.h"
#include "dns/io/direct_sockets.h"
#include "dns/io/sockets.h"
#include "dns/io/upstream_sockets.h"
#include "forwarding_fixture.h"

namespace sixpn::dns::testing {
namespace {

// An upstream that may answer whom, when and as often as it likes: `on_query` is called with each
// query on its own thread, and sends.
class Scripted {
 public:
  struct Query {
    std::string bytes;
    sockaddr_in6 from{};
  };
  using OnQuery = std::function<void(Scripted&, const Query&)>;

  explicit Scripted(OnQuery on_query, const std::string& ip = "::1")
      : on_query_(std::move(on_query)), socket_(std::move(*bind_udp({*parse_ip(ip), 0}))) {
    thread_ = std::thread([this] { run(); });
  }
  ~Scripted() {
    ended_ = true;
    thread_.join();
  }
  Scripted(const Scripted&) = delete;
  Scripted& operator=(const Scripted&) = delete;

  void send(const Query& to, const std::string& bytes) const { send_from(socket_, to, bytes); }
  static void send_from(const Fd& socket, const Query& to, const std::string& bytes) {
    sendto(socket.get(), bytes.data(), bytes.size(), 0, reinterpret_cast<const sockaddr*>(&to.from),
           sizeof to.from);
  }
  [[nodiscard]] IpEndpoint endpoint() const { return local_endpoint(socket_); }
  [[nodiscard]] int queries() const { return queries_; }

 private:
  void run() {
    while (!ended_) {
      pollfd ready{socket_.get(), POLLIN, 0};
      if (poll(&ready, 1, 10) <= 0) continue;
      Query query{std::string(65536, '\0'), {}};
      socklen_t size = sizeof query.from;
      auto got = recvfrom(socket_.get(), query.bytes.data(), query.bytes.size(), 0,
                          reinterpret_cast<sockaddr*>(&query.from), &size);
      if (got <= 0) continue;
      query.bytes.resize(static_cast<std::size_t>(got));
      ++queries_;
      on_query_(*this, query);
    }
  }

  OnQuery on_query_;
  Fd socket_;
  std::atomic<bool> ended_{false};
  std::atomic<int> queries_{0};
  std::thread thread_;
};

std::string good(const std::string& query, char last = 1) {
  return reply_to(query, 0x8180, {a_record(last, 0)});
}

class Direct : public Forwarding {
 protected:
  void start_on(const std::vector<IpEndpoint>& upstreams, std::size_t threads,
                ForwardLimits limits = quiet()) {
    auto chosen = options();
    chosen.upstreams = upstreams;
    chosen.forward = limits;
    chosen.threads = threads;
    start(chosen);
  }
};

// What somebody sends who does not see our queries: another id, another question, another address,
// no reply at all. The true reply still counts.
TEST_F(Direct, ForgedRepliesAreNotBelieved) {
  auto elsewhere = std::move(*bind_udp({*parse_ip6("::1"), 0}));
  Scripted upstream([&](Scripted& self, const Scripted::Query& query) {
    auto forged = good(query.bytes, 66);
    Scripted::send_from(elsewhere, query, forged);
    for (int wrong = 1; wrong < 40; ++wrong) {
      forged[1] = static_cast<char>(query.bytes[1] + wrong);
      self.send(query, forged);
    }
    auto other = encode({.name = "evil.example", .type = kTypeA});
    self.send(query, good(query.bytes.substr(0, 2) + other.substr(2), 66));
    self.send(query, query.bytes);
    self.send(query, query.bytes.substr(0, 7));
    self.send(query, good(query.bytes, 1));
  });
  start_on({upstream.endpoint()}, 1);
  auto reply = ask({.name = "www.example", .type = kTypeA});
  EXPECT_EQ(reply.answers, (std::vector<std::string>{"www.example. 0 IN A 192.0.2.1"}));
  EXPECT_GE(stats().forward_mismatched, 2U);  // more where patience ended meanwhile
}

TEST_F(Direct, AnUpstreamOfIpv4IsAskedAsAnyOther) {
  Scripted upstream([](Scripted& self, const auto& query) { self.send(query, good(query.bytes)); },
                    "127.0.0.1");
  ASSERT_TRUE(upstream.endpoint().ip.is_v4_mapped());
  start_on({upstream.endpoint()}, 1);
  for (const char* name : {"a.example", "b.example", "c.example"})
    EXPECT_EQ(ask({.name = name, .type = kTypeA}).answers.size(), 1U);
  auto now = stats();
  EXPECT_EQ(now.forward_tries, 3U);
  EXPECT_EQ(now.forward_answered, 3U);
  EXPECT_EQ(upstream.queries(), 3);
}

// The reply to the first try comes when the second was made, which gets none.
TEST_F(Direct, ALateReplyStillCounts) {
  std::vector<Scripted::Query> seen;
  Scripted upstream([&](Scripted& self, const Scripted::Query& query) {
    seen.push_back(query);
    if (seen.size() == 2) self.send(seen.front(), good(seen.front().bytes, 9));
  });
  start_on({upstream.endpoint()}, 1);
  auto reply = ask({.name = "late.example", .type = kTypeA});
  EXPECT_EQ(reply.answers, (std::vector<std::string>{"late.example. 0 IN A 192.0.2.9"}));
  auto now = stats();
  EXPECT_EQ(now.forwarded, 1U);
  EXPECT_EQ(now.forward_tries, 2U);
  EXPECT_EQ(now.forward_answered, 1U);
  EXPECT_EQ(now.forward_in_flight, 0U);
}

// An answer that may not be kept: who asks next asks anew, and does not wait for the first try,
// which nobody waits for any more.
TEST_F(Direct, AnEqualQuestionDoesNotWaitForALateTry) {
  Upstream silent(kSilent);
  Upstream working([](const std::string& query, bool) { return good(query); });
  start_on({silent.endpoint(), working.endpoint()}, 1);
  for (std::uint64_t times : {1U, 2U, 3U}) {
    EXPECT_EQ(ask({.name = "brief.example", .type = kTypeA}).answers.size(), 1U);
    EXPECT_EQ(stats().forwarded, times);
  }
  EXPECT_EQ(stats().forward_joined, 0U);
  EXPECT_EQ(stats().forward_in_flight, 0U);
}

// Over four workers and two networks, and the reply takes longer than the upstream's patience.
TEST_F(Direct, EqualQueriesOfAllWorkersWaitTogether) {
  constexpr std::uint16_t kClients = 64;
  std::atomic<bool> answering{false};
  Upstream upstream([&](const std::string& query, bool) {
    return answering ? std::optional(good(query)) : std::nullopt;
  });
  start_on({upstream.endpoint()}, 4);
  std::vector<UdpClient> clients;
  for (std::uint16_t id = 0; id < kClients; ++id) {
    clients.emplace_back(id % 2 == 0 ? six() : four());
    clients.back().send(encode({.name = "same.example", .type = kTypeA, .id = id}));
  }
  ASSERT_TRUE(eventually([](const Stats& now) { return now.forward_in_flight == kClients; }));
  ASSERT_TRUE(eventually([&](const Stats&) { return upstream.queries() >= 1; }));
  answering = true;  // for the second try
  for (std::uint16_t id = 0; id < kClients; ++id) {
    auto reply = clients[id].receive();
    ASSERT_TRUE(reply) << id;
    EXPECT_EQ(parse_reply(*reply)->id, id);
    EXPECT_EQ(parse_reply(*reply)->answers.size(), 1U);
  }
  auto now = stats();
  EXPECT_EQ(now.forwarded, 1U);
  EXPECT_EQ(now.forward_joined, kClients - 1U);
  EXPECT_EQ(now.forward_answered, kClients + 0U);
  EXPECT_EQ(now.forward_in_flight, 0U);
  EXPECT_LE(upstream.queries(), 3);
}

// One client whose sockets are spread over four workers has one budget.
TEST_F(Direct, BudgetsHoldAcrossWorkers) {
  Upstream upstream(kSilent);
  auto limits = quiet();
  limits.in_flight_per_client = 5;
  limits.deadline = 1s;
  start_on({upstream.endpoint()}, 4, limits);
  std::vector<UdpClient> clients;
  for (int i = 0; i < 40; ++i) {
    clients.emplace_back(six());
    clients.back().send(encode({.name = "n" + std::to_string(i) + ".example"}));
  }
  ASSERT_TRUE(eventually([](const Stats& now) { return now.forward_rejected == 35; }));
  EXPECT_LE(stats().forward_in_flight, 5U);
  for (auto& client : clients) EXPECT_EQ(parse_reply(client.receive().value())->rcode, 2);
  EXPECT_EQ(stats().forward_in_flight, 0U);
  EXPECT_EQ(stats().forward_failed, 5U);
}

// A code is no answer while there is another upstream.
TEST_F(Direct, AFailureLeadsToTheNext) {
  Upstream failing(always(0x8182, {}));
  Upstream working([](const std::string& query, bool) { return good(query); });
  start_on({failing.endpoint(), working.endpoint()}, 1);
  EXPECT_EQ(ask({.name = "a.example", .type = kTypeA}).answers.size(), 1U);
  EXPECT_GE(failing.queries(), 1);
  EXPECT_GE(working.queries(), 1);
  EXPECT_EQ(stats().forwarded, 1U);
}

TEST_F(Direct, TcpClientsAreServedToo) {
  Upstream upstream([](const std::string& query, bool) { return good(query); });
  start_on({upstream.endpoint()}, 1);
  TcpClient client(six());
  for (std::uint16_t id = 0; id < 20; ++id)
    client.send(encode({.name = "n" + std::to_string(id) + ".example", .type = kTypeA, .id = id}));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(parse_reply(client.receive().value())->answers.size(), 1U);
  EXPECT_EQ(stats().forward_answered, 20U);
}

// More than may be in flight of a stream comes in one piece: as it is told, it asks the rest, also
// the very question that is being told. Everybody is answered once, and nothing is left counted.
class DirectStream : public Direct {
 protected:
  // The upstream waits for `questions` of them before it answers.
  void ask_at_once(const std::vector<std::string>& names, std::size_t questions) {
    std::vector<Scripted::Query> held;
    Scripted upstream([&](Scripted& self, const Scripted::Query& query) {
      held.push_back(query);
      if (held.size() < questions) return;
      for (const auto& one : std::exchange(held, {})) self.send(one, good(one.bytes));
      questions = 0;
    });
    start_on({upstream.endpoint()}, 1);
    TcpClient client(six());
    std::string all;
    for (std::uint16_t id = 0; id < names.size(); ++id)
      all += behind_length(encode({.name = names[id] + ".example", .type = kTypeA, .id = id}));
    client.send_raw(all);
    std::set<std::uint16_t> answered;
    for (std::size_t i = 0; i < names.size(); ++i) {
      auto reply = client.receive();
      ASSERT_TRUE(reply) << "after " << i << " replies";
      auto parsed = parse_reply(*reply);
      ASSERT_EQ(parsed->answers.size(), 1U);
      EXPECT_TRUE(parsed->question.starts_with(names[parsed->id] + ".example. "));
      EXPECT_TRUE(answered.insert(parsed->id).second);
    }
    EXPECT_EQ(stats().forward_in_flight, 0U);
    EXPECT_EQ(stats().forward_answered, names.size());
  }
  static constexpr std::size_t kOutstanding = TcpLimits{}.outstanding;
};

TEST_F(DirectStream, TheSameQuestionOnceMoreThanMayBeInFlight) {
  ask_at_once(std::vector<std::string>(kOutstanding + 1, "same"), 1);
}

TEST_F(DirectStream, AQuestionThatIsJustBeingTold) {
  std::vector<std::string> names(3, "same");
  while (names.size() < kOutstanding) names.push_back("n" + std::to_string(names.size()));
  names.emplace_back("same");
  ask_at_once(names, kOutstanding - 2);
}

TEST_F(DirectStream, ManyOthers) {
  std::vector<std::string> names;
  while (names.size() < 5 * kOutstanding) names.push_back("n" + std::to_string(names.size()));
  ask_at_once(names, kOutstanding);
}

// One worker's sockets by themselves, on a loop of their own.
struct Sockets : ::testing::Test {
  EventLoop loop_{"direct"};
};

// Who sends what nobody asked for is read in parts, then its sockets are closed, and it is not
// asked from here for a while.
TEST_F(Sockets, AFloodIsReadInPartsAndThenNotAtAll) {
  constexpr DirectSockets::Token kQuestions = 400;
  constexpr int kNoise = 10;
  std::atomic<int> sent{0};
  Scripted flooding([&](Scripted& self, const Scripted::Query& query) {
    std::string noise(100, '\0');
    noise[0] = static_cast<char>(query.bytes[0] + 1);
    for (int i = 0; i < kNoise; ++i, ++sent) self.send(query, noise);
  });
  DirectSockets::Token lost = 0;
  std::uint64_t most = 0, before = 0;
  std::unique_ptr<DirectSockets> sockets;
  std::promise<void> gone;
  DirectSockets::Events events;
  events.on_reply = [](auto, auto) { return false; };
  events.on_lost = [&](auto, auto why) {
    EXPECT_EQ(why, DirectSockets::Lost::kFlooded);
    if (++lost == kQuestions) gone.set_value();
  };
  events.after_turn = [&] {
    most = std::max(most, sockets->strays() - std::exchange(before, sockets->strays()));
  };
  DirectSockets::Ticket ticket;
  std::string query = encode({.name = "a.example"});
  auto begun = monotonic_now();
  loop_.start_thread();
  run_on(loop_, [&] {
    sockets =
        std::make_unique<DirectSockets>(loop_, std::vector{flooding.endpoint()}, std::move(events));
    for (DirectSockets::Token token = 0; token < kQuestions; ++token)
      EXPECT_TRUE(sockets->send(0, query, token, begun, ticket));
    while (sent < kNoise * static_cast<int>(kQuestions)) std::this_thread::yield();
  });
  ASSERT_EQ(gone.get_future().wait_for(kPatience), std::future_status::ready);
  run_on(loop_, [&] {
    EXPECT_FALSE(sockets->send(0, query, 8, monotonic_now(), ticket));
    auto later = monotonic_now() + DirectSockets::kFloodPause;
    EXPECT_TRUE(sockets->send(0, query, 9, later, ticket));
    EXPECT_GT(most, 1U);
    EXPECT_LE(most, std::uint64_t{UpstreamSockets::kReadsPerTurn});
    EXPECT_LE(sockets->strays(), UpstreamSockets::kPorts * DirectSockets::kMostStrays * 5 / 4);
    sockets.reset();
  });
}

// Whoever asks for names whose servers are dead makes a good upstream reply too late: that is no
// flood.
TEST_F(Sockets, RepliesThatComeTooLateAreNoStrays) {
  constexpr DirectSockets::Token kQuestions = 200;
  std::vector<Scripted::Query> held;
  Scripted slow([&](Scripted& self, const Scripted::Query& query) {
    held.push_back(query);
    if (held.size() <= kQuestions) return;
    for (const auto& one : held) self.send(one, good(one.bytes));
  });
  std::promise<DirectSockets::Token> answered;
  DirectSockets::Events events;
  events.on_reply = [&](auto token, auto) {
    answered.set_value(token);
    return true;
  };
  events.on_lost = [](auto, auto) { ADD_FAILURE(); };
  events.after_turn = [] {};
  std::unique_ptr<DirectSockets> sockets;
  DirectSockets::Ticket ticket;
  std::string query = encode({.name = "a.example"});
  auto begun = monotonic_now();
  loop_.start_thread();
  run_on(loop_, [&] {
    sockets = std::make_unique<DirectSockets>(loop_, std::vector{slow.endpoint()}, events);
    for (DirectSockets::Token token = 0; token < kQuestions; ++token) {
      EXPECT_TRUE(sockets->send(0, query, token, begun, ticket));
      sockets->forget(ticket);
    }
    EXPECT_TRUE(sockets->send(0, query, kQuestions, begun, ticket));
  });
  auto last = answered.get_future();
  ASSERT_EQ(last.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(last.get(), kQuestions);
  run_on(loop_, [&] {
    EXPECT_EQ(sockets->strays(), 0U);
    sockets.reset();
  });
}

TEST_F(Sockets, AClosedPortIsTold) {
  std::promise<DirectSockets::Lost> lost;
  DirectSockets::Events events;
  events.on_reply = [](auto, auto) { return false; };
  events.on_lost = [&](auto, auto why) { lost.set_value(why); };
  events.after_turn = [] {};
  std::unique_ptr<DirectSockets> sockets;
  DirectSockets::Ticket ticket;
  std::string query = encode({.name = "a.example"});
  loop_.start_thread();
  run_on(loop_, [&] {
    std::vector<IpEndpoint> nobody{{*parse_ip("::1"), 9}};
    sockets = std::make_unique<DirectSockets>(loop_, nobody, std::move(events));
    EXPECT_TRUE(sockets->send(0, query, 1, monotonic_now(), ticket));
  });
  auto told = lost.get_future();
  ASSERT_EQ(told.wait_for(kPatience), std::future_status::ready);
  EXPECT_EQ(told.get(), DirectSockets::Lost::kFailed);
  run_on(loop_, [&] { sockets.reset(); });
}

}  // namespace
}  // namespace sixpn::dns::testing
