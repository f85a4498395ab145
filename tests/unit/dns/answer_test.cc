// Every name of .internal, .flycast and the reverse zone, in tables: what is asked, and what comes
// back in short form (world.h).
#include "dns/core/answer.h"

#include <gtest/gtest.h>

#include "both_ways.h"
#include "dns/core/render.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

struct Case {
  std::string name;
  RrType type;
  std::string expected;  // brief_sorted()
};

void expect_all(const std::vector<Case>& cases, const Ip6& source = asker(),
                NetworkId network = kAcme) {
  auto snapshot = World().snapshot();
  for (const auto& c : cases)
    EXPECT_EQ(brief_sorted(ask(*snapshot, c.name, c.type, source, network)), c.expected)
        << c.name << " type " << c.type;
}

TEST(Answer, AddressesOfMachines) {
  expect_all({
      {"web.internal", kTypeAaaa, "a1 a2 a3 a4"},
      {"WEB.Internal", kTypeAaaa, "a1 a2 a3 a4"},
      {"global.web.internal", kTypeAaaa, "a1 a2 a3 a4"},
      {"x.global.web.internal", kTypeAaaa, "NXDOMAIN"},
      {"iad.web.internal", kTypeAaaa, "a1"},
      {"fra.web.internal", kTypeAaaa, "a2 a4"},
      {"nrt.web.internal", kTypeAaaa, "a3"},
      {"syd.web.internal", kTypeAaaa, "NXDOMAIN"},
      {"all.web.internal", kTypeAaaa, "NXDOMAIN"},
      {"app.process.web.internal", kTypeAaaa, "a1 a3 a4"},
      {"worker.process.web.internal", kTypeAaaa, "a2"},
      {"cron.process.web.internal", kTypeAaaa, "NODATA"},       // stopped
      {"console.process.web.internal", kTypeAaaa, "NXDOMAIN"},  // skip_dns
      {"gone.process.web.internal", kTypeAaaa, "NXDOMAIN"},     // destroyed
      {"other.process.web.internal", kTypeAaaa, "NXDOMAIN"},
      {"000000000000a2.vm.web.internal", kTypeAaaa, "a2"},
      {"000000000000A2.VM.web.internal", kTypeAaaa, "a2"},
      {"000000000000a5.vm.web.internal", kTypeAaaa, "NXDOMAIN"},   // stopped
      {"000000000000a6.vm.web.internal", kTypeAaaa, "NXDOMAIN"},   // its host is down
      {"000000000000a7.vm.web.internal", kTypeAaaa, "NXDOMAIN"},   // skip_dns
      {"000000000000a8.vm.web.internal", kTypeAaaa, "NXDOMAIN"},   // suspended
      {"000000000000aa.vm.web.internal", kTypeAaaa, "NXDOMAIN"},   // starting
      {"000000000000a2.vm.idle.internal", kTypeAaaa, "NXDOMAIN"},  // of another app
      {"000000000000c1.vm.web.internal", kTypeAaaa, "NXDOMAIN"},   // of another network
      {"a2.vm.web.internal", kTypeAaaa, "NXDOMAIN"},
      {"x.000000000000a2.vm.web.internal", kTypeAaaa, "NXDOMAIN"},
      {"idle.internal", kTypeAaaa, "NODATA"},
      {"fra.idle.internal", kTypeAaaa, "NODATA"},
      {"empty.internal", kTypeAaaa, "NODATA"},
      {"top2.nearest.of.empty.internal", kTypeAaaa, "NODATA"},
      {"unknown.internal", kTypeAaaa, "NXDOMAIN"},
      {"vms.unknown.internal", kTypeTxt, "NXDOMAIN"},
      {"secret.internal", kTypeAaaa, "NXDOMAIN"},  // another network's app
  });
}

TEST(Answer, Metadata) {
  expect_all({
      {"leader.role.kv._metadata.web.internal", kTypeAaaa, "a1"},
      {"LEADER.Role.KV._Metadata.web.internal", kTypeAaaa, "a1"},
      {"replica.role.kv._metadata.web.internal", kTypeAaaa, "a2 a4"},
      {"spare.role.kv._metadata.web.internal", kTypeAaaa, "NODATA"},  // stopped
      {"none.role.kv._metadata.web.internal", kTypeAaaa, "NXDOMAIN"},
      {"role.leader.kv._metadata.web.internal", kTypeAaaa, "NXDOMAIN"},  // value comes first
      {"yes.hidden.kv._metadata.web.internal", kTypeAaaa, "NXDOMAIN"},   // skip_dns
      {"1.2.3.version.kv._metadata.web.internal", kTypeAaaa, "a3"},
      {"1\\.2\\.3.version.kv._metadata.web.internal", kTypeAaaa, "a3"},
      {"2.3.version.kv._metadata.web.internal", kTypeAaaa, "NODATA"},  // an empty non-terminal
      {"2.version.kv._metadata.web.internal", kTypeAaaa, "NXDOMAIN"},
      {"worker.fly_process_group.kv._metadata.web.internal", kTypeAaaa, "a2"},
      {"role.kv._metadata.web.internal", kTypeAaaa, "a1 a2 a4"},
      {"nokey.kv._metadata.web.internal", kTypeAaaa, "NXDOMAIN"},
      {"kv._metadata.web.internal", kTypeAaaa, "NODATA"},
      {"_metadata.web.internal", kTypeAaaa, "NODATA"},
      {"x._metadata.web.internal", kTypeAaaa, "NXDOMAIN"},
  });
}

TEST(Answer, TextLists) {
  auto instance = [](int id, const std::string& app, HostId host, const std::string& region) {
    auto hex = to_string(MachineId{static_cast<std::uint64_t>(id)});
    return "instance=" + hex + ",app=" + app +
           ",ip=" + to_string(address_of(kAcme, host, static_cast<std::uint64_t>(id))) +
           ",region=" + region;
  };
  auto a1 = instance(0xa1, "web", kHostA, "iad"), a2 = instance(0xa2, "web", kHostB, "fra"),
       a3 = instance(0xa3, "web", kHostC, "nrt"), a4 = instance(0xa4, "web", kHostD, "fra"),
       a5 = instance(0xa5, "web", kHostA, "iad"), a6 = instance(0xa6, "web", kHostE, "nrt"),
       a8 = instance(0xa8, "web", kHostB, "fra"), aa = instance(0xaa, "web", kHostA, "iad"),
       b1 = instance(0xb1, "idle", kHostB, "fra");
  auto quoted = [](const std::string& text) { return '"' + text + '"'; };
  expect_all({
      {"vms.web.internal", kTypeTxt,
       quoted("000000000000a1 iad,000000000000a2 fra,000000000000a3 nrt,000000000000a4 fra")},
      {"all.vms.web.internal", kTypeTxt,
       quoted("000000000000a1 iad,000000000000a2 fra,000000000000a3 nrt,000000000000a4 fra,"
              "000000000000a5 iad,000000000000a6 nrt,000000000000a8 fra,000000000000aa iad")},
      {"vms.idle.internal", kTypeTxt, quoted("")},
      {"all.vms.idle.internal", kTypeTxt, quoted("000000000000b1 fra")},
      {"x.vms.web.internal", kTypeTxt, "NXDOMAIN"},
      {"all.all.vms.web.internal", kTypeTxt, "NXDOMAIN"},
      {"regions.web.internal", kTypeTxt, quoted("fra,iad,nrt")},
      {"regions.idle.internal", kTypeTxt, quoted("")},
      {"all.regions.idle.internal", kTypeTxt, quoted("fra")},
      {"regions.syd.web.internal", kTypeTxt, "NXDOMAIN"},  // what `fly ping syd.web.internal` asks
      {"_apps.internal", kTypeTxt, quoted("empty,idle,web")},
      {"_peer.internal", kTypeTxt, quoted("laptop")},
      {"_instances.internal", kTypeTxt, quoted(a1 + ";" + a2 + ";" + a3 + ";" + a4)},
      {"all._instances.internal", kTypeTxt,
       quoted(a1 + ";" + a2 + ";" + a3 + ";" + a4 + ";" + a5 + ";" + a6 + ";" + a8 + ";" + aa +
              ";" + b1)},
      {"x._instances.internal", kTypeTxt, "NXDOMAIN"},
      {"all._apps.internal", kTypeTxt, "NXDOMAIN"},
      {"_orgs.internal", kTypeTxt, "NXDOMAIN"},
  });
}

TEST(Answer, NamesOfTheNetwork) {
  std::vector<Case> cases = {
      {"laptop._peer.internal", kTypeAaaa, to_string(peer_address(kAcme, kHostB, 1))},
      {"interactive-x._peer.internal", kTypeAaaa, to_string(peer_address(kAcme, kHostB, 2))},
      {"spy._peer.internal", kTypeAaaa, "NXDOMAIN"},
      {"x.laptop._peer.internal", kTypeAaaa, "NXDOMAIN"},
      {"_api.internal", kTypeAaaa, "fdaa::3"},
      {"_dns.internal", kTypeAaaa, "fdaa::3"},
      {"x._api.internal", kTypeAaaa, "NXDOMAIN"},
  };
  expect_all(cases);
  expect_all({{"_api.internal", kTypeAaaa, to_string(peer_resolver_address(kAcme))}},
             peer_address(kAcme, kHostB, 1));
}

TEST(Answer, Flycast) {
  auto ip = [](std::uint16_t counter) { return to_string(flycast_address(kAcme, counter)); };
  expect_all({
      // An app of one's own network wins over one of the same name elsewhere: never a mix.
      {"web.flycast", kTypeAaaa, ip(2) + " " + ip(3)},
      {"Web.FLYCAST", kTypeAaaa, ip(2) + " " + ip(3)},
      {"api.flycast", kTypeAaaa, ip(4)},
      {"web.flycast", kTypeA, "NODATA"},
      {"svc.web.flycast", kTypeAaaa, "NXDOMAIN"},
      {"k8s.flycast", kTypeAaaa, "NODATA"},
      {"svc.k8s.flycast", kTypeAaaa, "NODATA"},
      {"dns.svc.k8s.flycast", kTypeAaaa, ip(6)},
      {"other.svc.k8s.flycast", kTypeAaaa, "NXDOMAIN"},
      {"x.dns.svc.k8s.flycast", kTypeAaaa, "NXDOMAIN"},
      {"dns.k8s.flycast", kTypeAaaa, "NXDOMAIN"},
      {"idle.flycast", kTypeAaaa, "NXDOMAIN"},
      {"secret.flycast", kTypeAaaa, "NXDOMAIN"},
  });
}

// Which ports Flycast opens for plain bytes. HTTPS would promise TLS, which does not end here.
TEST(Answer, ServicesOfFlycast) {
  auto hints =
      "@" + to_string(flycast_address(kAcme, 2)) + "@" + to_string(flycast_address(kAcme, 3));
  expect_all(
      {{"web.flycast", kTypeSvcb, "5432" + hints + " 80+http/1.1" + hints},
       {"web.flycast", kTypeHttps, "NODATA"},
       {"web.flycast", kTypeAny, brief_sorted(ask(*World().snapshot(), "web.flycast", kTypeAaaa))},
       {"api.flycast", kTypeSvcb, "NODATA"},  // its app has no services
       {"k8s.flycast", kTypeSvcb, "NODATA"},
       {"nothing.flycast", kTypeSvcb, "NXDOMAIN"}});
  auto both =
      ask_both_ways(World().snapshot().get(), audience(),
                    encode({.name = "web.flycast", .type = kTypeSvcb}), asker(), Transport::kTcp);
  EXPECT_EQ(both.difference, "");
  // priority 1, the root; alpn; port; ipv6hint: RFC 9460 section 2.2.
  std::string ips;
  for (std::uint16_t counter = 2; counter <= 3; ++counter) {
    auto ip = flycast_address(kAcme, counter);
    ips.append(ip.bytes.begin(), ip.bytes.end());
  }
  std::string rdata = u16(1) + std::string(1, 0) + u16(1) + u16(9) + "\x08http/1.1" + u16(3) +
                      u16(2) + u16(80) + u16(6) + u16(32) + ips;
  EXPECT_NE(both.outcome.reply.find(u16(rdata.size()) + rdata), std::string::npos);
  auto record = ask(*World().snapshot(), "web.flycast", kTypeSvcb).answers.front();
  EXPECT_EQ(to_string(record),
            "web.flycast.\t5\tIN\tSVCB\t1 . alpn=\"http/1.1\" port=80 ipv6hint=" +
                to_string(flycast_address(kAcme, 2)) + "," + to_string(flycast_address(kAcme, 3)));
}

// "Known name, other type" is NODATA for every type there is; unknown is NXDOMAIN for every type.
TEST(Answer, EveryOtherTypeIsNodata) {
  auto snapshot = World().snapshot();
  for (const char* name :
       {"web.internal", "vms.web.internal", "idle.internal", "vm.web.internal", "_apps.internal",
        "process.web.internal", "nearest.of.web.internal", "of.web.internal", "web.flycast",
        "kv._metadata.web.internal", "top1.nearest.of.web.internal", "svc.k8s.flycast"}) {
    for (RrType type : {kTypeA, kTypeNs, kTypeSoa, kTypePtr, RrType{5}, RrType{15}, RrType{33},
                        RrType{43}, RrType{48}, RrType{65}, RrType{257}, RrType{65280}}) {
      auto answer = ask(*snapshot, name, type);
      EXPECT_EQ(brief(answer), "NODATA") << name << " type " << type;
      ASSERT_EQ(answer.authority.size(), 1U);
      EXPECT_EQ(answer.authority[0].type, kTypeSoa);
      EXPECT_EQ(brief(ask(*snapshot, "no." + std::string(name) + ".no.internal", type)),
                "NXDOMAIN");
    }
  }
}

TEST(Answer, EmptyNonTerminalsExist) {
  expect_all({{"vm.web.internal", kTypeAaaa, "NODATA"},
              {"process.web.internal", kTypeAaaa, "NODATA"},
              {"of.web.internal", kTypeAaaa, "NODATA"},
              {"nearest.of.web.internal", kTypeTxt, "NODATA"},
              {"nearest.web.internal", kTypeAaaa, "NXDOMAIN"},
              {"x.of.web.internal", kTypeAaaa, "NXDOMAIN"},
              {"vms.web.internal", kTypeAaaa, "NODATA"},
              {"regions.web.internal", kTypeAaaa, "NODATA"},
              {"_peer.internal", kTypeAaaa, "NODATA"}});
}

TEST(Answer, AnyGetsTheOneRrset) {
  expect_all({{"web.internal", kTypeAny, "a1 a2 a3 a4"},
              {"regions.web.internal", kTypeAny, "\"fra,iad,nrt\""},
              {"vm.web.internal", kTypeAny, "NODATA"},
              {"internal", kTypeAny, "SOA"},
              {"unknown.internal", kTypeAny, "NXDOMAIN"}});
}

TEST(Answer, ZoneApexes) {
  for (const char* apex : {"internal", "FLYCAST", "a.a.d.f.ip6.arpa"})
    expect_all({{apex, kTypeSoa, "SOA"},
                {apex, kTypeNs, "_dns.internal."},
                {apex, kTypeAaaa, "NODATA"},
                {apex, RrType{43}, "NODATA"}});
  auto soa = std::get<Soa>(ask(*World().snapshot(), "internal", kTypeSoa).answers[0].rdata);
  EXPECT_EQ(soa.serial, 42U);
}

TEST(Answer, NegativeAnswersCarryTheSoaOfTheirZone) {
  auto snapshot = World().snapshot();
  struct Zones {
    std::string name, apex;
  };
  for (const auto& c : {Zones{"x.internal", "internal."}, Zones{"x.flycast", "flycast."},
                        Zones{"x.a.a.d.f.ip6.arpa", "a.a.d.f.ip6.arpa."},
                        Zones{"x.onion", "onion."}, Zones{"printer.local", "local."}}) {
    auto answer = ask(*snapshot, c.name, kTypeAaaa);
    EXPECT_EQ(answer.rcode, Rcode::kNxDomain);
    ASSERT_EQ(answer.authority.size(), 1U);
    EXPECT_EQ(to_string(answer.authority[0].owner), c.apex);
    EXPECT_EQ(answer.authority[0].type, kTypeSoa);
  }
}

TEST(Answer, OnlyForeignNamesAreForwarded) {
  expect_all({{"example.org", kTypeA, "forward"},
              {".", kTypeNs, "forward"},
              {"notinternal", kTypeA, "forward"},
              {"internal.example.org", kTypeA, "forward"},
              {"4.4.8.8.in-addr.arpa", kTypePtr, "forward"},
              {"e.f.ip6.arpa", kTypePtr, "forward"},
              {"arpa", kTypeNs, "forward"},
              {"b.a.d.f.ip6.arpa", kTypePtr, "NXDOMAIN"},
              {"deep.under.nothing.internal", kTypeA, "NXDOMAIN"},
              {"a.b.c.flycast", kTypeA, "NXDOMAIN"},
              {"f.a.a.d.f.ip6.arpa", kTypePtr, "NXDOMAIN"},
              {"localhost", kTypeA, "127.0.0.1"},
              {"x.localhost", kTypeAaaa, "::1"},
              {"localhost", kTypeTxt, "NODATA"},
              {"x.invalid", kTypeA, "NXDOMAIN"},
              {"hidden.onion", kTypeA, "NXDOMAIN"}});
}

TEST(Answer, OtherNetworksDoNotExist) {
  expect_all({{"web.internal", kTypeAaaa, "c1"},
              {"secret.internal", kTypeAaaa, "c2"},
              {"idle.internal", kTypeAaaa, "NXDOMAIN"},
              {"laptop._peer.internal", kTypeAaaa, "NXDOMAIN"},
              {"_apps.internal", kTypeTxt, "\"secret,web\""},
              {"000000000000a1.vm.web.internal", kTypeAaaa, "NXDOMAIN"},
              {"web.flycast", kTypeAaaa, to_string(flycast_address(kGlobex, 2))},
              {"api.flycast", kTypeAaaa, "NXDOMAIN"}},
             address_of(kGlobex, kHostA, 0xc1), kGlobex);
  expect_all({{"web.internal", kTypeAaaa, "NXDOMAIN"},
              {"_apps.internal", kTypeTxt, "\"\""},
              {"internal", kTypeNs, "_dns.internal."}},
             asker(), kUnknownNetwork);
}

TEST(Answer, AMachineFindsItselfFromItsFirstInstruction) {
  World world;
  auto starting = address_of(kAcme, kHostA, 0xaa);
  auto snapshot = world.snapshot();
  EXPECT_EQ(brief_sorted(ask(*snapshot, "web.internal", kTypeAaaa, starting)), "a1 a2 a3 a4 aa");
  EXPECT_EQ(brief(ask(*snapshot, "000000000000aa.vm.web.internal", kTypeAaaa, starting)), "aa");
  // Also when its own host is believed down; but a stopped machine's address proves nothing.
  auto cut_off = address_of(kAcme, kHostE, 0xa6);
  EXPECT_EQ(brief(ask(*snapshot, "000000000000a6.vm.web.internal", kTypeAaaa, cut_off)), "a6");
  auto stopped = address_of(kAcme, kHostA, 0xa5);
  EXPECT_EQ(brief(ask(*snapshot, "000000000000a5.vm.web.internal", kTypeAaaa, stopped)),
            "NXDOMAIN");
}

// While it ends what it has: for all others it is withdrawn.
TEST(Answer, AMachineFindsItselfToItsLastInstruction) {
  using S = MachineState;
  World world;
  std::uint64_t id = 0xd1;
  for (S state : {S::kStopping, S::kSuspending, S::kDestroying}) {
    world.add(kAcme, {id, "web", kHostA, state});
    auto snapshot = world.snapshot();
    auto own = address_of(kAcme, kHostA, id);
    std::string label = to_string(MachineId{id});
    std::string name = label + ".vm.web.internal", last = label.substr(12);
    EXPECT_EQ(brief(ask(*snapshot, name, kTypeAaaa, own)), last);
    EXPECT_EQ(brief(ask(*snapshot, reverse_name(own), kTypePtr, own)), name + ".");
    EXPECT_EQ(brief_sorted(ask(*snapshot, "web.internal", kTypeAaaa, own)), "a1 a2 a3 a4 " + last);
    EXPECT_EQ(brief(ask(*snapshot, name, kTypeAaaa, asker())), "NXDOMAIN");
    EXPECT_EQ(brief_sorted(ask(*snapshot, "web.internal", kTypeAaaa, asker())), "a1 a2 a3 a4");
    ++id;
  }
}

TEST(Answer, NotReadyBeforeTheFirstSync) {
  World world;
  world.edit().synced = false;
  auto snapshot = world.snapshot();
  for (const char* name :
       {"web.internal", "unknown.internal", "internal", "web.flycast", "3.a.a.d.f.ip6.arpa"}) {
    auto answer = ask(*snapshot, name, kTypeAaaa);
    EXPECT_EQ(answer.rcode, Rcode::kServFail) << name;
    EXPECT_EQ(answer.extended_error->code, ExtendedErrorCode::kNotReady);
    EXPECT_TRUE(answer.authority.empty());
  }
  EXPECT_EQ(brief(ask(*snapshot, "example.org", kTypeA)), "forward");
  EXPECT_EQ(brief(ask(*snapshot, "localhost", kTypeAaaa)), "::1");
}

TEST(Answer, NotReadyForANetworkWhoseMachinesAreNotAllHere) {
  World world;
  world.edit().held = {false, {}};
  auto snapshot = world.snapshot();
  for (const char* name : {"web.internal", "unknown.internal", "3.a.a.d.f.ip6.arpa"}) {
    auto answer = ask(*snapshot, name, kTypeAaaa);
    EXPECT_EQ(answer.rcode, Rcode::kServFail) << name;
    EXPECT_EQ(answer.extended_error->code, ExtendedErrorCode::kNotReady);
  }
  EXPECT_EQ(brief(ask(*snapshot, "example.org", kTypeA)), "forward");
  world.edit().held = {false, {kAcme}};
  EXPECT_EQ(ask(*world.snapshot(), "web.internal", kTypeAaaa).rcode, Rcode::kNoError);
}

// A region hides no other name of an app, nor is it hidden by one.
TEST(Answer, NoRegionIsCalledAsANameOfEveryApp) {
  auto snapshot = World().snapshot();
  std::string region = "aaa";
  for (region[0] = 'a'; region[0] <= 'z'; ++region[0])
    for (region[1] = 'a'; region[1] <= 'z'; ++region[1])
      for (region[2] = 'a'; region[2] <= 'z'; ++region[2])
        EXPECT_EQ(is_region(region),
                  brief(ask(*snapshot, region + ".empty.internal", kTypeAaaa)) == "NXDOMAIN")
            << region;
  EXPECT_FALSE(is_region("vms"));
}

}  // namespace
}  // namespace sixpn::dns::testing
