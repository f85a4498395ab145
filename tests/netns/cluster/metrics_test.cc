// The metrics of real agents, scraped after real requests.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <sstream>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

constexpr const char* kServices = R"(
app = "web"
[http_service]
internal_port = 8080
[[services]]
protocol = "tcp"
internal_port = 8080
[[services.ports]]
port = 81
)";

constexpr const char* kLarge = R"(
import os, time
one = min(os.sched_getaffinity(0))
for _ in range(2):
    if os.fork() == 0:
        os.sched_setaffinity(0, {one})
        while True: pass
memory = b"x" * 100_000_000
files = [open("/dev/null") for _ in range(50)]
time.sleep(1000)
)";

constexpr const char* kServer = R"(
import http.server, socket
class Answer(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        self.send_response(404 if self.path == '/none' else 200)
        self.send_header('Content-Length', '0')
        self.end_headers()
    def do_POST(self):
        body = self.rfile.read(int(self.headers['Content-Length']))
        self.send_response(200)
        self.send_header('Content-Length', str(2 * len(body)))
        self.end_headers()
        self.wfile.write(body + body)
    def log_message(self, *words): pass
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
Server(('::', 8080), Answer).serve_forever()
)";

class Metrics : public ::testing::Test {
 protected:
  Metrics() : cluster_("metr") {
    cluster_.add_host("a", "iad");
    cluster_.add_host("b", "fra");
  }

  std::string metrics_of(const std::string& host) {
    auto scraped =
        cluster_.on_host(host, {"curl", "-sS", "--unix-socket", cluster_.host(host).socket(),
                                "http://x/v1/metrics" + query_});
    EXPECT_EQ(scraped.status, 0) << scraped.err;
    return scraped.out;
  }
  // The sum of a name's samples whose labels have all of these.
  double sum(const std::string& host, const std::string& name, const Words& labels = {}) {
    std::istringstream lines(metrics_of(host));
    double all = 0;
    for (std::string line; std::getline(lines, line);) {
      bool wanted = line.starts_with(name + "{");
      for (const auto& label : labels) wanted = wanted && line.find(label) != std::string::npos;
      if (wanted) all += std::stod(line.substr(line.rfind(' ') + 1));
    }
    return all;
  }

  Cluster cluster_;
  std::string query_;  // of what is scraped
};

TEST_F(Metrics, TellWhatRequestsMet) {
  ASSERT_NO_FATAL_FAILURE(cluster_.form());
  std::string config = cluster_.host("a").folder + "/fly.toml";
  write_file(config, kServices);
  cluster_.must("a", {"apps", "create", "web", "--org", "acme", "--config", config});
  cluster_.must("a", {"apps", "create", "client", "--org", "acme"});
  cluster_.must("a", {"ips", "allocate-v6", "--private", "-a", "web"});
  ASSERT_TRUE(eventually([&] {
    return cluster_.must("b", {"apps", "list"}).find("web") != std::string::npos;
  }));
  auto web = cluster_.run_machine("b", {"--app", "web", "--", "python3", "-c", kServer});
  auto client = cluster_.run_machine("a", {"--app", "client", "--", "sleep", "1000"});
  auto get = [&](const std::string& url) {
    return cluster_.in_machine("a", client, {"curl", "-sS", "--max-time", "60", "http://" + url});
  };
  ASSERT_TRUE(eventually([&] { return get("web.flycast/").status == 0; }));
  const std::string instance = "instance=\"" + web + "\"";
  const std::string app = "app=\"web\"";
  double before = sum("a", "fly_edge_http_responses_count", {app});
  double answered = sum("a", "fly_app_http_responses_count", {instance});
  double given = sum("b", "fly_app_tcp_connects_count", {instance});
  EXPECT_EQ(get("web.flycast/[1-5]").status, 0);
  EXPECT_EQ(get("web.flycast/none").status, 0);
  EXPECT_EQ(get("web.flycast:81/").status, 0);
  EXPECT_EQ(sum("a", "fly_edge_http_responses_count", {app}), before + 6) << "not what is raw TCP";
  EXPECT_EQ(sum("a", "fly_edge_http_responses_count", {app, "status=\"404\""}), 1);
  EXPECT_EQ(sum("a", "fly_app_http_responses_count", {instance, "region=\"fra\""}), answered + 6);
  EXPECT_EQ(sum("a", "fly_app_http_response_time_seconds_count", {instance}), answered + 6);
  EXPECT_EQ(sum("a", "fly_edge_http_response_time_seconds_bucket", {app, "le=\"+Inf\""}),
            before + 6);
  EXPECT_GT(sum("a", "fly_app_connect_time_seconds_count", {instance}), 0);
  EXPECT_GT(sum("b", "fly_app_tcp_connects_count", {instance}), given);
  EXPECT_EQ(sum("b", "fly_instance_up", {instance}), 1);
  EXPECT_TRUE(eventually([&] {
    return sum("a", "fly_edge_tcp_connects_count", {app}) ==
               sum("a", "fly_edge_tcp_disconnects_count", {app}) &&
           sum("b", "fly_app_concurrency", {instance}) == 0;
  })) << "all have ended";
  EXPECT_GE(sum("a", "sixpn_flycast_accepted_total"), 3);

  // Bytes, while a connection is open, read as HTTP and not.
  for (const char* port : {"80", "81"}) {
    constexpr double kBody = 3'000'000;
    double in = sum("a", "fly_edge_data_in", {app});
    double out = sum("a", "fly_edge_data_out", {app});
    auto sent = cluster_.in_machine(
        "a", client,
        {"sh", "-c",
         "head -c 3000000 /dev/zero | curl -sS --max-time 60 --data-binary @- -o /dev/null "
         "http://web.flycast:" +
             std::string(port)});
    EXPECT_EQ(sent.status, 0) << sent.err;
    double received = sum("a", "fly_edge_data_in", {app}) - in;
    double given_back = sum("a", "fly_edge_data_out", {app}) - out;
    EXPECT_GT(received, kBody) << port;
    EXPECT_LT(received, kBody + 1000) << port;
    EXPECT_GT(given_back, 2 * kBody) << port;
    EXPECT_LT(given_back, 2 * kBody + 1000) << port;
  }
  EXPECT_EQ(sum("b", "fly_edge_data_in", {app}), 0) << "it has no clients";
}

TEST_F(Metrics, TellOfHostsNamesAndMachinesTraffic) {
  ASSERT_NO_FATAL_FAILURE(cluster_.form());
  cluster_.must("a", {"apps", "create", "web", "--org", "acme"});
  ASSERT_TRUE(eventually([&] {
    return cluster_.must("b", {"apps", "list"}).find("web") != std::string::npos;
  }));
  auto on_a = cluster_.run_machine("a", {"--app", "web", "--", "sleep", "1000"});
  auto on_b = cluster_.run_machine("b", {"--app", "web", "--", "sleep", "1000"});
  ASSERT_TRUE(eventually([&] { return cluster_.dig("a", on_a, "web.internal").size() == 2; }));
  EXPECT_EQ(sum("a", "sixpn_hosts", {"status=\"alive\""}), 2);
  EXPECT_EQ(sum("a", "sixpn_registry_synced"), 1);
  EXPECT_EQ(sum("a", "sixpn_registry_on_disk"), 1);

  double asked = sum("a", "sixpn_dns_own_queries_total", {"type=\"AAAA\""});
  double absent = sum("a", "sixpn_dns_replies_total", {"rcode=\"NXDOMAIN\""});
  cluster_.dig("a", on_a, "web.internal");
  cluster_.dig("a", on_a, "none.internal");
  EXPECT_EQ(sum("a", "sixpn_dns_own_queries_total", {"type=\"AAAA\""}), asked + 2);
  EXPECT_EQ(sum("a", "sixpn_dns_replies_total", {"rcode=\"NXDOMAIN\""}), absent + 1);

  // 100 packets of 1,048 bytes with their IPv6 and ICMP headers, and the veth's 14 each; and as
  // many back.
  const std::vector<std::string> of_a = {"instance=\"" + on_a + "\"", "device=\"sixpn0\""};
  const std::vector<std::string> of_b = {"instance=\"" + on_b + "\"", "device=\"sixpn0\""};
  constexpr double kBytes = 100 * (1000 + 8 + 40 + 14);
  double sent = sum("a", "fly_instance_net_sent_bytes", of_a);
  double received = sum("b", "fly_instance_net_recv_bytes", of_b);
  double through = sum("a", "sixpn_wireguard_sent_bytes_total");
  auto pinged = cluster_.in_machine("a", on_a,
                                    {"ping", "-q", "-c", "100", "-i", "0.002", "-s", "1000",
                                     cluster_.machine_address("b", on_b)});
  EXPECT_EQ(pinged.status, 0) << pinged.out;
  auto is_near = [](double counted, double wanted) {
    return counted >= wanted && counted < wanted * 1.1;
  };
  EXPECT_TRUE(is_near(sum("a", "fly_instance_net_sent_bytes", of_a) - sent, kBytes));
  EXPECT_TRUE(is_near(sum("b", "fly_instance_net_recv_bytes", of_b) - received, kBytes));
  EXPECT_GT(sum("a", "sixpn_wireguard_sent_bytes_total") - through, 100 * (1000 + 8 + 40));
  EXPECT_EQ(sum("a", "fly_instance_net_sent_bytes", {"instance=\"" + on_b + "\""}), 0) << "of b's";

  // Half a second of it, after which it ends.
  auto busy = cluster_.run_machine(
      "a", {"--app", "web", "--", "python3", "-c",
            "import sys, time\nwhile time.process_time() < 0.5: pass\ntime.sleep(2)\nsys.exit(7)"});
  const std::vector<std::string> of_busy = {"instance=\"" + busy + "\""};
  EXPECT_TRUE(eventually([&] { return sum("a", "fly_instance_cpu", of_busy) >= 49; }));
  EXPECT_LT(sum("a", "fly_instance_cpu", of_busy), 200);
  EXPECT_TRUE(eventually([&] { return sum("a", "fly_instance_exit_code", of_busy) == 7; }));
  EXPECT_EQ(sum("a", "fly_instance_cpu", of_busy), 0) << "it runs no more";

  // 100 MB of its own and 50 files, in one of its three processes; two that want one processor.
  auto large = cluster_.run_machine("a", {"--app", "web", "--", "python3", "-c", kLarge});
  const std::vector<std::string> of_large = {"instance=\"" + large + "\""};
  EXPECT_TRUE(
      eventually([&] { return sum("a", "fly_instance_filefd_allocated", of_large) >= 50; }));
  EXPECT_LT(sum("a", "fly_instance_filefd_allocated", of_large), 100);
  double memory = sum("a", "sixpn_instance_memory_anonymous_bytes", of_large);
  EXPECT_GE(memory, 100e6);
  EXPECT_LT(memory, 150e6);
  double processes = sum("a", "sixpn_instance_processes", of_large);
  EXPECT_GE(processes, 3);
  EXPECT_LE(processes, 4) << "the shim too";
  EXPECT_TRUE(eventually([&] {
    return sum("a", "sixpn_instance_pressure_seconds_total", {of_large[0], "resource=\"cpu\""}) >
           0.1;
  }));
  cluster_.must("a", {"machine", "stop", large});
  EXPECT_EQ(sum("a", "sixpn_instance_processes", of_large), 0);

  const std::vector<std::string> of_host = {"peer=\"b\"", "peer_region=\"fra\""};
  EXPECT_EQ(sum("a", "sixpn_host_up", of_host), 0) << "not unasked";
  query_ = "?hosts=each";
  EXPECT_EQ(sum("a", "sixpn_host_up", of_host), 1);
  EXPECT_GT(sum("a", "sixpn_host_sent_bytes_total", of_host), 100 * (1000 + 8 + 40));
  EXPECT_LT(sum("a", "sixpn_host_handshake_age_seconds", of_host), 180);
  EXPECT_TRUE(eventually([&] {
    double round_trip = sum("a", "sixpn_host_round_trip_seconds", of_host);
    return round_trip > 0.05 && round_trip < 0.5;  // 92 ms lie between them
  }));
  query_ = "?hosts=none";
  EXPECT_THAT(metrics_of("a"), HasSubstr("hosts: expected \\\"each\\\", found \\\"none\\\""));
  query_ = "";

  cluster_.kill_host("b");
  EXPECT_TRUE(eventually([&] { return sum("a", "sixpn_hosts", {"status=\"down\""}) == 1; }, 30s));
}

}  // namespace
}  // namespace sixpn::testing
