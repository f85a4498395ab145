// ProxyState: what the listeners and sessions of one FlycastService share, on its one loop; and the
// Session they are. The state owns its sessions: one ends by being removed, which closes its
// sockets (with a reset, unless it allowed a clean close) and gives back its tickets. Callbacks
// hold weak pointers only.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/io/clock.h"
#include "base/io/event_loop.h"
#include "base/rng.h"
#include "flycast/core/limits.h"
#include "flycast/core/load_view.h"
#include "flycast/core/log_gate.h"
#include "flycast/core/options.h"
#include "flycast/core/service_table.h"
#include "flycast/core/silent_hops.h"
#include "flycast/core/stats.h"

namespace sixpn::flycast {

// A relay reads at most this much at once, into a buffer shared by all; a session owns only what
// its destination did not take.
inline constexpr std::size_t kRelayChunk = 256 * 1024;
// While sessions hold more than kMaxHeldBytes together, they read no more than this at once.
inline constexpr std::size_t kSmallRelayChunk = 16 * 1024;
inline constexpr std::size_t kMaxHeldBytes = 64 * 1024 * 1024;

class Session {
 public:
  virtual ~Session() = default;
};

using ClientCounts = OpenCounts<Ip6>;

// What a connection counts against while it is open.
struct SessionTickets {
  ClientCounts::Ticket client;      // client side: of its address
  ServiceCounts::Ticket own_load;   // client side: in our view of the machine's load
  ServiceCounts::Ticket admission;  // owner side: in the machine's exact count
};

struct ProxyState {
  ProxyState(EventLoop& event_loop, FlycastOptions given, std::uint64_t seed);

  SessionId next_id() { return ++last_id_; }
  // Of the next report of load; see HopReply.
  std::uint64_t next_sequence() { return ++last_sequence_; }
  // Ends the session of that id if it is another one.
  void keep(SessionId id, std::shared_ptr<Session> session) { sessions[id] = std::move(session); }
  void end(SessionId id) { sessions.erase(id); }

  EventLoop& loop;
  FlycastOptions options;
  ServiceTable table;
  LoadView loads;
  ServiceCounts admissions;
  ClientCounts clients;
  SilentHops silent;
  Rng rng;
  LogGate give_up_log;
  LogGate limit_log;
  FlycastStats stats;
  std::vector<char> chunk = std::vector<char>(kRelayChunk);  // of the relay that is running
  std::size_t held_bytes = 0;                                // by relays, read but not yet written
  std::map<SessionId, std::shared_ptr<Session>> sessions;

 private:
  SessionId last_id_ = 0;
  // From the wall clock on, in microseconds: reports are rarer, so it grows over a restart.
  std::uint64_t last_sequence_;
};

inline ProxyState::ProxyState(EventLoop& event_loop, FlycastOptions given, std::uint64_t seed)
    : loop(event_loop),
      options(std::move(given)),
      silent(options.max_silent_hops_per_host),
      rng(seed),
      give_up_log(std::chrono::seconds(5)),
      limit_log(std::chrono::seconds(5)),
      last_sequence_(static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(wall_now().time_since_epoch())
              .count())) {}

}  // namespace sixpn::flycast
