// One Responder over a registry that keeps changing: what it compiled, rendered and remembered must
// never outlive the change. Beside it the long way, which remembers nothing.
#include "dns/core/responder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "both_ways.h"
#include "parsed_reply.h"
#include "tests/unit/edit_app.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

class Kept {
 public:
  Kept() : responder_(audience(), 7), out_(kMaxMessageBytes, '\0') {}

  ParsedReply ask(const QueryBytes& query, const Ip6& source = asker(),
                  Transport transport = Transport::kUdp) {
    auto handled = responder_.respond(encode(query), source, transport, out_.data());
    EXPECT_EQ(handled.fate, Fate::kReply) << query.name;
    auto reply = parse_reply(out_.substr(0, handled.size));
    EXPECT_TRUE(reply) << query.name;
    return reply.value_or(ParsedReply{});
  }
  void set(SnapshotPtr snapshot) { responder_.set_snapshot(std::move(snapshot)); }

 private:
  Responder responder_;
  std::string out_;
};

// The machine's record in all its places, replaced by a changed copy.
template <class Change>
void edit_machine(World& world, NetworkId network, MachineId id, Change change) {
  auto& names = world.network(network);
  auto copy = std::make_shared<MachineRecord>(*names.machines.at(id));
  names.machines_by_address.erase(copy->address);
  auto& machines = edit_app(names, copy->app).machines;
  std::erase_if(machines, [id](const auto& each) { return each->id == id; });
  change(*copy);
  names.machines[id] = copy;
  names.machines_by_address[copy->address] = copy;
  edit_app(names, copy->app).machines.push_back(copy);
}

const std::vector<std::pair<std::string, RrType>>& questions() {
  static const std::vector<std::pair<std::string, RrType>> kQuestions = {
      {"web.internal", kTypeAaaa},
      {"web.internal", kTypeA},
      {"fra.web.internal", kTypeAaaa},
      {"worker.process.web.internal", kTypeAaaa},
      {"top9.nearest.of.web.internal", kTypeAaaa},
      {"healthy.web.internal", kTypeAaaa},
      {"healthy.fra.web.internal", kTypeAaaa},
      {"role.kv._metadata.web.internal", kTypeAaaa},
      {"replica.role.kv._metadata.web.internal", kTypeAaaa},
      {"000000000000a2.vm.web.internal", kTypeAaaa},
      {"idle.internal", kTypeAaaa},
      {"new.internal", kTypeAaaa},
      {"vms.web.internal", kTypeTxt},
      {"all.vms.web.internal", kTypeTxt},
      {"regions.web.internal", kTypeTxt},
      {"_instances.internal", kTypeTxt},
      {"_apps.internal", kTypeTxt},
      {"_http._tcp.web.internal", kTypeSrv},
      {"_http._tcp.fra.web.internal", kTypeSrv},
      {"_53._udp.web.internal", kTypeSrv},
      {"_tcp.web.internal", kTypeSrv},
      {"_http._tcp.new.internal", kTypeSrv},
      {"laptop._peer.internal", kTypeAaaa},
      {"web.flycast", kTypeAaaa},
      {"web.flycast", kTypeSvcb},
      {"api.flycast", kTypeSvcb},
      {"nothing.flycast", kTypeAaaa},
      {"internal", kTypeSoa},
  };
  return kQuestions;
}

void change_something(World& world, Rng& rng) {
  using S = MachineState;
  static constexpr std::array kStates = {S::kStarted, S::kStopped,   S::kStarting,
                                         S::kStarted, S::kDestroyed, S::kSuspended};
  static constexpr std::array kHosts = {kHostB, kHostC, kHostD, kHostE};
  MachineId id{0xa1 + rng.below(4)};
  switch (rng.below(6)) {
    case 0:
      return edit_machine(world, kAcme, id, [&](MachineRecord& machine) {
        machine.state = kStates[rng.below(kStates.size())];
      });
    case 1:
      return edit_machine(world, kAcme, id, [&](MachineRecord& machine) {
        machine.health = rng.chance(0.5) ? Health::kCritical : Health::kPassing;
        machine.metadata = {{"role", rng.chance(0.5) ? "Leader" : "replica"}};
      });
    case 2: {
      auto& host = world.edit().hosts[kHosts[rng.below(kHosts.size())]];
      host.status = rng.chance(0.5) ? HostStatus::kDown : HostStatus::kAlive;
      return;
    }
    case 3:
      world.edit().hosts[kHosts[rng.below(kHosts.size())]].round_trip =
          std::chrono::milliseconds(rng.below(300));
      return;
    case 4: {
      auto& apps = world.network(kAcme).apps;
      if (apps.erase("new") == 0) edit_app(world.network(kAcme), "new").app.name = "new";
      return;
    }
    default: {
      auto& acme = world.network(kAcme);
      if (acme.flycast.erase(flycast_address(kAcme, 9)) == 0)
        acme.flycast[flycast_address(kAcme, 9)] = {flycast_address(kAcme, 9), "web", kAcme, ""};
    }
  }
}

std::vector<std::string> sorted(std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

// As the registry does: the view says which of its apps are other objects now.
void log_changes(World& world, const NetworkView& before) {
  auto& names = world.network(kAcme);
  if (&names == &before) return;
  names.generation = world.edit().generation;
  auto log_unless = [&](const auto& apps, const auto& others) {
    for (const auto& [name, app] : apps) {
      auto other = others.find(name);
      if (other == others.end() || other->second != app)
        names.changed_apps.add(names.generation, name);
    }
  };
  log_unless(names.apps, before.apps);
  log_unless(before.apps, names.apps);
}

class Changes : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(Changes, NoAnswerIsOlderThanTheSnapshot) {
  Rng rng(GetParam());
  World world;
  Kept kept;
  bool logs = GetParam() % 2 == 0;
  if (logs) world.network(kAcme).changed_apps = {world.edit().generation, {}};
  auto snapshot = world.snapshot();
  for (int turn = 0; turn < 400; ++turn) {
    change_something(world, rng);
    world.edit().generation += 1;
    if (logs) log_changes(world, *snapshot->find_network(kAcme));
    snapshot = world.snapshot();
    if (rng.chance(0.2)) continue;  // a worker that has nothing to answer looks at none
    kept.set(snapshot);
    for (const auto& [name, type] : questions()) {
      if (rng.chance(0.3)) continue;  // what was not asked for a while is staler
      auto reply = kept.ask({.name = name, .type = type});
      auto both = ask_both_ways(snapshot.get(), audience(), encode({.name = name, .type = type}),
                                asker(), Transport::kUdp, rng());
      ASSERT_EQ(both.difference, "") << name << " turn " << turn;
      auto fresh = *parse_reply(both.outcome.reply);
      ASSERT_EQ(reply.rcode, fresh.rcode) << name << " turn " << turn;
      ASSERT_EQ(reply.authority, fresh.authority) << name << " turn " << turn;
      ASSERT_EQ(sorted(reply.answers), sorted(fresh.answers)) << name << " turn " << turn;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, Changes, ::testing::Range<std::uint64_t>(1, 6));

// What a change costs: the names of the apps that it concerns, and of no other.
TEST(NameIndex, OnlyWhatTheLogNamesIsCompiledAgain) {
  World world;
  world.network(kAcme).changed_apps = {world.edit().generation, {}};
  auto before = world.snapshot();
  NameIndex index(audience().vantage);
  index.set_snapshot(before);
  constexpr auto kAll = AppNames::Reach::kAllNames;
  const AppNames* web = index.app(*index.network(kAcme), "web", kAll);
  EXPECT_EQ(web->count(*web->find("")), 4U);
  index.app(*index.network(kAcme), "idle", kAll);
  EXPECT_EQ(index.compiled(), 2U);
  edit_machine(world, kAcme, MachineId{0xa2},
               [](MachineRecord& machine) { machine.state = MachineState::kStopped; });
  world.edit().generation += 1;
  log_changes(world, *before->find_network(kAcme));
  index.set_snapshot(world.snapshot());
  auto& network = *index.network(kAcme);
  index.app(network, "idle", kAll);
  EXPECT_EQ(index.compiled(), 2U);
  web = index.app(network, "web", kAll);
  EXPECT_EQ(web->count(*web->find("")), 3U);
  EXPECT_EQ(index.compiled(), 3U);
}

// An app that is asked for by its own name alone costs its addresses, and no table of names.
TEST(NameIndex, NamesBelowAnAppAreCompiledWhenOneIsAskedFor) {
  NameIndex index(audience().vantage);
  index.set_snapshot(World().snapshot());
  auto& network = *index.network(kAcme);
  for (int turn = 0; turn < 2; ++turn) {
    const AppNames* web = index.app(network, "web", AppNames::Reach::kOwnName);
    EXPECT_FALSE(web->reaches(AppNames::Reach::kAllNames));
    EXPECT_EQ(web->count(*web->find("")), 4U);
    EXPECT_EQ(index.compiled(), 1U);
  }
  const AppNames* web = index.app(network, "web", AppNames::Reach::kAllNames);
  EXPECT_EQ(web->count(*web->find("\3iad")), 1U);
  // What is there serves for less.
  EXPECT_EQ(index.app(network, "web", AppNames::Reach::kOwnName), web);
  EXPECT_EQ(index.compiled(), 2U);
  // The same for an asker whose own machine counts.
  auto own = asker();
  web = index.app(network, "web", AppNames::Reach::kOwnName, &own);
  EXPECT_FALSE(web->reaches(AppNames::Reach::kAllNames));
  web = index.app(network, "web", AppNames::Reach::kAllNames, &own);
  EXPECT_EQ(web->count(*web->find("\3iad")), 1U);
  EXPECT_EQ(index.compiled(), 4U);
}

TEST(Responder, EveryMachineOfATierIsFirstEquallyOften) {
  World world;
  for (std::uint64_t id = 0; id < 40; ++id) world.add(kAcme, {0x1000 + id, "big", kHostA});
  Kept kept;
  kept.set(world.snapshot());
  std::map<std::string, int> first;
  for (int i = 0; i < 4000; ++i) {
    auto reply = kept.ask({.name = "big.internal"});
    ASSERT_EQ(reply.answers.size(), 17U);  // of 512 bytes, and TC
    ASSERT_TRUE(reply.truncated);
    ++first[reply.answers.front()];
  }
  ASSERT_EQ(first.size(), 40U);
  for (const auto& [answer, times] : first) {
    EXPECT_GT(times, 50) << answer;  // 100 expected; five standard deviations
    EXPECT_LT(times, 150) << answer;
  }
}

// Also of what was rendered once and kept: nobody is always cut, what is nearer stays in front, and
// who is gone leaves its share to all (of 12 in one order, turned, there are 12 pairs).
TEST(Responder, KeptServicesAreShuffledWithinEachPriority) {
  World world;
  for (std::uint64_t id = 0; id < 12; ++id) world.add(kAcme, {0x1000 + id, "big", kHostA});
  world.add(kAcme, {0x2000, "big", kHostB});
  world.add(kAcme, {0x2001, "big", kHostB});
  edit_app(world.network(kAcme), "big").app.services = {
      service(ServiceProtocol::kTcp, 8080, {{80, 80, {"http"}}}, {})};
  Kept kept;
  kept.set(world.snapshot());
  QueryBytes query{.name = "_http._tcp.big.internal", .type = kTypeSrv};
  std::map<std::string, int> first, named;
  std::set<std::string> pairs;
  for (int i = 0; i < 1200; ++i) {
    auto reply = kept.ask(query);
    ASSERT_TRUE(reply.truncated);
    ASSERT_LT(reply.answers.size(), 12U);
    ++first[reply.answers.front()];
    pairs.insert(reply.answers[0] + reply.answers[1]);
    for (const auto& answer : reply.answers) {
      EXPECT_NE(answer.find(" SRV 0 1 8080 "), std::string::npos) << answer;
      ++named[answer];
    }
  }
  EXPECT_EQ(first.size(), 12U);
  for (const auto& [answer, times] : first) EXPECT_GT(times, 50) << answer;
  EXPECT_EQ(named.size(), 12U);
  EXPECT_GT(pairs.size(), 120U) << "of 132";
  std::set<std::string> last;
  for (int i = 0; i < 100; ++i) {
    auto reply = kept.ask(query, asker(), Transport::kTcp);
    ASSERT_EQ(reply.answers.size(), 14U);
    EXPECT_EQ(reply.additional.size(), 14U);
    EXPECT_EQ(std::set<std::string>(reply.answers.begin(), reply.answers.end()).size(), 14U);
    for (std::size_t place = 0; place < 14; ++place)
      EXPECT_NE(reply.answers[place].find(place < 12 ? " SRV 0 " : " SRV 1 "), std::string::npos);
    last.insert(reply.answers.back());
  }
  EXPECT_EQ(last.size(), 2U);
}

TEST(Responder, KeptAddressesAreShuffled) {
  Kept kept;
  kept.set(World().snapshot());
  for (auto type : {kTypeAaaa, kTypeSvcb}) {
    std::set<std::string> first;
    for (int i = 0; i < 100; ++i)
      first.insert(kept.ask({.name = "web.flycast", .type = type}).answers.front());
    EXPECT_EQ(first.size(), 2U) << type;
  }
}

TEST(Responder, ACutAnswerHasNoMachineTwice) {
  World world;
  for (std::uint64_t id = 0; id < 40; ++id) world.add(kAcme, {0x1000 + id, "big", kHostA});
  for (std::uint64_t id = 0; id < 40; ++id) world.add(kAcme, {0x2000 + id, "big", kHostB});
  Kept kept;
  kept.set(world.snapshot());
  for (auto [transport, count] : {std::pair(Transport::kUdp, 17U), {Transport::kTcp, 80U}}) {
    auto reply = kept.ask({.name = "big.internal"}, asker(), transport);
    EXPECT_EQ(std::set<std::string>(reply.answers.begin(), reply.answers.end()).size(), count);
  }
}

TEST(Responder, HealthyMeansThatNoCheckFails) {
  World world;
  auto health = [&](std::uint64_t id, Health now) {
    edit_machine(world, kAcme, MachineId{id}, [now](MachineRecord& m) { m.health = now; });
  };
  health(0xa1, Health::kCritical);
  health(0xa2, Health::kWarning);
  health(0xa3, Health::kPassing);
  auto snapshot = world.snapshot();
  EXPECT_EQ(brief_sorted(ask(*snapshot, "healthy.web.internal", kTypeAaaa)), "a3 a4");
  EXPECT_EQ(brief_sorted(ask(*snapshot, "healthy.fra.web.internal", kTypeAaaa)), "a4");
  EXPECT_EQ(brief_sorted(ask(*snapshot, "healthy.iad.web.internal", kTypeAaaa)), "NODATA");
  EXPECT_EQ(brief_sorted(ask(*snapshot, "healthy.syd.web.internal", kTypeAaaa)), "NXDOMAIN");
  EXPECT_EQ(brief_sorted(ask(*snapshot, "healthy.empty.internal", kTypeAaaa)), "NODATA");
  EXPECT_EQ(brief_sorted(ask(*snapshot, "healthy.nothing.internal", kTypeAaaa)), "NXDOMAIN");
}

TEST(Responder, HealthyMeansTheAppsOwnChecksToo) {
  World world;
  edit_machine(world, kAcme, MachineId{0xa3}, [](MachineRecord& m) {
    m.health = Health::kPassing;
    m.app_health = Health::kCritical;
  });
  edit_machine(world, kAcme, MachineId{0xa4},
               [](MachineRecord& m) { m.app_health = Health::kPassing; });
  auto snapshot = world.snapshot();
  EXPECT_EQ(brief_sorted(ask(*snapshot, "healthy.web.internal", kTypeAaaa)), "a1 a2 a4");
}

TEST(Responder, WithoutItsAppAMachineHasNoName) {
  World world;
  Kept kept;
  kept.set(world.snapshot());
  EXPECT_EQ(kept.ask({.name = "000000000000a2.vm.web.internal"}).answers.size(), 1U);
  world.network(kAcme).apps.erase("web");
  kept.set(world.snapshot());
  EXPECT_EQ(kept.ask({.name = "000000000000a2.vm.web.internal"}).rcode, 3);
  EXPECT_EQ(kept.ask({.name = "web.internal"}).rcode, 3);
}

// Two machines of one network see each other's changes, two networks never each other's names.
TEST(Responder, RemembersWhoAsks) {
  World world;
  Kept kept;
  kept.set(world.snapshot());
  auto globex = address_of(kGlobex, kHostA, 0xc1);
  for (int turn = 0; turn < 3; ++turn) {
    EXPECT_EQ(kept.ask({.name = "web.internal"}).answers.size(), 4U);
    EXPECT_EQ(kept.ask({.name = "web.internal"}, globex).answers.size(), 1U);
    EXPECT_EQ(kept.ask({.name = "secret.internal"}).rcode, 3);
    EXPECT_EQ(kept.ask({.name = "_apps.internal", .type = kTypeTxt}, globex).answers,
              (std::vector<std::string>{"_apps.internal. 5 IN TXT \"secret,web\""}));
    EXPECT_EQ(kept.ask({.name = "_apps.internal", .type = kTypeTxt}).answers,
              (std::vector<std::string>{"_apps.internal. 5 IN TXT \"empty,idle,web\""}));
  }
  // A machine that is gone is nobody.
  auto& names = world.network(kGlobex);
  names.machines_by_address.erase(globex);
  kept.set(world.snapshot());
  EXPECT_EQ(kept.ask({.name = "web.internal"}, globex).rcode, 5);
}

}  // namespace
}  // namespace sixpn::dns::testing
