// A thousand Relays in virtual time: does every host get every message, how soon, in how many
// copies, with loss, and with members that do not know all the others. Delays are those of 19
// places on the globe. No Gossip, no signatures: the whole protocol runs in tests/sim.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <map>
#include <queue>

#include "registry/core/relay.h"

namespace sixpn::registry {
namespace {

using namespace std::chrono_literals;

struct Place {
  const char* region;
  double latitude, longitude;
};
constexpr std::array kPlaces = {
    Place{"ams", 52, 5},    Place{"arn", 60, 18},  Place{"bom", 19, 73},   Place{"cdg", 49, 3},
    Place{"dfw", 33, -97},  Place{"ewr", 41, -74}, Place{"fra", 50, 9},    Place{"gru", -23, -46},
    Place{"iad", 39, -77},  Place{"jnb", -26, 28}, Place{"lax", 34, -118}, Place{"lhr", 51, 0},
    Place{"nrt", 36, 140},  Place{"ord", 42, -88}, Place{"sea", 47, -122}, Place{"sin", 1, 104},
    Place{"syd", -34, 151}, Place{"waw", 52, 21},  Place{"yyz", 44, -80}};

// One way: great circle (haversine) at two thirds of the speed of light and a third of detour.
Duration delay_between(const Place& a, const Place& b) {
  constexpr double kRadians = 3.14159265358979 / 180;
  double dlat = (b.latitude - a.latitude) * kRadians / 2;
  double dlon = (b.longitude - a.longitude) * kRadians / 2;
  double h = std::pow(std::sin(dlat), 2) + std::cos(a.latitude * kRadians) *
                                               std::cos(b.latitude * kRadians) *
                                               std::pow(std::sin(dlon), 2);
  double km = 2 * 6371 * std::asin(std::sqrt(h));
  return Duration(static_cast<Duration::rep>(250 + km / 200'000 * 1.33 * 1e6));
}

struct Outcome {
  double delivered = 0;        // share of (message, host) pairs, by push alone
  double copies = 0;           // per delivery, repetitions included
  std::vector<Duration> last;  // of messages that reached everybody: when the last host had it
};

struct World {
  std::size_t hosts = 1000;
  double loss = 0;
  double unknown = 0;      // share of members that a host does not know
  std::size_t silent = 0;  // hosts that are gone without anybody's knowing
  std::uint64_t seed = 1;
};

class Simulation {
 public:
  explicit Simulation(World world) : world_(world), rng_(world.seed) {
    for (std::size_t i = 0; i < world.hosts; ++i) relays_.emplace_back(id(i), rng_);
    for (std::size_t i = 0; i < world.hosts; ++i) {
      std::vector<RelayMember> members;
      for (std::size_t j = 0; j < world.hosts; ++j)
        if (i == j || !rng_.chance(world.unknown)) members.push_back({id(j), place(j).region});
      relays_[i].set_members(std::move(members), place(i).region);
    }
  }

  Outcome run(std::size_t warm_up, std::size_t messages) {
    Outcome outcome;
    for (std::size_t m = 0; m < warm_up + messages; ++m) {
      if (m == warm_up) sent_ = received_ = 0;
      auto last = spread(m);
      if (m >= warm_up && last) outcome.last.push_back(*last);
    }
    auto wanted = static_cast<double>(messages * (world_.hosts - 1 - world_.silent));
    outcome.delivered = static_cast<double>(received_) / wanted;
    outcome.copies = static_cast<double>(sent_) / static_cast<double>(received_);
    return outcome;
  }

 private:
  struct Event {
    Instant when;
    std::uint64_t order;
    std::function<void()> action;
    bool operator<(const Event& other) const {
      return std::tie(when, order) > std::tie(other.when, other.order);
    }
  };

  static HostId id(std::size_t i) { return HostId{static_cast<std::uint32_t>(0x10000 + i)}; }
  static std::size_t index(HostId host) { return host.value - 0x10000; }
  static const Place& place(std::size_t i) { return kPlaces[i % kPlaces.size()]; }
  [[nodiscard]] bool is_silent(std::size_t i) const { return i >= world_.hosts - world_.silent; }
  [[nodiscard]] Now now() const {
    auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now_.time_since_epoch());
    return {now_, from_unix_ms(1'800'000'000'000) + ms};
  }

  // One message from a random origin; when the last host had it, if all had.
  std::optional<Duration> spread(std::size_t message) {
    now_ += 2s;
    Instant begin = now_;
    has_.assign(world_.hosts, false);
    auto origin = static_cast<std::size_t>(rng_.below(world_.hosts - world_.silent));
    has_[origin] = true;
    auto record = std::make_shared<SignedRecord>();
    record->wire_size = 320;
    record->digest[0] = static_cast<std::uint8_t>(message);
    record->digest[1] = static_cast<std::uint8_t>(message >> 8);
    relays_[origin].originate(now_, record, true);
    last_ = begin;
    std::size_t before = received_;
    perform(origin);
    while (!events_.empty()) {
      auto event = events_.top();
      events_.pop();
      now_ = event.when;
      event.action();
    }
    if (received_ - before < world_.hosts - 1 - world_.silent) return std::nullopt;
    return last_ - begin;
  }

  void after(Duration delay, std::function<void()> action) {
    events_.push({now_ + delay, ++order_, std::move(action)});
  }

  void transmit(std::size_t from, std::size_t to, std::function<void()> arrive) {
    Duration jitter{static_cast<Duration::rep>(rng_.below(500))};
    if (!rng_.chance(world_.loss) && !is_silent(to))
      after(delay_between(place(from), place(to)) + jitter, std::move(arrive));
  }

  void perform(std::size_t host) {
    Relay::Output out;
    relays_[host].send_due(now(), out);
    perform(host, out);
  }

  void perform(std::size_t host, const Relay::Output& out) {
    for (const auto& sending : out.sendings)
      for (HostId to : sending.to) {
        if (sending.header.heads.empty()) ++sent_;
        transmit(host, index(to),
                 [this, host, to, header = sending.header, content = sending.content] {
                   receive(host, index(to), header, *content);
                 });
      }
    for (HostId to : out.acks) {
      auto acks = relays_[host].take_acks(to, kMaxAcksPerDatagram);
      transmit(host, index(to),
               [this, host, to, acks] { relays_[index(to)].on_acks(now_, id(host), acks); });
    }
    arm(host);
  }

  void arm(std::size_t host) {
    Instant wake = relays_[host].next_wake();
    if (wake >= armed_[host]) return;
    armed_[host] = wake;
    after(wake - now_, [this, host] { wake_up(host); });
  }

  void wake_up(std::size_t host) {
    if (armed_[host] != now_) return;  // an earlier one was armed meanwhile
    armed_[host] = kNever;
    relays_[host].next_wake() <= now_ ? perform(host) : arm(host);
  }

  void receive(std::size_t from, std::size_t to, const PushHeader& header,
               const PushContent& content) {
    if (!header.heads.empty() && !has_[to])
      return transmit(to, from, [this, from, to, sequence = header.sequence] {
        Relay::Output out;
        relays_[from].on_again(now_, id(to), {sequence}, out);
        perform(from, out);
      });
    relays_[to].on_push(now_, id(from), header.sequence);
    if (!has_[to]) {
      has_[to] = true;
      ++received_;
      last_ = std::max(last_, now_);
      relays_[to].pass_on(now_, id(from), header, content.records[0], true);
    } else {
      relays_[to].pass_on_again(now_, id(from), header, Relay::item_of(*content.records[0]));
    }
    perform(to);
  }

  World world_;
  Rng rng_;
  std::vector<Relay> relays_;
  std::vector<bool> has_;
  std::vector<Instant> armed_ = std::vector<Instant>(world_.hosts, kNever);
  std::priority_queue<Event> events_;
  Instant now_{100s};
  Instant last_{};
  std::uint64_t order_ = 0;
  std::size_t sent_ = 0;
  std::size_t received_ = 0;
};

Duration quantile(std::vector<Duration> of, double share) {
  if (of.empty()) return Duration::max();
  std::sort(of.begin(), of.end());
  return of[static_cast<std::size_t>(share * static_cast<double>(of.size() - 1))];
}

void report(const char* what, const Outcome& outcome) {
  std::printf(
      "%s: delivered %.4f %%, copies %.2f, last host p50 %.0f ms, p99 %.0f ms (%zu whole)\n", what,
      100 * outcome.delivered, outcome.copies,
      static_cast<double>(quantile(outcome.last, 0.5).count()) / 1000,
      static_cast<double>(quantile(outcome.last, 0.99).count()) / 1000, outcome.last.size());
}

TEST(RelaySimulation, WithoutLossEverybodyHasItInTimeInLittleMoreThanTwoCopies) {
  auto outcome = Simulation({}).run(40, 60);
  report("no loss", outcome);
  EXPECT_EQ(outcome.last.size(), 60U);
  EXPECT_LE(outcome.copies, 2.5);
  EXPECT_LE(quantile(outcome.last, 0.99), 150ms);
}

TEST(RelaySimulation, FivePercentLoss) {
  auto outcome = Simulation({.loss = 0.05}).run(60, 100);
  report("5 % loss", outcome);
  EXPECT_EQ(outcome.last.size(), 100U);
  EXPECT_LE(outcome.copies, 2.8);
  EXPECT_LE(quantile(outcome.last, 0.99), 150ms);
}

// Regions of five: siblings instead of trees.
TEST(RelaySimulation, AHundredHosts) {
  auto outcome = Simulation({.hosts = 100, .loss = 0.05}).run(60, 300);
  report("100 hosts, 5 % loss", outcome);
  EXPECT_EQ(outcome.last.size(), 300U);
  EXPECT_LE(outcome.copies, 2.8);
  EXPECT_LE(quantile(outcome.last, 0.99), 150ms);
}

TEST(RelaySimulation, FivePercentLossAndThreePercentOfTheMembersUnknown) {
  auto outcome = Simulation({.loss = 0.05, .unknown = 0.03}).run(60, 60);
  report("5 % loss, 3 % unknown", outcome);
  EXPECT_GE(outcome.delivered, 0.998);  // the rest is repair's
  EXPECT_LE(outcome.copies, 2.8);
}

TEST(RelaySimulation, TwentyHostsAreGoneAndNobodyKnows) {
  auto outcome = Simulation({.loss = 0.05, .silent = 20}).run(60, 60);
  report("5 % loss, 20 silent", outcome);
  EXPECT_GE(outcome.delivered, 0.9999);
  EXPECT_LE(outcome.copies, 3.2);
}

TEST(RelaySimulation, TheSameSeedGivesTheSameRun) {
  auto run = [] { return Simulation({.hosts = 200, .loss = 0.1}).run(0, 5); };
  auto first = run();
  auto second = run();
  EXPECT_EQ(first.last, second.last);
  EXPECT_EQ(first.copies, second.copies);
}

}  // namespace
}  // namespace sixpn::registry
