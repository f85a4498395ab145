// The network that the Flycast tests run in: real namespaces, anonymous, so that they vanish with
// the process however it ends. Three hosts joined by a "wire" that routes between them (in place of
// WireGuard, with the same addresses and routes), machines behind veth pairs as the mesh room lays
// them, and the tproxy rules.
//
//   host 1 (iad): web machine 1, client 9 (app "caller"), client 8 (app "caller", other network)
//   host 2 (fra): web machines 2 and 3      host 3 (nrt): web machine 4
#pragma once

#include <fmt/format.h>

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/fd.h"
#include "base/ip.h"
#include "tests/unit/flycast/test_cluster.h"

namespace sixpn::flycast {

class NetNs {
 public:
  NetNs();  // aborts without root
  // Calls `body` on a thread inside the namespace; sockets made there stay there.
  void run(const std::function<void()>& body) const;
  // Moves the calling thread into the namespace.
  void enter() const;
  // Runs a program inside, `input` on its standard input. Aborts when it fails: no lab, no test.
  void feed(const std::string& program, const std::string& input) const;
  // Runs `ip ...`.
  template <class... Args>
  void ip(fmt::format_string<Args...> arguments, Args&&... args) const {
    feed("ip " + fmt::format(arguments, std::forward<Args>(args)...), "");
  }
  // Packets are lost here until mend(), and nobody is told: those that a rule of nft's says ("drop"
  // for all), of what comes in, and of what leaves. In the place of what was lost before.
  void lose(const std::string& coming, const std::string& leaving = "") const;
  void mend() const;
  [[nodiscard]] std::string path() const;

 private:
  Fd fd_;
};

// Of web's machines in the lab these are started, the others stopped.
void start_only(TestCluster& cluster, const std::set<std::uint32_t>& machines);

class Lab {
 public:
  static Lab& instance();  // made once per process

  // The records that describe the lab, to be varied per test.
  static TestCluster cluster();
  // The same after start_only().
  static TestCluster cluster_of(const std::set<std::uint32_t>& started);

  NetNs& host(std::uint32_t n) { return *hosts_.at(n); }
  NetNs& machine(std::uint32_t id) { return *machines_.at(id); }
  [[nodiscard]] Ip6 address(std::uint32_t machine) const { return addresses_.at(machine); }

 private:
  Lab();
  void join_wire(std::uint32_t n);
  void add_machine(const MachineRecord& machine, std::uint32_t on);

  NetNs wire_;
  std::map<std::uint32_t, std::unique_ptr<NetNs>> hosts_;
  std::map<std::uint32_t, std::unique_ptr<NetNs>> machines_;
  std::map<std::uint32_t, Ip6> addresses_;
};

}  // namespace sixpn::flycast
