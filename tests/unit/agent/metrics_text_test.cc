#include "agent/metrics_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>

#include "registry/core/address.h"

namespace sixpn::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr NetworkId kNet{0x11};
constexpr HostId kHere{0x10001};

Snapshot snapshot() {
  Snapshot out;
  out.self = kHere;
  out.hosts[kHere].record.name = "h1";
  out.hosts[kHere].record.region = "iad";
  auto view = std::make_shared<NetworkView>();
  view->network = {kNet, "acme", "default"};
  for (std::uint64_t n : {1, 2}) {
    auto machine = std::make_shared<MachineRecord>();
    machine->id = MachineId{n};
    machine->network = kNet;
    machine->app = "web";
    machine->host = n == 1 ? kHere : HostId{0x10002};
    machine->region = n == 1 ? "iad" : "fra";
    machine->state = MachineState::kStarted;
    view->machines[machine->id] = machine;
  }
  out.networks[kNet] = view;
  return out;
}

std::string read(const flycast::MeterReadings& readings) {
  flycast::FlycastStats stats;
  stats.accepted = 9;
  stats.over_client_limit = 2;
  stats.over_session_limit = 3;
  stats.over_tls_limit = 4;
  return metrics_text(snapshot(), stats, readings);
}

TEST(MetricsText, AppsAndMachinesUnderFlysNames) {
  flycast::MeterReadings readings;
  flycast::AppMeter app{5, 2, {}};
  app.responses[200].add(std::chrono::milliseconds(3));
  app.responses[200].add(std::chrono::seconds(20));
  app.handshakes.times["TLSv1.3"].add(std::chrono::milliseconds(3));
  app.handshakes.errors[""] = 4;
  readings.apps.push_back({kNet, "web", app, 12, 3456});
  flycast::MachineMeter machine;
  machine.responses[404].add(std::chrono::milliseconds(1));
  readings.machines.push_back({kNet, MachineId{2}, machine});
  readings.hosted.push_back({{MachineId{1}, 8080}, 7, 3, 1});
  std::string text = read(readings);
  const std::string edge = R"({app="web",network="acme/default",region="iad",host="h1")";
  EXPECT_THAT(text, HasSubstr("# TYPE fly_edge_tcp_connects_count counter\n"
                              "fly_edge_tcp_connects_count" +
                              edge + "} 5\n"));
  EXPECT_THAT(text, HasSubstr("fly_edge_tcp_disconnects_count" + edge + "} 2\n"));
  EXPECT_THAT(text, HasSubstr("fly_edge_data_in" + edge + "} 12\n"));
  EXPECT_THAT(text, HasSubstr("fly_edge_data_out" + edge + "} 3456\n"));
  EXPECT_THAT(text, HasSubstr("fly_edge_tls_handshake_time_seconds_count" + edge +
                              ",version=\"TLSv1.3\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("fly_edge_tls_handshake_errors" + edge + ",servername=\"\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("fly_edge_http_responses_count" + edge + ",status=\"200\"} 2\n"));
  const std::string bucket =
      "fly_edge_http_response_time_seconds_bucket" + edge + ",status=\"200\",le=\"";
  EXPECT_THAT(text, HasSubstr(bucket + "0.0025\"} 0\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "0.005\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "10\"} 1\n"));
  EXPECT_THAT(text, HasSubstr(bucket + "+Inf\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("fly_edge_http_response_time_seconds_sum" + edge +
                              ",status=\"200\"} 20.003000\n"));
  EXPECT_THAT(text, HasSubstr(R"(fly_app_http_responses_count{app="web",network="acme/default",)"
                              R"(region="fra",host="h1",instance=")" +
                              to_string(MachineId{2}) + "\",status=\"404\"} 1\n"))
      << "where the machine is, by whom it was seen";
  const std::string hosted = edge + ",instance=\"" + to_string(MachineId{1}) + "\"";
  EXPECT_THAT(text, HasSubstr("fly_app_concurrency" + hosted + ",port=\"8080\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("sixpn_app_queue" + hosted + ",port=\"8080\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("fly_app_tcp_connects_count" + hosted + ",port=\"8080\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("fly_app_tcp_disconnects_count" + hosted + ",port=\"8080\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("fly_instance_up" + hosted + "} 1\n"));
  const std::string limited = "fly_edge_tcp_rate_limited_count{region=\"iad\",host=\"h1\",type=";
  EXPECT_THAT(text, HasSubstr(limited + "\"connections\"} 5\n"));
  EXPECT_THAT(text, HasSubstr(limited + "\"tls\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("sixpn_flycast_accepted_total{region=\"iad\",host=\"h1\"} 9\n"));
}

TEST(MetricsText, WhatTheRegistryDoesNotKnowIsLeftOut) {
  flycast::MeterReadings readings;
  readings.apps.push_back({NetworkId{0x99}, "gone", {}});
  readings.machines.push_back({kNet, MachineId{77}, {}});
  std::string text = read(readings);
  EXPECT_THAT(text, Not(HasSubstr("gone")));
  EXPECT_THAT(text, Not(HasSubstr("fly_app_connect_time_seconds")));
}

TEST(MetricsText, NamesCannotBreakOut) {
  flycast::MeterReadings readings;
  readings.apps.push_back({kNet, "a\"b\\c\nd", {}});
  EXPECT_THAT(read(readings), HasSubstr(R"(app="a\"b\\c\nd",)"));
}

// Every sample belongs to the family above it, and no family comes twice.
TEST(MetricsText, SamplesStandWithTheirType) {
  flycast::MeterReadings readings;
  for (const char* name : {"web", "api"}) readings.apps.push_back({kNet, name, {}});
  std::istringstream lines(read(readings));
  std::string family;
  std::set<std::string> seen;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# HELP ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(seen.insert(family).second) << line;
    } else if (!line.starts_with("#")) {
      EXPECT_TRUE(line.starts_with(family)) << line;
    }
  }
  EXPECT_GT(seen.size(), 30u);
}

}  // namespace
}  // namespace sixpn::agent
