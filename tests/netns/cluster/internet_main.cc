// sixpn-test-internet: the simulated internet as a program, for tools/demo and tools/bench.
//   sixpn-test-internet NAME,NETNS_PATH,ADDRESS,REGION ...
// prints "ready", then obeys lines on standard input until it ends: "cut A B", "cut-off A", "heal",
// "loss 0.05".
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "tests/netns/cluster/internet.h"

namespace {

struct Host {
  std::string name, netns, address, region;
};

bool parse_host(const std::string& text, Host& host) {
  std::istringstream fields(text);
  return std::getline(fields, host.name, ',') && std::getline(fields, host.netns, ',') &&
         std::getline(fields, host.address, ',') && std::getline(fields, host.region, ',');
}

bool obey(sixpn::testing::Internet& internet, const std::string& line) {
  std::istringstream words(line);
  std::string verb, a, b;
  words >> verb >> a >> b;
  if (verb == "heal")
    internet.heal();
  else if (verb == "cut-off" && !a.empty())
    internet.cut_off(a);
  else if (verb == "cut" && !b.empty())
    internet.cut(a, b);
  else if (verb == "loss" && !a.empty())
    internet.set_loss(std::stod(a));
  else
    return false;
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  sixpn::testing::Internet internet;
  std::vector<Host> hosts;
  for (int i = 1; i < argc; ++i) {
    Host host;
    if (!parse_host(argv[i], host)) {
      std::cerr << "expected NAME,NETNS_PATH,ADDRESS,REGION, found " << argv[i] << "\n";
      return 2;
    }
    auto added = internet.add_host(host.name, host.netns, host.address);
    if (!added) {
      std::cerr << added.error().message << "\n";
      return 1;
    }
    for (const auto& other : hosts)
      internet.set_delay(host.name, other.name,
                         sixpn::testing::region_delay(host.region, other.region));
    hosts.push_back(host);
  }
  internet.start();
  std::cout << "ready" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    bool known = obey(internet, line);
    std::cout << (known ? "ok" : "unknown command: " + line) << std::endl;
  }
}
