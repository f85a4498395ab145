// What tests with clients and servers of other people's making share: their programs run inside
// machines of the lab. Every one is a package that tools/setup --clients installs; where one is
// missing, its test fails.
#pragma once

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

#include "tests/netns/cluster/process.h"
#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {

using sixpn::testing::Finished;
using sixpn::testing::Process;
using sixpn::testing::Words;

inline constexpr const char* kPython = "/usr/bin/python3";  // the one that the packages are for
inline constexpr const char* kNode = "/usr/bin/nodejs";

struct HttpClients : ::testing::Test {
  HttpClients() {
    std::string name = "/tmp/sixpn-http-XXXXXX";
    folder = mkdtemp(name.data());
    cluster.app.services[0].ports[0].handlers = {"http"};
    for (std::uint32_t id : {3u, 4u}) stop_machine(id);
  }
  ~HttpClients() override { std::filesystem::remove_all(folder); }

  void stop_machine(std::uint32_t id) {
    cluster.machines[MachineId{id}].state = MachineState::kStopped;
  }
  static Words inside(std::uint32_t machine, Words words) {
    words.insert(words.begin(), {"nsenter", "--net=" + Lab::instance().machine(machine).path()});
    return words;
  }
  static Finished client(Words words) { return sixpn::testing::run(inside(9, std::move(words))); }

  // Starts a server inside a machine, and waits until it listens.
  void serve(std::uint32_t machine, const std::string& kind,
             const char* program = "tests/netns/flycast/echo_server.py",
             const char* interpreter = kPython) {
    std::string log = folder + "/server" + std::to_string(machine);
    servers.emplace_back(
        inside(machine, {interpreter, program, kind, to_string(lab.address(machine)), "8080"}),
        log);
    ASSERT_TRUE(eventually([&] { return sixpn::testing::read_file(log) == "ready\n"; }))
        << sixpn::testing::read_file(log);
  }
  // It writes IPv6 addresses into Host without brackets, so it is given a name.
  static Finished h2load(Words words) {
    words.insert(words.begin(), {"h2load", "--connect-to=[" + to_string(kFlycast) + "]:80"});
    words.push_back("http://web.flycast/100");
    return client(std::move(words));
  }
  std::string write_body(std::size_t size) {
    std::string body;
    for (std::size_t i = 0; body.size() < size; ++i) body += std::to_string(i * 7919) + "\n";
    sixpn::testing::write_file(folder + "/body", body);
    return body;
  }
  static bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }

  Lab& lab = Lab::instance();
  TestCluster cluster = Lab::cluster();
  std::string folder;
  std::vector<Process> servers;
  const std::string url = "http://[" + to_string(kFlycast) + "]:80";
};

}  // namespace sixpn::flycast
