// DirectForward: foreign questions that a worker asks upstream itself, over UDP, without another
// thread: of the upstream that the forwarder holds for the best of the group (upstream_board.h).
// Equal questions wait together. A good reply is kept and told. Everything else is the forwarder's:
// a question whose answer takes longer than that upstream's patience, is cut (TCP), fails, or comes
// in another spelling than asked, is handed over with all that wait for it, as a question that has
// had its first try; a reply that comes even then is passed on. What was learned of upstreams is
// told together, every kReportEvery.
//
// Owned by DnsWorker, on its loop. Limits: ForwardBudget; in_flight questions of one worker; one
// turn's replies (direct_sockets.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "base/io/event_loop.h"
#include "base/time.h"
#include "dns/core/forward.h"
#include "dns/io/asker.h"
#include "dns/io/forward_client.h"
#include "dns/io/forward_shared.h"
#include "dns/io/forwarder.h"
#include "dns/io/stats.h"

namespace sixpn::dns {

// A client that waits.
struct DirectWaiter : ForwardClient {
  Asker asker;
};

class DirectForward {
 public:
  static constexpr Duration kReportEvery = std::chrono::milliseconds(100);

  struct Callbacks {
    // The reply to one that waited; after several, `flush`.
    std::function<void(const DirectWaiter&, const ForwardReply&, Telling)> tell;
    std::function<void()> flush;
    // What the forwarder is to call with that one's reply.
    std::function<std::function<void(std::string)>(const Asker&)> done;
  };

  // `shared`, `forwarder` and `counts` outlive it.
  DirectForward(EventLoop& loop, ForwardShared& shared, Forwarder& forwarder, Stats& counts,
                Callbacks callbacks);
  ~DirectForward();  // questions in flight are forgotten
  DirectForward(const DirectForward&) = delete;
  DirectForward& operator=(const DirectForward&) = delete;

  enum class Begun {
    kWaits,      // a reply will follow
    kRejected,   // over a budget
    kForwarder,  // it is the forwarder's
  };
  // `waiter` is moved from when it waits. `hash`: of its key in `group`.
  Begun begin(DirectWaiter& waiter, std::uint16_t group, std::uint64_t hash, Instant now);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sixpn::dns
