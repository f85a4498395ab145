// SRV: which services have which names, what the records say, and their bytes.
#include "dns/core/service_names.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "both_ways.h"
#include "parsed_reply.h"
#include "tests/unit/edit_app.h"
#include "world.h"

namespace sixpn::dns::testing {
namespace {

std::string srv(const std::string& name, const Ip6& source = asker(), RrType type = kTypeSrv) {
  return brief_sorted(ask(*World().snapshot(), name, type, source, network_of(source)));
}

// Priority, weight, port and target: the asker's region first, then by round trip.
TEST(ServiceNames, NameTheMachinesThatServe) {
  EXPECT_EQ(srv("_http._tcp.web.internal"), "0/1/8080/a1 1/1/8080/a4 2/1/8080/a3");
  EXPECT_EQ(srv("_HTTP._Tcp.Web.INTERNAL"), "0/1/8080/a1 1/1/8080/a4 2/1/8080/a3");
  EXPECT_EQ(srv("_80._tcp.web.internal"), "0/1/8080/a1 1/1/8080/a4 2/1/8080/a3");
  EXPECT_EQ(srv("_5432._tcp.web.internal"), "0/1/5433/a2");
  EXPECT_EQ(srv("_53._udp.web.internal"), "0/1/5353/a1 1/1/5353/a2 1/1/5353/a4 2/1/5353/a3");
  EXPECT_EQ(srv("_6000._udp.web.internal"), srv("_53._udp.web.internal"));
  EXPECT_EQ(srv("_6010._udp.web.internal"), srv("_53._udp.web.internal"));
}

TEST(ServiceNames, StandInFrontOfEveryNameOfMachines) {
  EXPECT_EQ(srv("_http._tcp.iad.web.internal"), "0/1/8080/a1");
  EXPECT_EQ(srv("_http._tcp.fra.web.internal"), "0/1/8080/a4");
  EXPECT_EQ(srv("_http._tcp.global.web.internal"), srv("_http._tcp.web.internal"));
  EXPECT_EQ(srv("_http._tcp.app.process.web.internal"), srv("_http._tcp.web.internal"));
  EXPECT_EQ(srv("_5432._tcp.worker.process.web.internal"), "0/1/5433/a2");
  EXPECT_EQ(srv("_http._tcp.healthy.web.internal"), srv("_http._tcp.web.internal"));
  EXPECT_EQ(srv("_53._udp.role.kv._metadata.web.internal"), "0/1/5353/a1 1/1/5353/a2 1/1/5353/a4");
}

// Also in front of those that are not compiled, or not the same for each asker.
TEST(ServiceNames, OfTheNearestAndOfOneMachine) {
  EXPECT_EQ(srv("_53._udp.top2.nearest.of.web.internal"), "0/1/5353/a1 1/1/5353/a2");
  EXPECT_EQ(srv("_53._udp.top9.nearest.of.web.internal"),
            "0/1/5353/a1 1/1/5353/a2 2/1/5353/a3 3/1/5353/a4");
  EXPECT_EQ(srv("_5432._tcp.top1.nearest.of.web.internal"), "NODATA");  // it serves something else
  EXPECT_EQ(srv("_5432._tcp.000000000000a2.vm.web.internal"), "0/1/5433/a2");
  EXPECT_EQ(srv("_http._tcp.000000000000a2.vm.web.internal"), "NODATA");
  EXPECT_EQ(srv("_tcp.000000000000a2.vm.web.internal"), "NODATA");
  EXPECT_EQ(srv("_tcp.top1.nearest.of.web.internal"), "NODATA");
  EXPECT_EQ(srv("_http._tcp.000000000000a5.vm.web.internal"), "NXDOMAIN");  // stopped
  EXPECT_EQ(srv("_http._tcp.000000000000b1.vm.web.internal"), "NXDOMAIN");  // of another app
  EXPECT_EQ(srv("_http._tcp.vm.web.internal"), "NXDOMAIN");
  auto snapshot = World().snapshot();
  for (const char* name :
       {"_53._udp.top9.nearest.of.web.internal", "_5432._tcp.000000000000a2.vm.web.internal",
        "_tcp.000000000000a2.vm.web.internal", "_http._tcp.000000000000a5.vm.web.internal"}) {
    auto both = ask_both_ways(snapshot.get(), audience(), encode({.name = name, .type = kTypeSrv}),
                              asker(), Transport::kTcp);
    EXPECT_EQ(both.difference, "") << name;
  }
}

// What is nearest to one asker is not told to another.
TEST(ServiceNames, TheNearestAreEachAskersOwn) {
  World world;
  world.add(kAcme, {0x1001, "pair", kHostA});
  world.add(kAcme, {0x1002, "pair", kHostA});
  edit_app(world.network(kAcme), "pair").app.services = {
      service(ServiceProtocol::kTcp, 8080, {{80, 80, {"http"}}}, {})};
  Responder responder(audience(), 1);
  responder.set_snapshot(world.snapshot());
  auto query = encode({.name = "_http._tcp.top1.nearest.of.pair.internal", .type = kTypeSrv});
  std::string out(kMaxMessageBytes, '\0');
  for (int turn = 0; turn < 20; ++turn)
    for (std::uint64_t id : {0x1001, 0x1002}) {
      auto handled =
          responder.respond(query, address_of(kAcme, kHostA, id), Transport::kUdp, out.data());
      auto reply = parse_reply(out.substr(0, handled.size)).value();
      ASSERT_EQ(reply.answers.size(), 1U);
      EXPECT_NE(reply.answers[0].find(to_string(MachineId{id}) + ".vm."), std::string::npos);
    }
}

TEST(ServiceNames, ExistWithTheirServiceWhoeverServes) {
  EXPECT_EQ(srv("_http._tcp.worker.process.web.internal"), "NODATA");  // not of this group
  EXPECT_EQ(srv("_http._tcp.cron.process.web.internal"), "NODATA");    // stopped
  EXPECT_EQ(srv("_http._tcp.idle.internal"), "NODATA");
  EXPECT_EQ(srv("_http._tcp.web.internal", asker(), kTypeAaaa), "NODATA");
  EXPECT_EQ(srv("_http._tcp.web.internal", asker(), kTypeA), "NODATA");
  EXPECT_EQ(srv("_http._tcp.web.internal", asker(), kTypeTxt), "NODATA");
  EXPECT_EQ(srv("_http._tcp.web.internal", asker(), kTypeAny), srv("_http._tcp.web.internal"));
  for (const char* name : {"_tcp.web.internal", "_udp.web.internal", "_tcp.fra.web.internal",
                           "_tcp.worker.process.web.internal"})
    EXPECT_EQ(srv(name), "NODATA") << name;
}

TEST(ServiceNames, OthersDoNotExist) {
  for (const char* name : {"_https._tcp.web.internal",     "_tls._tcp.web.internal",
                           "_http._udp.web.internal",      "_443._tcp.web.internal",
                           "_443x._tcp.web.internal",      "_81._tcp.web.internal",
                           "_080._tcp.web.internal",       "_5999._udp.web.internal",
                           "_6011._udp.web.internal",      "_65616._tcp.web.internal",
                           "_._tcp.web.internal",          "http._tcp.web.internal",
                           "_http._sctp.web.internal",     "_http.web.internal",
                           "_http._tcp.syd.web.internal",  "_http._tcp.other.process.web.internal",
                           "_http._tcp.vms.web.internal",  "_http._tcp.process.web.internal",
                           "_udp.idle.internal",           "x._http._tcp.web.internal",
                           "_http._tcp._tcp.web.internal", "_tcp.empty.internal",
                           "_http._tcp.internal",          "_tcp.internal",
                           "_http._tcp.secret.internal"}) {
    EXPECT_EQ(srv(name), "NXDOMAIN") << name;
    for (auto type : {kTypeSrv, kTypeAaaa}) {
      auto both = ask_both_ways(World().snapshot().get(), audience(),
                                encode({.name = name, .type = type}), asker(), Transport::kUdp);
      EXPECT_EQ(both.difference, "") << name;
      EXPECT_EQ(both.outcome.rcode, Rcode::kNxDomain) << name;
    }
  }
}

// docs/dns.md: an app that is reached by TLS alone has no services to name.
TEST(ServiceNames, PortsThatEndTlsHaveNone) {
  World world;
  world.add(kAcme, {0x1001, "safe", kHostA});
  auto ask_with = [&](std::vector<ServicePort> ports, const std::string& name) {
    edit_app(world.network(kAcme), "safe").app.services = {
        service(ServiceProtocol::kTcp, 8080, std::move(ports), {})};
    return brief_sorted(ask(*world.snapshot(), name + ".safe.internal", kTypeSrv));
  };
  const ServicePort plain{80, 80, {"http"}}, secure{443, 443, {"tls", "http"}};
  for (const char* name : {"_http._tcp", "_443._tcp", "_https._tcp", "_tcp"})
    EXPECT_EQ(ask_with({secure}, name), "NXDOMAIN") << name;
  EXPECT_EQ(ask_with({secure, plain}, "_http._tcp"), "0/1/8080/01");
  EXPECT_EQ(ask_with({secure, plain}, "_443._tcp"), "NXDOMAIN");
}

TEST(ServiceNames, OfAnotherNetworkDoNotExist) {
  EXPECT_EQ(srv("_http._tcp.web.internal", address_of(kGlobex, kHostA, 0xc1)), "NXDOMAIN");
}

ParsedReply reply_of(const Snapshot& snapshot, const QueryBytes& query,
                     Transport transport = Transport::kUdp) {
  auto both = ask_both_ways(&snapshot, audience(), encode(query), asker(), transport);
  EXPECT_EQ(both.difference, "") << query.name;
  return *parse_reply(both.outcome.reply);
}

TEST(ServiceNames, BringTheAddressesAlong) {
  auto snapshot = World().snapshot();
  for (int edns : {-1, 1232}) {
    auto reply = reply_of(*snapshot,
                          {.name = "_5432._tcp.web.internal", .type = kTypeSrv, .edns_size = edns});
    EXPECT_EQ(reply.answers,
              (std::vector<std::string>{
                  "_5432._tcp.web.internal. 5 IN SRV 0 1 5433 000000000000a2.vm.web.internal."}));
    EXPECT_EQ(reply.additional,
              (std::vector<std::string>{"000000000000a2.vm.web.internal. 5 IN AAAA " +
                                        to_string(address_of(kAcme, kHostB, 0xa2))}));
    EXPECT_FALSE(reply.truncated);
    EXPECT_EQ(reply.edns, edns > 0);
  }
}

// RFC 2782: clients of old do not expand pointers in a target.
TEST(ServiceNames, TargetsAreNotCompressed) {
  auto snapshot = World().snapshot();
  auto both = ask_both_ways(snapshot.get(), audience(),
                            encode({.name = "_5432._tcp.web.internal", .type = kTypeSrv}), asker(),
                            Transport::kUdp);
  auto target = Name::from_text("000000000000a2.vm.web.internal")->wire();
  EXPECT_NE(both.outcome.reply.find(u16(6 + target.size()) + u16(0) + u16(1) + u16(5433) + target),
            std::string::npos);
}

// Addresses that do not fit are left out without TC; records that do not fit set it.
TEST(ServiceNames, WhatDoesNotFitIsLeftOutByItsWorth) {
  World world;
  for (std::uint64_t id = 0; id < 900; ++id) world.add(kAcme, {0x1000 + id, "big", kHostA});
  edit_app(world.network(kAcme), "big").app.services = {
      service(ServiceProtocol::kTcp, 8080, {{80, 80, {"http"}}}, {})};
  auto snapshot = world.snapshot();
  auto udp = reply_of(*snapshot, {.name = "_http._tcp.big.internal", .type = kTypeSrv});
  EXPECT_TRUE(udp.truncated);
  EXPECT_GE(udp.answers.size(), 8U);
  EXPECT_TRUE(udp.additional.empty());
  auto tcp =
      reply_of(*snapshot, {.name = "_http._tcp.big.internal", .type = kTypeSrv}, Transport::kTcp);
  EXPECT_FALSE(tcp.truncated);
  EXPECT_EQ(tcp.answers.size(), 900U);
  EXPECT_LT(tcp.additional.size(), 900U);

  for (std::uint64_t id = 900; id < 1500; ++id) world.add(kAcme, {0x1000 + id, "big", kHostB});
  auto full = reply_of(*world.snapshot(), {.name = "_http._tcp.big.internal", .type = kTypeSrv},
                       Transport::kTcp);
  EXPECT_FALSE(full.truncated);
  EXPECT_GT(full.answers.size(), 1000U);
  EXPECT_LT(full.answers.size(), 1500U);
  EXPECT_GT(full.additional.size(), 0U);
  auto nearest = std::count_if(
      full.answers.begin(), full.answers.end(),
      [](const std::string& answer) { return answer.find("SRV 0 1 8080 ") != std::string::npos; });
  EXPECT_EQ(nearest, 900) << "none of the nearest is left out";

  World few;
  for (std::uint64_t id = 0; id < 6; ++id) few.add(kAcme, {0x1000 + id, "few", kHostA});
  edit_app(few.network(kAcme), "few").app.services = {
      service(ServiceProtocol::kTcp, 8080, {{80, 80, {"http"}}}, {})};
  auto tight = reply_of(*few.snapshot(), {.name = "_http._tcp.few.internal", .type = kTypeSrv});
  EXPECT_FALSE(tight.truncated);
  EXPECT_EQ(tight.answers.size(), 6U);
  EXPECT_GE(tight.additional.size(), 1U);
  EXPECT_LT(tight.additional.size(), 6U);
}

}  // namespace
}  // namespace sixpn::dns::testing
