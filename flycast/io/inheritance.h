// Inheritance: what a proxy that takes the place of another on this host gets from it
// (departure.h): the listening sockets at once, and for as long as the other still serves what it
// had begun, connections that it lets go of, and how many it has open to this host's machines.
// Those count here as if they were our own. Loop thread. Bounded by the predecessor's sessions.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "base/ip.h"
#include "flycast/core/handover_message.h"
#include "flycast/core/limits.h"
#include "flycast/io/admissions.h"

namespace sixpn::flycast {

class Inheritance {
 public:
  struct Heirs {
    std::function<void(Fd client)> on_client;
    std::function<void(Fd hop)> on_hop;
  };
  struct Listeners {
    Fd clients;
    Fd hops;
  };

  // `counts` must outlive it.
  Inheritance(EventLoop& loop, Admissions& counts) : loop_(loop), counts_(counts) {}
  Inheritance(const Inheritance&) = delete;
  Inheritance& operator=(const Inheritance&) = delete;

  // Asks whoever leaves its place at `path`, and waits for the answer, at most kHandoverPatience:
  // whether there is somebody. Its sockets are kept if they listen on the wanted addresses. What it
  // has open counts from here on.
  bool meet(const std::string& path, const IpEndpoint& clients, const IpEndpoint& hops);
  // What it left; empty ones are to be made.
  [[nodiscard]] Listeners take() { return std::move(listeners_); }
  // We serve: tells it. From here on what else comes is passed on, until it has ended.
  void follow(Heirs heirs);
  [[nodiscard]] bool has_predecessor() const { return static_cast<bool>(predecessor_); }
  void stop();

 private:
  void await_counts(std::uint32_t expected);
  void on_readable();
  void on_packet(const HandoverMessage& message, std::vector<Fd> sockets);
  void count(const ServiceKey& key, std::uint32_t open);

  EventLoop& loop_;
  Admissions& counts_;
  Fd predecessor_;
  Listeners listeners_;
  Heirs heirs_;
  std::optional<FdWatch> watch_;
  std::map<ServiceKey, std::vector<AdmissionTicket>> open_;  // at the predecessor
};

}  // namespace sixpn::flycast
