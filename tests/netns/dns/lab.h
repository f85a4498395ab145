// Lab: a host with the real resolver at fdaa::3 and a machine that asks it, each in a network
// namespace of its own, joined by a link that is recorded. What a program finds inside the machine
// is what programs of real machines find: /etc/resolv.conf names fdaa::3 and nothing else, nobody
// but the resolver answers. At port 80 of every address of fdaa::/16 there is a web page, for
// clients that look up names in order to connect.
//
// Gone with the object; the machine it runs on keeps its own /etc. Root only.
#pragma once

#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "base/io/event_loop.h"
#include "dns/io/dns_service.h"
#include "tests/netns/cluster/process.h"
#include "tests/netns/dns/capture.h"
#include "tests/netns/mesh/netns.h"
#include "tests/unit/dns/world.h"

namespace sixpn::dns::testing {

using sixpn::testing::Finished;
using sixpn::testing::Words;

inline constexpr const char* kResolver = "fdaa::3";
inline constexpr const char* kApp = "app.internal";     // two machines
inline constexpr const char* kBigApp = "big.internal";  // kBigAppMachines
inline constexpr const char* kAppWithoutMachines = "empty.internal";
inline constexpr const char* kMissing = "nothere.internal";
inline constexpr std::uint64_t kBigAppMachines = 200;

class Lab {
 public:
  Lab();
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  // Runs a program to its end inside the machine.
  Finished run(const Words& argv, std::chrono::milliseconds limit = std::chrono::seconds(120));
  // From now on the resolver is as after a start without disk state: it does not know yet.
  void forget_registry();
  // The machine's link.
  Capture& link() { return *link_; }
  // For a test's files; gone with the lab.
  [[nodiscard]] const std::string& folder() const { return folder_; }

 private:
  void lay_link();
  void serve_pages(const std::stop_token& stop);
  void start_resolver();

  std::string folder_;
  mesh::NetNs host_, machine_;
  std::unique_ptr<Capture> link_;
  EventLoop loop_{"dns"};
  std::unique_ptr<DnsService> service_;
  Fd pages_;
  std::jthread page_server_;
};

}  // namespace sixpn::dns::testing
