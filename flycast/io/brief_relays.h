// BriefRelays: the first moments of joined streams, on the room's own loop. Most connections are
// brief, and a thread that is woken for each costs more than moving the few bytes it has: only what
// lasts (more than kBriefReads reads, or until the next look, kBriefLook apart) goes to a relay
// loop's thread. Nothing is spliced here. Loop thread. Limits: kMostBrief at once, so that a loop
// which falls behind leaves the rest to the threads.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "flycast/io/relay_poller.h"

namespace sixpn::flycast {

inline constexpr std::size_t kMostBrief = 64;
inline constexpr std::uint32_t kBriefReads = 8;
inline constexpr Duration kBriefLook = std::chrono::seconds(1);

class BriefRelays {
 public:
  struct Callbacks {
    // These have ended and are closed.
    std::function<void(const std::vector<SessionId>&)> on_ended;
    // These are somebody else's from now on.
    std::function<void(std::vector<RelayPoller::Loose>)> on_lasting;
    // Their machines, of this host, acknowledge nothing; again every kSilenceLook.
    std::function<void(const std::vector<SessionId>&)> on_silent;
  };

  BriefRelays(EventLoop& loop, Duration hop_silence, Callbacks callbacks);
  BriefRelays(const BriefRelays&) = delete;
  BriefRelays& operator=(const BriefRelays&) = delete;

  // Errors: no descriptors.
  Result<void> start();
  [[nodiscard]] bool has_room() const { return poller_.size() < kMostBrief; }
  // After start(), and while has_room(). May call back before it returns.
  void add(RelayStreams streams);
  // As RelayPoller's; may call back likewise.
  void lose_hops(const std::vector<SessionId>& relays);
  [[nodiscard]] RelayCounts counts() const { return poller_.counts(); }

 private:
  void serve();
  void look();
  void settle();

  RelayPoller poller_;
  Callbacks callbacks_;
  EventLoop& loop_;
  std::optional<FdWatch> watch_;
  LoopTimer due_;
  LoopTimer look_;
  LoopTimer silence_;
  bool will_look_ = false;
  bool will_listen_ = false;
};

}  // namespace sixpn::flycast
