// Membership in whole clusters: who learns whose words, and what liars can do to the living.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry/core/claim.h"
#include "registry/core/gossip_codec.h"
#include "tests/sim/simulator.h"
#include "tests/sim/uses.h"

namespace sixpn::sim {
namespace {

using registry::Claim;
using registry::MemberUpdate;

// Of all pairs of hosts, how many know the other's signed word.
double share_of_words_known(const Simulator& sim) {
  std::size_t known = 0;
  for (unsigned host = 0; host < sim.hosts(); ++host)
    for (unsigned other = 0; other < sim.hosts(); ++other)
      if (host != other && sim.gossip(host).membership().has_claim(sim.identity(other).id)) ++known;
  return static_cast<double>(known) / (sim.hosts() * (sim.hosts() - 1.0));
}

// Else a host would ask for them one by one, three a second.
TEST(MembershipSimulation, TheFirstWordsOfAllReachAll) {
  Simulator sim({.seed = seed_from_environment(1),
                 .hosts = 100,
                 .network = {.loss = 0.05, .geographic = true},
                 .warm = true,
                 .check_every = 100'000});
  sim.start_all();
  sim.run_for(2s);
  EXPECT_GT(share_of_words_known(sim), 0.98) << sim.replay_hint();
}

// Who starts with an empty disk knows nobody to tell at its start.
TEST(MembershipSimulation, ANewcomersWordsReachAllOnceItKnowsThem) {
  Simulator sim({.seed = seed_from_environment(1),
                 .hosts = 100,
                 .network = {.geographic = true},
                 .warm = true,
                 .check_every = 100'000});
  sim.start_all();
  sim.run_for(5s);
  sim.crash(7);
  sim.lose_disk(7);
  sim.run_for(10s);
  sim.restart(7);
  sim.knock(7, 0);
  HostId newcomer = sim.identity(7).id;
  auto all_know = [&] {
    for (unsigned host = 0; host < sim.hosts(); ++host)
      if (host != 7 && !sim.gossip(host).membership().has_claim(newcomer)) return false;
    return sim.gossip(7).membership().size() + 1 == sim.hosts();
  };
  EXPECT_TRUE(sim.run_until(all_know, 5s, 10ms)) << sim.replay_hint();
}

// A firewall on one host drops its gossip's UDP. It hears by TCP that it is taken for dead, and
// lives again; and what is written there reaches all, and what others write reaches it.
TEST(MembershipSimulation, AHostWithoutUdpComesBackAndIsInStepByTcp) {
  Simulator sim({.seed = seed_from_environment(1), .hosts = 40, .network = {.geographic = true}});
  constexpr unsigned kDeaf = 7;
  sim.start_all();
  ASSERT_TRUE(sim.run_until([&] { return sim.converged(); }, 60s, 10ms)) << sim.replay_hint();
  sim.partition([](unsigned host) { return host == kDeaf ? 1 : 0; });
  auto all_miss = [&] { return sim.all_believe(kDeaf, HostStatus::kDown); };
  ASSERT_TRUE(sim.run_until(all_miss, 30s, 10ms)) << sim.replay_hint();
  sim.heal();
  sim.block_datagrams(kDeaf);

  // It takes the others for dead by now, each by itself, and asks one after the other.
  auto all_live = [&] {
    for (unsigned host = 0; host < sim.hosts(); ++host)
      if (!sim.all_believe(host, HostStatus::kAlive)) return false;
    return true;
  };
  auto back = sim.run_until([&] { return sim.all_believe(kDeaf, HostStatus::kAlive); }, 20s, 10ms);
  EXPECT_TRUE(back) << sim.replay_hint();
  EXPECT_TRUE(sim.run_until(all_live, 120s, 10ms)) << sim.replay_hint();
  ASSERT_TRUE(sim.write(kDeaf, machine_write(sim, kDeaf, 1, MachineState::kStarted)));
  ASSERT_TRUE(sim.write(3, machine_write(sim, 3, 1, MachineState::kStarted)));
  auto told = sim.run_until([&] { return sim.converged(); }, 60s, 10ms);
  EXPECT_TRUE(told) << sim.replay_hint();
  auto downs = sim.total_counters().downs;
  sim.run_for(300s);
  EXPECT_EQ(sim.total_counters().downs, downs) << sim.replay_hint();
  std::printf("back after %.1f s, records after %.1f s\n",
              back ? static_cast<double>(back->count()) / 1e6 : -1,
              told ? static_cast<double>(told->count()) / 1e6 : -1);
}

// Members that agree to accuse host 0, in every way that their keys can sign, all the time.
class Colluders {
 public:
  Colluders(Simulator& sim, unsigned count) : sim_(sim), count_(count) {
    sim.watch_deaths([this](unsigned, const registry::Membership::Death& death) {
      if (death.host == sim_.identity(0).id) ++deaths_;
    });
  }

  void run(Duration time) {
    for (Duration spent{}; spent < time; spent += 200ms) {
      accuse(sim_.gossip(0).membership().incarnation());
      sim_.run_for(200ms);
    }
  }
  // They leave, so that they do not count among those who could accuse.
  void leave() {
    for (unsigned liar = 1; liar <= count_; ++liar) {
      MemberUpdate word{id(liar), HostStatus::kLeft, (std::uint64_t{1} << 62) - 1, id(liar), {},
                        {}};
      word.signature = sign(HostStatus::kLeft, liar, word.incarnation, liar);
      tell_all(liar, {word});
    }
  }
  [[nodiscard]] int deaths() const { return deaths_; }

 private:
  [[nodiscard]] HostId id(unsigned host) const { return sim_.identity(host).id; }
  [[nodiscard]] Signature sign(HostStatus what, unsigned about, std::uint64_t incarnation,
                               unsigned by) const {
    return registry::sign_claim({what, id(about), incarnation, id(by)}, sim_.identity(by).key);
  }

  // One by one, and as a proof of a death.
  void accuse(std::uint64_t incarnation) {
    std::vector<MemberUpdate> lies;
    MemberUpdate proof{id(0), HostStatus::kDown, incarnation, {}, {}, {}};
    for (unsigned liar = 1; liar <= count_; ++liar) {
      auto signature = sign(HostStatus::kSuspected, 0, incarnation, liar);
      lies.push_back({id(0), HostStatus::kSuspected, incarnation, id(liar), signature, {}});
      proof.accusers.push_back({id(liar), signature});
    }
    lies.push_back(proof);
    for (unsigned liar = 1; liar <= count_; ++liar) tell_all(liar, lies);
  }

  // All but the victim, so that it hears of it as late as can be.
  void tell_all(unsigned from, const std::vector<MemberUpdate>& lies) {
    registry::GossipDatagram datagram;
    datagram.incarnation = sim_.gossip(from).membership().incarnation();
    datagram.updates = lies;
    auto bytes = registry::encode_datagram(datagram);
    for (unsigned to = 1; to < sim_.hosts(); ++to)
      if (to != from) sim_.inject(from, to, bytes);
  }

  Simulator& sim_;
  unsigned count_;
  int deaths_ = 0;
};

class Collusion : public testing::TestWithParam<unsigned> {};

SimOptions cluster_of(unsigned hosts) {
  return {.seed = seed_from_environment(hosts),
          .hosts = hosts,
          .network = {.loss = 0.05, .geographic = true},
          .warm = true,
          .check_every = 100};
}

TEST_P(Collusion, TwoLiarsKillNobody) {
  Simulator sim(cluster_of(GetParam()));
  sim.start_all();
  sim.run_for(5s);
  Colluders two(sim, 2);
  two.run(60s);
  EXPECT_EQ(two.deaths(), 0) << sim.replay_hint();
  sim.run_for(10s);
  EXPECT_TRUE(sim.all_believe(0, HostStatus::kAlive)) << sim.replay_hint();
}

TEST_P(Collusion, TwoLiarsThatLeaveFirstKillNobody) {
  Simulator sim(cluster_of(GetParam()));
  sim.start_all();
  sim.run_for(5s);
  Colluders two(sim, 2);
  two.leave();
  sim.run_for(1s);
  two.run(60s);
  EXPECT_EQ(two.deaths(), 0) << sim.replay_hint();
}

INSTANTIATE_TEST_SUITE_P(Sizes, Collusion, testing::Values(4U, 5U, 9U, 20U, 60U));

// What three can do, and that it ends with them.
TEST(MembershipSimulation, ThreeLiarsKillForAsLongAsTheyLie) {
  Simulator sim(cluster_of(20));
  sim.start_all();
  sim.run_for(5s);
  Colluders three(sim, 3);
  three.run(60s);
  RecordProperty("beliefs", three.deaths());
  EXPECT_TRUE(sim.run_until([&] { return sim.all_believe(0, HostStatus::kAlive); }, 30s))
      << sim.replay_hint();
}

}  // namespace
}  // namespace sixpn::sim
