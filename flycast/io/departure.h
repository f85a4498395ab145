// Departure: what a proxy that ends leaves to the one that takes its place on this host
// (docs/decisions/0123): its listening sockets, which nobody accepts from meanwhile, so that new
// connections wait in the kernel's queue; clients' connections between two requests; other hosts'
// proxies that have said nothing yet; and how many connections to this host's machines are still
// open here, so that the hard limits stay exact. Where there is no successor yet, all of that
// waits for one.
//
// It ends nothing and does not know when all is done: FlycastService does. Loop thread. Bounded by
// the sessions that were open when it began (FlycastOptions::max_sessions).
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "flycast/core/handover_message.h"
#include "flycast/core/limits.h"
#include "flycast/io/admissions.h"

namespace sixpn::flycast {

class Departure {
 public:
  // `open`: of this host's machines; must outlive it.
  Departure(EventLoop& loop, const Admissions& open) : loop_(loop), open_(open) {}
  ~Departure() { stop_waiting(); }
  Departure(const Departure&) = delete;
  Departure& operator=(const Departure&) = delete;

  // From here on a successor finds us at `path`; "": none can. `on_successor` each time one serves.
  // Errors: the path cannot be bound; it has begun all the same, without a way to be found.
  Result<void> begin(const std::string& path, Fd clients, Fd hops,
                     std::function<void()> on_successor);
  // Something here is still for a successor that has not come.
  [[nodiscard]] bool is_waiting() const { return clients_ || hops_ || !left_.empty(); }
  // Nobody will come: refuses who waits to be accepted, and ends what waited here.
  void stop_waiting();

  // A client that waits for nothing: all it sent was answered, or is unread in its socket.
  void pass_client(Fd client) { pass(HandoverKind::kClient, std::move(client)); }
  // Another host's proxy that has not begun its preamble.
  void pass_hop(Fd hop) { pass(HandoverKind::kHop, std::move(hop)); }
  // Once in a while: tells how many connections are open, where that has changed.
  void tell_counts();

 private:
  struct Left {
    HandoverKind kind{};
    Fd socket;
  };

  void pass(HandoverKind kind, Fd socket);
  void tell_counts(std::map<ServiceKey, std::uint32_t> open);
  void on_call();
  bool greet();
  void on_successor_speaks();
  bool send(const HandoverMessage& message, const std::vector<int>& sockets);
  void lose_successor();

  EventLoop& loop_;
  const Admissions& open_;
  Fd clients_;
  Fd hops_;
  Fd listener_;
  std::function<void()> on_successor_;
  std::optional<FdWatch> calls_;
  Fd successor_;
  std::optional<FdWatch> successor_watch_;
  std::deque<Left> left_;  // for a successor that has not come
  std::map<ServiceKey, std::uint32_t> told_;
};

}  // namespace sixpn::flycast
