#include "agent/metrics_text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>

#include "mesh/core/state.h"
#include "registry/core/address.h"

namespace sixpn::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr NetworkId kNet{0x11};
constexpr HostId kHere{0x10001};
constexpr HostId kThere{0x10002};
constexpr Ip6 kMachine = Ip6::from_words({0xfdaa, 0, 0x11, 1, 1, 0xabcd, 0, 2});

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
    machine->host = n == 1 ? kHere : kThere;
    machine->region = n == 1 ? "iad" : "fra";
    if (n == 1) machine->address = kMachine;
    machine->state = MachineState::kStarted;
    view->machines[machine->id] = machine;
  }
  out.networks[kNet] = view;
  return out;
}

std::string read(const flycast::MeterReadings& readings) {
  AgentReadings all;
  all.meters = readings;
  all.flycast.accepted = 9;
  all.flycast.over_client_limit = 2;
  all.flycast.over_session_limit = 3;
  all.flycast.over_tls_limit = 4;
  return metrics_text(snapshot(), all);
}

// Of every kind there is.
AgentReadings readings_of_all_rooms() {
  AgentReadings all;
  all.dns.udp_queries = 3;
  all.dns.by_type = {{1, 2}, {28, 5}, {65280, 1}};
  all.dns.other_types = 7;
  all.dns.by_rcode[3] = 4;
  all.dns.forward_in_flight = 6;
  dns::UpstreamStats upstream;
  upstream.endpoint = {*parse_ip6("2001:db8::53"), 53};
  upstream.health = dns::UpstreamChoice::Health::kDown;
  upstream.round_trip = std::chrono::milliseconds(12);
  upstream.unanswered = 8;
  all.dns.upstreams = {upstream};
  all.registry.records_accepted = 40;
  all.registry.dropped_flood = 2;
  all.flooding = {HostId{0x10002}, HostId{0x10009}};
  all.wireguard_interface = "sixpn";
  all.devices["sixpn"] = {{100, 10, 1, 2}, {200, 20, 3, 4}};
  all.devices["sx-sixpn"] = {{5, 1, 0, 0}, {6, 1, 0, 0}};
  all.devices["eth0"] = {{777777, 1, 0, 0}, {777777, 1, 0, 0}};
  all.devices[mesh::veth_name(kMachine)] = {{1000, 10, 0, 1}, {2000, 20, 0, 2}};
  using std::chrono::milliseconds;
  machine::MachineUse& use = all.machines[MachineId{1}];
  use.cpu = {milliseconds(12340), milliseconds(19)};
  use.pressure = {milliseconds(1500), milliseconds(20), milliseconds(0)};
  use.processes = {7, 104'857'600, 61};
  use.exit_code = 137;
  all.machines[MachineId{2}].exit_code = 1;  // not of this host, by the registry
  all.warnings = 2;
  all.on_disk = false;
  return all;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

constexpr const char* kOfHost = "region=\"iad\",host=\"h1\"";

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

TEST(MetricsText, WhatTheOtherRoomsTell) {
  Snapshot known = snapshot();
  known.hosts[kHere].valid_until = from_unix_ms(1'790'000'000'500);
  known.hosts[kThere].record.name = "h2";
  known.hosts[kThere].status = HostStatus::kSuspected;
  known.synced = true;
  std::string text = metrics_text(known, readings_of_all_rooms());
  const std::string host = std::string("{") + kOfHost;
  const std::string machine =
      R"({app="web",network="acme/default",region="iad",host="h1",instance=")" +
      to_string(MachineId{1}) + "\"";
  const std::string net = machine + ",device=\"sixpn0\"} ";
  for (const std::string& line :
       {"sixpn_warnings" + host + "} 2",
        "sixpn_certificate_end_timestamp_seconds" + host + "} 1790000000.500000",
        "sixpn_hosts" + host + ",status=\"alive\"} 1",
        "sixpn_hosts" + host + ",status=\"suspected\"} 1",
        "sixpn_hosts" + host + ",status=\"down\"} 0", "sixpn_registry_synced" + host + "} 1",
        "sixpn_registry_on_disk" + host + "} 0",
        "sixpn_registry_records_accepted_total" + host + "} 40",
        "sixpn_registry_dropped_flood_total" + host + "} 2",
        "sixpn_registry_limited" + host + ",peer=\"h2\",peer_id=\"00010002\"} 1",
        "sixpn_registry_limited" + host + ",peer=\"\",peer_id=\"00010009\"} 1",
        "sixpn_registry_enrolment_conflicts_total" + host + "} 0",
        "sixpn_wireguard_received_bytes_total" + host + ",device=\"sixpn\"} 100",
        "sixpn_wireguard_sent_dropped_total" + host + ",device=\"sixpn\"} 4",
        "sixpn_wireguard_sent_bytes_total" + host + ",device=\"sx-sixpn\"} 6",
        "sixpn_dns_queries_total" + host + ",transport=\"udp\"} 3",
        "sixpn_dns_own_queries_total" + host + ",type=\"AAAA\"} 5",
        "sixpn_dns_own_queries_total" + host + ",type=\"TYPE65280\"} 1",
        "sixpn_dns_own_queries_total" + host + ",type=\"other\"} 7",
        "sixpn_dns_replies_total" + host + ",rcode=\"NXDOMAIN\"} 4",
        "fly_instance_cpu" + machine + ",mode=\"user\"} 1234",
        "fly_instance_cpu" + machine + ",mode=\"system\"} 1",
        "fly_instance_exit_code" + machine + "} 137",
        "sixpn_instance_pressure_seconds_total" + machine + ",resource=\"cpu\"} 1.500000",
        "sixpn_instance_pressure_seconds_total" + machine + ",resource=\"memory\"} 0.020000",
        "sixpn_instance_pressure_seconds_total" + machine + ",resource=\"io\"} 0.000000",
        "sixpn_instance_processes" + machine + "} 7",
        "sixpn_instance_memory_anonymous_bytes" + machine + "} 104857600",
        "fly_instance_filefd_allocated" + machine + "} 61",
        "sixpn_dns_forward_in_flight" + host + "} 6",
        "sixpn_dns_upstream_up" + host + ",upstream=\"[2001:db8::53]:53\"} 0",
        "sixpn_dns_upstream_round_trip_seconds" + host +
            ",upstream=\"[2001:db8::53]:53\"} 0.012000",
        // The host's end sends what the machine receives.
        "fly_instance_net_recv_bytes" + net + "2000", "fly_instance_net_sent_bytes" + net + "1000",
        "fly_instance_net_recv_drop" + net + "2"})
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
  EXPECT_THAT(text, Not(HasSubstr("777777"))) << "a device that is not ours";
  EXPECT_THAT(text, Not(HasSubstr(to_string(MachineId{2})))) << "another host's";
  EXPECT_THAT(text, Not(HasSubstr("sixpn_host_up"))) << "not asked for";
}

TEST(MetricsText, EachHostWhereThatIsAskedFor) {
  Snapshot known = snapshot();
  for (HostId id : {kThere, HostId{0x10003}}) {
    known.hosts[id].record.name = "h2";  // one took the other's name
    known.hosts[id].record.region = "fra";
  }
  known.hosts[kThere].round_trip = std::chrono::milliseconds(92);
  known.hosts[HostId{0x10003}].status = HostStatus::kDown;
  AgentReadings all;
  EachHost& each = all.each_host.emplace();
  each.mesh.peers[kThere] = {{}, std::chrono::seconds(70), 11, 22};
  each.clocks_ahead[kThere] = std::chrono::milliseconds(-1500);
  std::string text = metrics_text(known, all);
  const std::string about = std::string("{") + kOfHost +
                            ",peer=\"h2\",peer_region=\"fra\",peer_id=\"" + to_string(kThere) +
                            "\"} ";
  for (const std::string& line :
       {"sixpn_host_up" + about + "1", "sixpn_host_round_trip_seconds" + about + "0.092000",
        "sixpn_host_clock_ahead_seconds" + about + "-1.500000",
        "sixpn_host_handshake_age_seconds" + about + "70.000000",
        "sixpn_host_received_bytes_total" + about + "11",
        "sixpn_host_sent_bytes_total" + about + "22",
        std::string("sixpn_host_up{") + kOfHost + ",peer=\"h2\",peer_region=\"fra\",peer_id=\"" +
            to_string(HostId{0x10003}) + "\"} 0"})
    EXPECT_TRUE(has_line(text, line)) << line << "\n" << text;
  EXPECT_THAT(text, Not(HasSubstr("peer=\"h1\""))) << "itself";
}

// Every sample belongs to the family above it, and no family comes twice.
TEST(MetricsText, SamplesStandWithTheirType) {
  AgentReadings all = readings_of_all_rooms();
  all.each_host.emplace();
  for (const char* name : {"web", "api"}) all.meters.apps.push_back({kNet, name, {}});
  std::istringstream lines(metrics_text(snapshot(), all));
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
  EXPECT_GT(seen.size(), 110u);
}

}  // namespace
}  // namespace sixpn::agent
