#include "flycast/core/meters.h"

#include <gtest/gtest.h>

#include <string>
#include <tuple>
#include <vector>

#include "flycast/core/stats.h"
#include "flycast/io/guarded.h"

namespace sixpn::flycast {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr NetworkId kNet{7};

TEST(TimeHistogram, EachTimeIsInTheFirstClassThatHoldsIt) {
  TimeHistogram times;
  times.add(microseconds(0));
  times.add(milliseconds(1));
  times.add(microseconds(1001));
  times.add(seconds(10));
  times.add(seconds(11));
  EXPECT_EQ(times.counts.front(), 2u) << "a bound belongs to its class";
  EXPECT_EQ(times.counts.at(1), 1u);
  EXPECT_EQ(times.counts.at(times.counts.size() - 2), 1u);
  EXPECT_EQ(times.counts.back(), 1u);
  EXPECT_EQ(times.sum, milliseconds(21'002) + microseconds(1));
}

TEST(Meters, AConnectionCountsUntilItsTokenGoes) {
  Meters meters;
  auto first = Meters::connection(meters.app(kNet, "web"));
  auto second = Meters::connection(meters.app(kNet, "web"));
  first.reset();
  EXPECT_EQ(meters.app(kNet, "web")->connects, 2u);
  EXPECT_EQ(meters.app(kNet, "web")->disconnects, 1u);
  EXPECT_EQ(meters.app(NetworkId{8}, "web")->connects, 0u) << "an app of another network";
}

TEST(Meters, ATicketKeepsItsConnectionCounted) {
  Meters meters;
  GuardedCounts<OpenCounts<int>> counts;
  {
    auto ticket = *counts.admit(1, 0);
    ticket.keep(Meters::connection(meters.app(kNet, "web")));
    GuardedCounts<OpenCounts<int>>::Ticket moved;
    moved = std::move(ticket);
    EXPECT_EQ(meters.app(kNet, "web")->disconnects, 0u);
    moved = {};
    EXPECT_EQ(meters.app(kNet, "web")->disconnects, 1u);
    EXPECT_EQ(counts.open(1), 0u);
  }
  EXPECT_EQ(meters.app(kNet, "web")->disconnects, 1u) << "once";
}

TEST(Meters, WhatIsBeyondTheBoundsIsCountedAsThat) {
  Meters meters;
  AdmissionMeter admissions;
  for (std::uint64_t n = 0; n < kMostMetered; ++n) {
    EXPECT_NE(meters.app(kNet, std::to_string(n)), nullptr);
    EXPECT_NE(meters.machine(kNet, MachineId{n}), nullptr);
    admissions.on_admitted({MachineId{n}, 80});
  }
  EXPECT_EQ(meters.left_out(), 0u);
  EXPECT_EQ(admissions.left_out(), 0u);
  EXPECT_EQ(meters.app(kNet, "late"), nullptr);
  EXPECT_EQ(meters.machine(kNet, MachineId{kMostMetered}), nullptr);
  EXPECT_EQ(Meters::connection(meters.app(kNet, "late")), nullptr);
  admissions.on_admitted({MachineId{kMostMetered}, 80});
  EXPECT_EQ(admissions.left_out(), 1u);
  EXPECT_EQ(meters.left_out(), 3u);
  EXPECT_NE(meters.app(kNet, "7"), nullptr) << "who is known goes on";
  auto app = meters.app(kNet, "7");
  for (int status = 0; status <= static_cast<int>(kMostStatuses); ++status)
    meters.on_response(&app->responses, 200 + status, milliseconds(1));
  EXPECT_EQ(app->responses.size(), kMostStatuses);
  EXPECT_EQ(meters.left_out(), 4u);
  meters.on_response(nullptr, 200, milliseconds(1));
}

TEST(Meters, MachinesThatAreGoneAreForgotten) {
  Meters meters;
  auto kept = meters.machine(kNet, MachineId{1});
  meters.machine(kNet, MachineId{2});
  AdmissionMeter admissions;
  admissions.on_admitted({MachineId{1}, 80});
  admissions.on_admitted({MachineId{2}, 80});
  auto is_known = [](MachineId id) { return id == MachineId{2}; };
  meters.forget_machines_unless(is_known);
  admissions.forget_machines_unless(is_known);
  EXPECT_EQ(meters.machines().size(), 1u);
  EXPECT_EQ(admissions.admitted().size(), 1u);
  kept->connects.add(milliseconds(1));  // whoever dials it just now is not hurt
}

// Of two loops: what both met is added, what one met stays, in order.
TEST(MeterReadings, OfSeveralLoopsAreOne) {
  auto app = [](const char* name, std::uint64_t connects, std::uint64_t in) {
    MeterReadings::App one{kNet, name, {}, in, 2 * in};
    one.meter.connects = connects;
    one.meter.responses[200].add(milliseconds(1));
    one.meter.handshakes.times["TLSv1.3"].add(milliseconds(2));
    ++one.meter.handshakes.errors["web.flycast"];
    return one;
  };
  auto machine = [](std::uint64_t id) {
    MeterReadings::Machine one{kNet, MachineId{id}, {}};
    one.meter.connects.add(milliseconds(3));
    return one;
  };
  MeterReadings all{{app("api", 1, 10), app("web", 2, 20)}, {machine(1), machine(3)}, {}, 1};
  all.add({{app("db", 4, 40), app("web", 8, 80)}, {machine(2), machine(3)}, {}, 2});
  std::vector<std::tuple<std::string, std::uint64_t, std::uint64_t, std::uint64_t>> apps;
  for (const auto& one : all.apps)
    apps.emplace_back(one.name, one.meter.connects, one.data_in, one.data_out);
  EXPECT_EQ(apps, (decltype(apps){{"api", 1, 10, 20}, {"db", 4, 40, 80}, {"web", 10, 100, 200}}));
  const AppMeter& web = all.apps.back().meter;
  EXPECT_EQ(web.responses.at(200).sum, milliseconds(2));
  EXPECT_EQ(web.handshakes.times.at("TLSv1.3").sum, milliseconds(4));
  EXPECT_EQ(web.handshakes.errors.at("web.flycast"), 2u);
  ASSERT_EQ(all.machines.size(), 3u);
  EXPECT_EQ(all.machines[1].machine, MachineId{2});
  EXPECT_EQ(all.machines[2].meter.connects.sum, milliseconds(6));
  EXPECT_EQ(all.left_out, 3u);
}

TEST(FlycastStats, AreAddedMemberByMember) {
  FlycastStats one, two;
  one.accepted = 1;
  one.sessions = 2;
  two.accepted = 10;
  two.http_requests = 5;
  one += two;
  EXPECT_EQ(one.accepted, 11u);
  EXPECT_EQ(one.http_requests, 5u);
  EXPECT_EQ(one.sessions, 2u);
}

}  // namespace
}  // namespace sixpn::flycast
