// Wake: three real agents, an app with a machine on two of them, and clients: what the tests of
// sleeping, suspended and checked machines begin with.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "tests/netns/cluster/cluster.h"

namespace sixpn::testing {

namespace json = boost::json;
using namespace std::chrono_literals;

// Says its machine's id to whoever connects, and waits for the end of the stream.
inline constexpr const char* kServer = R"(
import os, socket, threading
def serve(peer):
    peer.sendall(os.environ['FLY_MACHINE_ID'].encode())
    peer.recv(1)
    peer.close()
server = socket.create_server(('::', 8080), family=socket.AF_INET6, backlog=512)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
)";

// Connects `argv[2]` times at once to argv[1], port 80; prints what each was told.
inline constexpr const char* kClients = R"(
import socket, sys
ends = []
for _ in range(int(sys.argv[2])):
    end = socket.socket(socket.AF_INET6)
    end.settimeout(60)
    end.setblocking(False)
    end.connect_ex((sys.argv[1], 80))
    ends.append(end)
for end in ends:
    end.settimeout(60)
    try:
        print(end.recv(64).decode() or 'closed')
    except OSError as failed:
        print(failed)
)";

// Hosts a and b in iad with a machine of web each, c in fra; a client on a and on c.
class Wake : public ::testing::Test {
 protected:
  Wake() : cluster_("wake") {
    const std::string idle = "[flycast]\nidle_after = \"2s\"\n";
    cluster_.add_host("a", "iad", idle);
    cluster_.add_host("b", "iad", idle);
    cluster_.add_host("c", "fra", idle);
  }

  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(cluster_.form());
    std::string config = cluster_.host("a").folder + "/fly.toml";
    write_file(config, kWebService);
    cluster_.must("a", {"apps", "create", "web", "--org", "acme", "--config", config});
    cluster_.must("a", {"apps", "create", "client", "--org", "acme"});
    auto address = cluster_.must("a", {"ips", "allocate-v6", "--private", "-a", "web"});
    for (const auto& name : {"b", "c"})
      ASSERT_TRUE(eventually([&, host = std::string(name)] {
        auto apps = cluster_.must(host, {"apps", "list"});
        return apps.find("web") != std::string::npos && apps.find("client") != std::string::npos;
      }));
    for (const auto& name : {"a", "b"})
      web_[name] = cluster_.run_machine(name, {"--app", "web", "--", "python3", "-c", kServer});
    for (const auto& name : {"a", "c"})
      client_[name] = cluster_.run_machine(name, {"--app", "client", "--", "sleep", "1000"});
    for (const auto& name : {"a", "c"}) {
      ASSERT_TRUE(eventually([&, host = std::string(name)] { return dial(host, 1).size() == 1; }));
      flycast_ = cluster_.dig(name, client_[name], "web.flycast").at(0);
    }
  }

  // What each of `count` connections from the client of a host was told: a machine's id, or why
  // not.
  std::vector<std::string> dial(const std::string& host, int count) {
    auto addresses = cluster_.dig(host, client_[host], "web.flycast");
    if (addresses.empty()) return {};
    auto done = cluster_.in_machine(
        host, client_[host], {"python3", "-c", kClients, addresses[0], std::to_string(count)}, 90s);
    return lines(done.out);
  }

  static std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> found;
    for (std::size_t at = 0; at < text.size();) {
      auto end = std::min(text.find('\n', at), text.size());
      found.push_back(text.substr(at, end - at));
      at = end + 1;
    }
    return found;
  }

  json::object machine(const std::string& viewer, const std::string& id) {
    return json::parse(cluster_.must(viewer, {"--json", "machine", "status", id})).as_object();
  }
  std::string state(const std::string& viewer, const std::string& id) {
    return std::string(machine(viewer, id).at("state").as_string());
  }
  std::string health(const std::string& viewer, const std::string& id) {
    return std::string(machine(viewer, id).at("health").as_string());
  }
  // Gives web these lines for its service.
  void deploy(const std::string& service_lines) {
    std::string text(kWebService);
    text.insert(text.find("[[services.ports]]"), service_lines);
    std::string config = cluster_.host("a").folder + "/changed.toml";
    write_file(config, text);
    cluster_.must("a", {"deploy", "--config", config, "-a", "web"});
  }
  void stop_all() {
    for (const auto& [host, id] : web_) cluster_.must(host, {"machine", "stop", id});
    for (const auto& viewer : {"a", "b", "c"})
      for (const auto& [host, id] : web_)
        ASSERT_TRUE(eventually([&, at = std::string(viewer), machine = id] {
          return state(at, machine) == "stopped";
        }));
  }
  int running() {
    return static_cast<int>(std::ranges::count_if(
        web_, [&](const auto& entry) { return state(entry.first, entry.second) != "stopped"; }));
  }

  Cluster cluster_;
  std::map<std::string, std::string> web_, client_;
  std::string flycast_;
};

}  // namespace sixpn::testing
