// Knock services over real UDP sockets on the loopback addresses.
#include "mesh/io/knock_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "base/io/clock.h"
#include "base/io/event_loop.h"
#include "base/io/run_on.h"
#include "base/rng.h"
#include "mesh/core/knock_gate.h"
#include "mesh/core/knocker.h"
#include "mesh/io/knock_socket.h"
#include "tests/unit/mesh/knock_fixture.h"

namespace sixpn::mesh {
namespace {

using std::chrono::hours;
using test::Cluster;
using test::EnrolledHost;
using test::knowing;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kDeadline{20};

// What a service reported to its agent.
struct Reports {
  std::vector<std::pair<SignedRecordPtr, IpEndpoint>> admitted;
  std::vector<std::pair<SignedRecordPtr, Ip6>> accepted;
  std::vector<std::string> refused;
};

// One host: its loop, service and reports. Waiting is on reports, never on time.
class Host {
 public:
  explicit Host(EnrolledHost who) : who_(std::move(who)), loop_(who_.record.name) {
    loop_.start_thread();
  }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  ~Host() {
    on_loop([this] { service_.reset(); });
    loop_.stop();
    loop_.join();
  }

  // Starts the service on a free port; `snapshot` null: none yet.
  Result<void> start(SnapshotPtr snapshot, std::vector<Seed> seeds, std::uint16_t port = 0) {
    who_.identity.seeds = std::move(seeds);
    Result<void> started;
    on_loop([&] {
      service_.emplace(loop_, who_.identity, callbacks(), port);
      if (snapshot) service_->set_snapshot(snapshot);
      started = service_->start();
    });
    return started;
  }

  void on_loop(const std::function<void()>& task) { run_on(loop_, task); }

  bool wait_until(const std::function<bool(const Reports&)>& holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kDeadline, [&] { return holds(reports_); });
  }
  Reports reports() {
    std::lock_guard lock(mutex_);
    return reports_;
  }

  KnockService& service() { return *service_; }
  const EnrolledHost& who() const { return who_; }
  std::uint16_t port() {
    std::uint16_t port = 0;
    on_loop([&] { port = service_->port(); });
    return port;
  }
  Seed seed(const std::string& ip = "::1") {
    return {who_.record.id, who_.record.wireguard_key, {}, {{*parse_ip(ip), port()}}};
  }
  bool wait_for_counters(const std::function<bool(const GateCounters&)>& holds) {
    for (auto start = monotonic_now(); monotonic_now() - start < kDeadline;
         std::this_thread::yield())
      if (holds(gate_counters())) return true;
    return false;
  }
  GateCounters gate_counters() {
    GateCounters counters;
    on_loop([&] { counters = service_->gate_counters(); });
    return counters;
  }

 private:
  void change(const std::function<void(Reports&)>& by) {
    std::lock_guard lock(mutex_);
    by(reports_);
    changed_.notify_all();
  }
  KnockCallbacks callbacks() {
    return {.on_admit =
                [this](SignedRecordPtr record, IpEndpoint from) {
                  change([&](Reports& r) { r.admitted.emplace_back(record, from); });
                },
            .own_record = [this] { return who_.signed_record; },
            .on_accepted =
                [this](SignedRecordPtr record, Ip6 self) {
                  change([&](Reports& r) { r.accepted.emplace_back(record, self); });
                },
            .on_refused =
                [this](const std::string& reason) {
                  change([&](Reports& r) { r.refused.push_back(reason); });
                }};
  }

  EnrolledHost who_;
  EventLoop loop_;
  std::optional<KnockService> service_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Reports reports_;
};

SnapshotPtr snapshot_of(const std::vector<EnrolledHost>& hosts) {
  return std::make_shared<const Snapshot>(knowing(hosts));
}

class KnockServiceTest : public testing::Test {
 protected:
  EnrolledHost enrol_host(const std::string& name, std::uint32_t id) {
    return cluster_.enrol_by(cluster_.invite(name, HostId(id), now_ + hours(24)), now_);
  }

  const WallTime now_ = wall_now();
  Cluster cluster_;
  Host a_{enrol_host("a", 0x10001)};
};

TEST_F(KnockServiceTest, AJoinerKnocksAtItsSeedsAndIsAccepted) {
  Host b(enrol_host("b", 0x20003));
  ASSERT_TRUE(a_.start(snapshot_of({a_.who()}), {}));
  ASSERT_TRUE(b.start(nullptr, {a_.seed()}));
  ASSERT_TRUE(b.wait_until([](const Reports& r) { return !r.accepted.empty(); }));
  ASSERT_TRUE(a_.wait_until([](const Reports& r) { return !r.admitted.empty(); }));
  EXPECT_EQ(a_.reports().admitted[0].first->wire(), b.who().signed_record->wire());
  EXPECT_EQ(a_.reports().admitted[0].second, (IpEndpoint{*parse_ip("::1"), b.port()}));
  EXPECT_EQ(b.reports().accepted[0].first->wire(), a_.who().signed_record->wire());
  EXPECT_EQ(b.reports().accepted[0].second, *parse_ip("::1"));
  EXPECT_TRUE(b.reports().refused.empty());
}

TEST_F(KnockServiceTest, KnocksOverIpv4Too) {
  Host b(enrol_host("b", 0x20003));
  ASSERT_TRUE(a_.start(snapshot_of({a_.who()}), {}));
  ASSERT_TRUE(b.start(nullptr, {a_.seed("127.0.0.1")}));
  ASSERT_TRUE(b.wait_until([](const Reports& r) { return !r.accepted.empty(); }));
  EXPECT_EQ(to_string(b.reports().accepted[0].second), "127.0.0.1");
}

TEST_F(KnockServiceTest, AnUnreachableSeedDoesNotStandInTheWay) {
  Host b(enrol_host("b", 0x20003));
  ASSERT_TRUE(a_.start(snapshot_of({a_.who()}), {}));
  Seed nobody{
      HostId(0x90000), {}, {}, {*parse_endpoint("[::1]:9"), *parse_endpoint("127.0.0.1:9")}};
  ASSERT_TRUE(b.start(nullptr, {nobody, a_.seed()}));
  EXPECT_TRUE(b.wait_until([](const Reports& r) { return !r.accepted.empty(); }));
}

TEST_F(KnockServiceTest, AnExpiredTokenIsRefusedWithTheReasonInBothLogs) {
  Token token = cluster_.invite("b", HostId(0x20003), now_ - hours(1));
  Host b(cluster_.enrol_by(token, now_ - hours(2)));
  testing::internal::CaptureStderr();
  ASSERT_TRUE(a_.start(snapshot_of({a_.who()}), {}));
  ASSERT_TRUE(b.start(nullptr, {a_.seed()}));
  bool refused = b.wait_until([](const Reports& r) { return !r.refused.empty(); });
  std::optional<std::string> last;
  b.on_loop([&] { last = b.service().last_refusal(); });
  const std::string log = testing::internal::GetCapturedStderr();
  ASSERT_TRUE(refused);
  const std::string reason = b.reports().refused[0];
  EXPECT_THAT(reason, HasSubstr("the invite of host b (00020003) expired at"));
  EXPECT_EQ(last, reason);
  EXPECT_THAT(log,
              HasSubstr("refused a knock from [::1]:" + std::to_string(b.port()) + ": " + reason));
  EXPECT_THAT(log,
              HasSubstr("[::1]:" + std::to_string(a_.port()) + " refuses this host: " + reason));
  EXPECT_TRUE(a_.reports().admitted.empty());
}

TEST_F(KnockServiceTest, AReusedTokenIsRefusedOnceTheFirstHostIsKnown) {
  Token token = cluster_.invite("b", HostId(0x20003), now_ + hours(24));
  Host first(cluster_.enrol_by(token, now_));
  Host second(cluster_.enrol_by(token, now_));
  ASSERT_TRUE(a_.start(snapshot_of({a_.who()}), {}));
  ASSERT_TRUE(first.start(nullptr, {a_.seed()}));
  ASSERT_TRUE(first.wait_until([](const Reports& r) { return !r.accepted.empty(); }));
  a_.on_loop([&] { a_.service().set_snapshot(snapshot_of({a_.who(), first.who()})); });
  ASSERT_TRUE(second.start(nullptr, {a_.seed()}));
  ASSERT_TRUE(second.wait_until([](const Reports& r) { return !r.refused.empty(); }));
  EXPECT_THAT(second.reports().refused[0],
              HasSubstr("the token was already used: host b (00020003)"));
  EXPECT_TRUE(second.reports().accepted.empty());
  EXPECT_EQ(a_.reports().admitted.size(), 1U);
}

TEST_F(KnockServiceTest, AHostOfAnotherClusterGetsNoAnswer) {
  Cluster other;
  auto stranger = other.enrol_by(other.invite("s", HostId(0x30004), now_ + hours(1)), now_);
  ASSERT_TRUE(a_.start(snapshot_of({a_.who()}), {}));
  auto socket = KnockSocket::open(0);
  ASSERT_TRUE(socket);
  const auto knock = encode_knock(other.knock_of(stranger, 1, now_), other.cluster_key).value();
  ASSERT_TRUE(socket->send({*parse_ip("::1"), a_.port()}, knock));
  EXPECT_TRUE(a_.wait_for_counters([](const GateCounters& c) { return c.wrong_mac == 1; }));
  EXPECT_FALSE(socket->receive());
  EXPECT_TRUE(a_.reports().admitted.empty());
}

TEST_F(KnockServiceTest, WithoutASnapshotNobodyIsJudged) {
  auto b = enrol_host("b", 0x20003);
  ASSERT_TRUE(a_.start(nullptr, {}));
  auto socket = KnockSocket::open(0);
  ASSERT_TRUE(socket);
  const IpEndpoint target{*parse_ip("::1"), a_.port()};
  auto knock = [&](std::uint64_t nonce) {
    return encode_knock(cluster_.knock_of(b, nonce, now_), cluster_.cluster_key).value();
  };
  ASSERT_TRUE(socket->send(target, knock(1)));
  ASSERT_TRUE(socket->send(target, "too short"));
  ASSERT_TRUE(a_.wait_for_counters([](const GateCounters& c) { return c.wrong_size == 1; }));
  EXPECT_FALSE(socket->receive());
  EXPECT_TRUE(a_.reports().admitted.empty());
  a_.on_loop([&] { a_.service().set_snapshot(snapshot_of({a_.who()})); });
  ASSERT_TRUE(socket->send(target, knock(2)));
  EXPECT_TRUE(a_.wait_until([](const Reports& r) { return r.admitted.size() == 1; }));
}

TEST_F(KnockServiceTest, KnownHostsAreKnockedAtWhenContactIsLostAndOneAtAnyTime) {
  Host b(enrol_host("b", 0x20003));
  ASSERT_TRUE(b.start(snapshot_of({b.who(), a_.who()}), {}));
  EnrolledHost known_b = b.who();
  known_b.record.endpoints = {{*parse_ip("::1"), 51820}};
  known_b.record.knock_port = b.port();
  ASSERT_TRUE(a_.start(nullptr, {}));
  a_.on_loop([&] {
    a_.service().set_connected(true);
    a_.service().set_snapshot(snapshot_of({a_.who(), known_b}));
    a_.service().knock(known_b.record);
  });
  ASSERT_TRUE(a_.wait_until([](const Reports& r) { return r.accepted.size() == 1; }));
  a_.on_loop([&] { a_.service().set_connected(false); });
  ASSERT_TRUE(a_.wait_until([](const Reports& r) { return r.accepted.size() == 2; }));
  a_.on_loop([&] { a_.service().knock_seeds(); });
  EXPECT_TRUE(a_.wait_until([](const Reports& r) { return r.accepted.size() == 3; }));
}

TEST_F(KnockServiceTest, GarbageOnThePortChangesNothing) {
  ASSERT_TRUE(a_.start(snapshot_of({a_.who()}), {}));
  auto attacker = KnockSocket::open(0);
  ASSERT_TRUE(attacker) << attacker.error().message;
  const IpEndpoint target{*parse_ip("::1"), a_.port()};
  const std::string valid =
      encode_knock(cluster_.knock_of(enrol_host("x", 0x70007), 1, now_), Secret::random()).value();
  Rng rng(5);
  for (int i = 0; i < 100; ++i) {
    std::string bytes(rng.below(2000), '\0');
    for (char& c : bytes) c = static_cast<char>(rng());
    ASSERT_TRUE(attacker->send(target, bytes));
    ASSERT_TRUE(attacker->send(target, valid.substr(0, rng.below(valid.size() + 1))));
    ASSERT_TRUE(attacker->send(target, valid));
  }
  Host b(enrol_host("b", 0x20003));
  ASSERT_TRUE(b.start(nullptr, {a_.seed()}));
  EXPECT_TRUE(b.wait_until([](const Reports& r) { return !r.accepted.empty(); }));
  auto counters = a_.gate_counters();
  EXPECT_GT(counters.wrong_mac, 0U);
  EXPECT_GT(counters.wrong_size, 0U);
  EXPECT_EQ(a_.reports().admitted.size(), 1U);
  EXPECT_FALSE(attacker->receive()) << "garbage was answered";
}

TEST_F(KnockServiceTest, ATakenPortIsAClearError) {
  ASSERT_TRUE(a_.start(nullptr, {}));
  Host b(enrol_host("b", 0x20003));
  auto started = b.start(nullptr, {}, a_.port());
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, AllOf(HasSubstr("UDP port " + std::to_string(a_.port())),
                                             HasSubstr("Address already in use")));
}

TEST(KnockSocketTest, AnswersComeFromTheAddressThatWasAsked) {
  auto server = KnockSocket::open(0);
  auto client = KnockSocket::open(0);
  ASSERT_TRUE(server && client);
  for (const char* ip : {"127.0.0.1", "127.0.0.2", "127.9.9.9", "::1"}) {
    const IpEndpoint asked{*parse_ip(ip), server->port()};
    ASSERT_TRUE(client->send(asked, "question"));
    // Loopback delivers within the system call.
    auto question = server->receive();
    ASSERT_TRUE(question) << ip;
    EXPECT_EQ(question->bytes, "question");
    ASSERT_TRUE(server->reply(*question, "answer")) << ip;
    auto answer = client->receive();
    ASSERT_TRUE(answer) << ip;
    EXPECT_EQ(answer->from, asked);
    EXPECT_EQ(answer->bytes, "answer");
  }
}

}  // namespace
}  // namespace sixpn::mesh
