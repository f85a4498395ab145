// SyncEndpoint: carries sync sessions (registry/core/sync_session.h) over TCP inside the tunnel, as
// listener and as initiator. Bounded: connections served and run at one time, silence, total
// duration, bytes a second (registry/core/sync_budget.h). Who comes while all places are taken is
// told when to come back. Received records are handed on a few at a time, the loop's other work in
// between; nothing is read meanwhile, so a fast sender is held back by TCP. Control loop only.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"
#include "base/rng.h"
#include "registry/core/signed_record.h"
#include "registry/core/store.h"

namespace sixpn {
class EventLoop;
}

namespace sixpn::registry {

inline constexpr std::size_t kMaxSyncsServed = 3;
inline constexpr std::size_t kMaxRefusals = 16;  // being told so at one time; others are cut off
inline constexpr std::chrono::milliseconds kRetryAfterLeast{1000};
inline constexpr std::chrono::milliseconds kRetryAfterMost{3000};
inline constexpr std::chrono::seconds kSyncIdleTimeout{5};
inline constexpr std::chrono::seconds kSyncDeadline{60};

class SyncEndpoint {
 public:
  struct Callbacks {
    std::function<bool(HostId)> is_member;        // others are refused
    std::function<bool()> is_filling;             // this host lacks what it should answer from
    std::function<Selection(HostId)> to_compare;  // with this peer
    std::function<void(HostId, const std::vector<SignedRecordPtr>&)> on_records;
    // A gossip datagram that came by TCP; the answers.
    std::function<std::vector<std::string>(HostId, std::string_view)> on_question;
    // Of sessions that connect() began; `come_back`: how long the peer, busy, asked to be left
    // alone.
    std::function<void(HostId, bool settled, Duration come_back)> on_finished;
  };
  struct Counts {
    std::uint64_t refused = 0;    // strangers, and those over the limit
    std::uint64_t malformed = 0;  // records that did not decode
    std::uint64_t broken = 0;     // sessions that ended early
  };

  // `store` and `rng` outlive this object.
  SyncEndpoint(EventLoop& loop, Rng& rng, const Store& store, const Ip6& address,
               std::uint16_t port, Callbacks callbacks);
  ~SyncEndpoint();  // closes everything; no more callbacks

  // Errors: the port is taken.
  Result<void> listen();
  void connect(HostId peer);
  [[nodiscard]] Counts counts() const;

 private:
  struct Impl;
  struct Connection;
  std::shared_ptr<Impl> impl_;
};

}  // namespace sixpn::registry
