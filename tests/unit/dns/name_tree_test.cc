// The names of a network as a tree, over random registries: whatever is asked, a name exists for
// every type or for none, whoever exists has parents that exist (RFC 8020), and nobody is answered
// with what is not his network's.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <set>

#include "both_ways.h"
#include "parsed_reply.h"
#include "tests/unit/edit_app.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

constexpr std::array kTypes = {kTypeAaaa, kTypeTxt, kTypePtr, kTypeSrv, kTypeA, RrType{65}};
constexpr std::array kApps = {"web", "idle", "api", "secret"};

// Both networks grow alike, with one vocabulary, so that a mix-up would be found.
World random_world(Rng& rng) {
  using S = MachineState;
  using P = ServiceProtocol;
  constexpr std::array kHosts = {kHostA, kHostB, kHostC, kHostD, kHostE};
  constexpr std::array kStates = {S::kStarted, S::kStarted, S::kStopped, S::kDestroyed};
  constexpr std::array kGroups = {"app", "worker", "cron"};
  constexpr std::array kValues = {"leader", "1.2.3", "_tcp", "a.b"};
  World world;
  std::uint64_t id = 0x2000;
  for (auto network : {kAcme, kGlobex})
    for (const char* app : kApps) {
      for (std::uint64_t machines = rng.below(5); machines > 0; --machines)
        world.add(network, {++id,
                            app,
                            kHosts[rng.below(kHosts.size())],
                            kStates[rng.below(kStates.size())],
                            kGroups[rng.below(kGroups.size())],
                            {{"role", kValues[rng.below(kValues.size())]}},
                            rng.chance(0.1)});
      auto& services = edit_app(world.network(network), app).app.services;
      if (rng.chance(0.7))
        services.push_back(service(P::kTcp, 8080, {{80, 80, {"http"}}}, {kGroups[rng.below(3)]}));
      if (rng.chance(0.3)) services.push_back(service(P::kUdp, 53, {{53, 54, {}}}, {}));
    }
  return world;
}

// A name of 1 to 7 labels of the vocabulary, most of them nearly right.
std::string random_name(const Snapshot& snapshot, Rng& rng) {
  constexpr std::array kLabels = {
      "_http",   "_tcp", "_udp", "_53",    "_80",    "vm",     "process",  "nearest",   "of",
      "top3",    "kv",   "role", "leader", "1",      "2",      "3",        "a",         "b",
      "healthy", "all",  "vms",  "global", "iad",    "fra",    "regions",  "_metadata", "app",
      "worker",  "svc",  "dns",  "_peer",  "laptop", "_proxy", "00a10002", "_registry"};
  constexpr std::array kTails = {"internal",
                                 "web.internal",
                                 "idle.internal",
                                 "api.internal",
                                 "secret.internal",
                                 "role.kv._metadata.web.internal",
                                 "process.web.internal",
                                 "_tcp.web.internal",
                                 "flycast",
                                 "k8s.flycast",
                                 "web.flycast"};
  if (rng.chance(0.2)) {
    const auto& machines = snapshot.find_network(rng.chance(0.5) ? kAcme : kGlobex)->machines;
    const auto& machine =
        std::next(machines.begin(), static_cast<std::ptrdiff_t>(rng.below(machines.size())))
            ->second;
    if (rng.chance(0.5)) return to_string(machine->id) + ".vm." + machine->app + ".internal";
    return reverse_name(machine->address, 5 + rng.below(28));
  }
  std::string name = kTails[rng.below(kTails.size())];
  for (std::uint64_t labels = rng.below(4); labels > 0; --labels)
    name = std::string(kLabels[rng.below(kLabels.size())]) + "." + name;
  return name;
}

// Everything that an answer names: addresses as they are, names by the address they stand for.
void expect_own(const Snapshot& snapshot, const Answer& answer, const std::string& name) {
  std::set<Ip6> addresses;
  for (const auto* records : {&answer.answers, &answer.additional})
    for (const auto& record : *records)
      if (record.type == kTypeAaaa) addresses.insert(std::get<Ip6>(record.rdata));
  for (const auto& ip : addresses) {
    if (ip == kResolverAddress) continue;
    EXPECT_EQ(network_of(ip), kAcme) << name << " answers " << to_string(ip);
    if (classify(ip) != AddressKind::kMachine) continue;
    const auto& known = snapshot.find_network(kAcme)->machines_by_address;
    ASSERT_TRUE(known.contains(ip)) << name;
    EXPECT_TRUE(snapshot.is_serving(*known.at(ip))) << name;
    EXPECT_FALSE(known.at(ip)->skip_dns) << name;
  }
  for (const auto& record : answer.answers) {
    if (record.type == kTypePtr) {
      auto target = ask(snapshot, to_string(std::get<Name>(record.rdata)), kTypeAaaa);
      EXPECT_EQ(target.rcode, Rcode::kNoError) << name;
    }
    if (record.type != kTypeSrv) continue;
    auto target = ask(snapshot, to_string(std::get<Srv>(record.rdata).target), kTypeAaaa);
    ASSERT_EQ(target.answers.size(), 1U) << name;
    EXPECT_TRUE(addresses.contains(std::get<Ip6>(target.answers[0].rdata))) << name;
  }
}

// The name's rcode, the same for every type.
Rcode rcode_of(const Snapshot& snapshot, const std::string& name) {
  std::set<Rcode> rcodes;
  std::size_t with_records = 0;
  for (RrType type : kTypes) {
    auto answer = ask(snapshot, name, type);
    rcodes.insert(answer.rcode);
    with_records += answer.answers.empty() ? 0 : 1;
    expect_own(snapshot, answer, name);
    auto both = ask_both_ways(&snapshot, audience(), encode({.name = name, .type = type}), asker(),
                              Transport::kUdp);
    EXPECT_EQ(both.difference, "") << name << " type " << type;
  }
  EXPECT_EQ(rcodes.size(), 1U) << name;
  EXPECT_LE(with_records, 1U) << name;
  return *rcodes.begin();
}

class NameTree : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(NameTree, IsWholeAndOnesOwn) {
  Rng rng(GetParam());
  std::size_t existing = 0;
  for (int round = 0; round < 4; ++round) {
    auto world = random_world(rng);
    auto snapshot = world.snapshot();
    for (int i = 0; i < 300; ++i) {
      auto name = random_name(*snapshot, rng);
      if (rcode_of(*snapshot, name) != Rcode::kNoError) continue;
      ++existing;
      for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
        auto parent = name.substr(dot + 1);
        auto said = ask(*snapshot, parent, kTypeTxt);
        if (said.kind == AnswerKind::kForward) break;
        EXPECT_EQ(said.rcode, Rcode::kNoError) << parent << " above " << name;
      }
    }
  }
  EXPECT_GT(existing, 100U);
}

INSTANTIATE_TEST_SUITE_P(Seeds, NameTree, ::testing::Range<std::uint64_t>(1, 9));

}  // namespace
}  // namespace sixpn::dns::testing
