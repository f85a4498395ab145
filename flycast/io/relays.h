// Relays: the joined streams of one loop of a FlycastService, and what each of them counts against
// until it has ended: the brief ones on that loop itself (brief_relays.h), those that last spread
// over threads (relay_loop.h). Every method on the loop. Limits: at most kMaxRelayLoops threads; as
// many streams as the room admits (max_sessions).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/io/event_loop.h"
#include "base/ip.h"
#include "base/result.h"
#include "flycast/core/limits.h"
#include "flycast/core/load_view.h"
#include "flycast/io/brief_relays.h"
#include "flycast/io/guarded.h"
#include "flycast/io/relay_loop.h"

namespace sixpn::flycast {

inline constexpr unsigned kMaxRelayLoops = 4;

// What a connection counts against while it is open.
struct SessionTickets {
  ClientTicket client;        // client side: of its address
  LoadTicket own_load;        // client side: in our view of the machine's load
  AdmissionTicket admission;  // owner side: in the machine's exact count
  ShareTicket asker;          // owner side: of the host whose proxy asked
};

// The machine of this host that a relay, or an exchange, ends at; and over whose hop, if it is
// another host's proxy that asked.
struct MachineEnd {
  NetworkId network;
  ServiceKey service;
  HostId asked_by{};
  std::uint16_t hop_port = 0;  // of that proxy's end; 0: none
};

class Relays {
 public:
  struct Callbacks {
    // Its machine acknowledges nothing; again every kSilenceLook.
    std::function<void(const MachineEnd&)> on_silent;
    std::function<void()> on_fewer;  // some have ended
  };

  // `hop_silence`: see RelayShared.
  Relays(EventLoop& loop, Duration hop_silence, Callbacks callbacks);
  Relays(const Relays&) = delete;
  Relays& operator=(const Relays&) = delete;

  // At most kMaxRelayLoops threads, named by numbers from `first` on. Errors: no descriptors, no
  // threads.
  Result<void> start(unsigned threads, unsigned first);
  // Joins two streams, after start(). The tickets are given back once both are closed. `end`: where
  // the machine is of this host.
  void add(RelayStreams streams, SessionTickets tickets, const std::optional<MachineEnd>& end);
  // Whether one of them has a hop to that host, or from it.
  [[nodiscard]] bool deal_with(HostId host) const;
  // That host is dead: those are reset.
  void on_host_dead(HostId host);
  // Resets all of them. Idempotent.
  void stop();

  [[nodiscard]] std::size_t open() const { return open_.size(); }
  [[nodiscard]] RelayCounts counts() const;
  // Until stop().
  [[nodiscard]] std::vector<RelayLoop*> loops() const;

 private:
  static constexpr std::size_t kBrief = static_cast<std::size_t>(-1);  // on no lane
  struct Open {
    SessionTickets tickets;
    std::optional<MachineEnd> end;
    HostId hop_host{};  // of one of its streams
    std::size_t lane = kBrief;
  };
  struct Lane {
    std::unique_ptr<RelayLoop> loop;
    std::size_t open = 0;
  };

  Result<void> start_lane(std::size_t number);
  std::size_t take_lane();
  void on_ended(const std::vector<SessionId>& ended);
  void on_lasting(std::vector<RelayPoller::Loose> relays);
  void on_silent(const std::vector<SessionId>& silent);

  EventLoop& loop_;
  Duration hop_silence_;
  Callbacks callbacks_;
  std::unordered_map<SessionId, Open> open_;
  std::optional<BriefRelays> brief_;
  std::vector<Lane> lanes_;
  RelayCounts before_;  // of the loops that were stopped
  // What the loops' threads post here goes unheard once this is gone.
  std::shared_ptr<Relays*> self_ = std::make_shared<Relays*>(this);
};

}  // namespace sixpn::flycast
