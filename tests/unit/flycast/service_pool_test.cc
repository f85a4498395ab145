#include "flycast/core/service_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Instant kStart{seconds(1000)};

Candidate candidate(std::uint64_t n, std::string region, Duration round_trip) {
  Candidate made;
  made.machine = MachineId{n};
  made.host = HostId{static_cast<std::uint32_t>(0x10001 + n)};
  made.region = std::move(region);
  made.round_trip = round_trip;
  return made;
}

struct Pool {
  LoadView loads;
  ServicePool pool;
  HostId self{1};
  void assign(std::vector<Candidate> candidates, Instant now = kStart) {
    pool.assign(std::move(candidates), {self, "iad"}, 8080, loads, now);
  }
  [[nodiscard]] std::vector<std::string> order() const {
    std::vector<std::string> regions;
    for (const auto& tier : pool.tiers()) regions.emplace_back(tier.region);
    return regions;
  }
};

using Order = std::vector<std::string>;

TEST(ServicePool, ARegionKeepsItsPlaceForSmallDifferences) {
  Pool pool;
  auto at = [&](int fra, int nrt) {
    pool.assign({candidate(1, "fra", milliseconds(fra)), candidate(2, "nrt", milliseconds(nrt)),
                 candidate(3, "iad", milliseconds(1))});
    return pool.order();
  };
  EXPECT_EQ(at(100, 102), (Order{"iad", "fra", "nrt"}));
  EXPECT_EQ(at(104, 101), (Order{"iad", "fra", "nrt"})) << "within a tenth of what placed them";
  EXPECT_EQ(at(120, 101), (Order{"iad", "nrt", "fra"}));
  EXPECT_EQ(at(113, 108), (Order{"iad", "nrt", "fra"})) << "and keeps that one";
}

TEST(ServicePool, WhoJoinsLaterIsKnownAsNew) {
  Pool pool;
  pool.assign({candidate(1, "iad", milliseconds(1))});
  EXPECT_EQ(pool.pool.members()[0].joined, Instant::min()) << "was there before this proxy looked";
  pool.loads.entry({MachineId{2}, 8080}, kStart)->on_success(seconds(5), kStart);
  Instant later = kStart + seconds(60);
  pool.assign({candidate(1, "iad", milliseconds(1)), candidate(2, "iad", milliseconds(1))}, later);
  EXPECT_EQ(pool.pool.members()[1].joined, later);
  EXPECT_FALSE(pool.pool.members()[1].load->latency().raw()) << "it is another process now";
  pool.assign({candidate(1, "iad", milliseconds(1)), candidate(2, "iad", milliseconds(1))},
              later + seconds(1));
  EXPECT_EQ(pool.pool.members()[1].joined, later);
}

std::vector<Candidate> many(std::uint64_t machines) {
  std::vector<Candidate> all;
  for (std::uint64_t n = 0; n < machines; ++n) all.push_back(candidate(n, "iad", milliseconds(1)));
  return all;
}

std::set<std::uint64_t> preferred(const ServicePool& pool) {
  std::set<std::uint64_t> machines;
  const auto& tier = pool.tiers()[0];
  for (std::size_t i = tier.begin; i < tier.preferred; ++i)
    machines.insert(pool.members()[i].candidate.machine.value);
  return machines;
}

TEST(ServicePool, ASubsetAboveSixtyFourMachines) {
  Pool pool;
  pool.assign(many(64));
  EXPECT_EQ(preferred(pool.pool).size(), 64u);
  pool.assign(many(65));
  EXPECT_EQ(preferred(pool.pool).size(), 32u);
  EXPECT_EQ(pool.pool.members().size(), 65u) << "the others are there when those are full";
}

TEST(ServicePool, SubsetsAreStableAndDifferByProxy) {
  Pool one;
  one.assign(many(200));
  auto before = preferred(one.pool);
  auto fewer = many(200);
  std::uint64_t gone = *before.begin();
  fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(gone));
  one.assign(fewer);
  auto after = preferred(one.pool);
  std::vector<std::uint64_t> kept;
  std::set_intersection(before.begin(), before.end(), after.begin(), after.end(),
                        std::back_inserter(kept));
  EXPECT_EQ(kept.size(), 31u) << "one that goes is replaced by one";
  Pool two;
  two.self = HostId{2};
  two.assign(many(200));
  EXPECT_NE(preferred(two.pool), before);
}

// 100 proxies of 200 machines: each machine is in the subset of 16 of them, give or take.
TEST(ServicePool, SubsetsCoverAllMachines) {
  std::vector<int> proxies_of(200);
  for (std::uint32_t proxy = 1; proxy <= 100; ++proxy) {
    Pool pool;
    pool.self = HostId{0x10000 + proxy};
    pool.assign(many(200));
    for (std::uint64_t machine : preferred(pool.pool)) ++proxies_of[machine];
  }
  EXPECT_GE(*std::min_element(proxies_of.begin(), proxies_of.end()), 4);
  EXPECT_LE(*std::max_element(proxies_of.begin(), proxies_of.end()), 32);
}

TEST(PoolTable, BuildsOncePerSnapshot) {
  TestCluster cluster;
  cluster.add_host(1, "iad", Duration::zero());
  cluster.add_machine(1, 1);
  PoolTable pools;
  LoadView loads;
  ServiceTable table(cluster.snapshot(1));
  auto pool = [&]() -> ServicePool& {
    auto route = std::get<Route>(table.route(kNetwork, kDialled));
    return pools.pool(table, route, {host(1), "iad"}, loads, kStart);
  };
  const auto* member = &pool().members()[0];
  EXPECT_EQ(&pool().members()[0], member);
  EXPECT_EQ(pools.size(), 1u);
  cluster.add_machine(2, 1);
  table = ServiceTable(cluster.snapshot(1));
  EXPECT_EQ(pool().members().size(), 2u);
  EXPECT_EQ(pool().members()[1].joined, kStart);
}

}  // namespace
}  // namespace sixpn::flycast
