// Commons: what the loops of one FlycastService share (decision 0147). Each loop has its own
// ProxyState with the connections that were given to it; here is what has to be one: limits that
// are exact, what is known of machines and other hosts, starts, what replays and TLS remember; and
// how a loop reaches what only the first one does. Any thread. All loops have stopped before it is
// destroyed.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <thread>
#include <utility>

#include "base/fd.h"
#include "base/io/clock.h"
#include "base/io/event_loop.h"
#include "flycast/core/autostart.h"
#include "flycast/core/load_view.h"
#include "flycast/core/options.h"
#include "flycast/core/replay_cache.h"
#include "flycast/core/service_pool.h"
#include "flycast/core/silent_hops.h"
#include "flycast/io/admissions.h"
#include "flycast/io/guarded.h"
#include "flycast/io/hop_links.h"
#include "flycast/io/machine_starts.h"
#include "flycast/io/openings.h"
#include "flycast/io/relays.h"
#include "flycast/io/tls_certificates.h"
#include "registry/core/address.h"

namespace sixpn::flycast {

// What only the first loop does. Any thread; nothing happens once the service has stopped.
struct FirstLoop {
  // A machine of this host acknowledges nothing: who listens is told.
  std::function<void(const MachineEnd&)> tell_silence;
  // That host listens on `line`, whose preamble was answered.
  std::function<void(HostId, Fd line)> add_listener;
  // That host tells: it is listened to.
  std::function<void(HostId)> listen_to;
  // For the one that takes this one's place: Departure's.
  std::function<void(Fd)> pass_client;
  std::function<void(Fd)> pass_hop;
  // A silent hop gives way (core/silent_hops.h), of whatever loop it is.
  std::function<void(SessionId)> evict;
};

inline constexpr unsigned kMaxProxyLoops = 4;

// What is known of machines, wherever they live, and the pools that are chosen from. Routes and
// candidates of a pool may be another loop's as soon as the lock is released.
struct ServiceView {
  LoadView loads;
  PoolTable pools;
};

struct Commons {
  Commons(EventLoop& home, FlycastOptions given, StartMachine start)
      : options(std::move(given)),
        loops(loops_for(options.loops)),
        admissions(home),
        starts(home, std::move(start)),
        silent(options.max_silent_hops_per_host),
        resting(options.max_resting_hops_per_host),
        links(home, host_address(options.self), options.hop_link_idle),
        tls(options),
        openings(loops),
        last_sequence_(static_cast<std::uint64_t>(
            std::chrono::duration_cast<std::chrono::microseconds>(wall_now().time_since_epoch())
                .count())) {}

  // Of the next report of load; see HopReply.
  std::uint64_t next_sequence() { return ++last_sequence_; }
  // A loop's part of a bound that all of them keep together.
  [[nodiscard]] std::size_t part_of(std::size_t bound) const { return (bound + loops - 1) / loops; }

  FlycastOptions options;  // not changed once the loops run
  const std::size_t loops;
  Admissions admissions;
  GuardedCounts<ClientCounts> clients;
  GuardedCounts<HostShares> host_shares;
  MachineStarts starts;
  Guarded<ServiceView> view;
  Guarded<BackgroundStarts> background_starts;
  Guarded<SilentHops> silent;   // have said nothing yet
  Guarded<SilentHops> resting;  // between two exchanges
  HopLinks links;
  Guarded<TlsCertificates> tls;
  Guarded<ReplayCache> replays{ReplayCache::Limits{}};
  Openings openings;
  std::atomic<std::size_t> tls_handshakes = 0;  // going on
  // No loop admits anybody any more, nor will: another takes this one's place.
  std::atomic<bool> departing = false;
  FirstLoop first;  // set before they run

 private:
  static std::size_t loops_for(unsigned wanted) {
    if (wanted == 0) wanted = std::thread::hardware_concurrency() / 2;
    return std::clamp(wanted, 1u, kMaxProxyLoops);
  }

  // From the wall clock on, in microseconds: reports are rarer, so it grows over a restart.
  std::atomic<std::uint64_t> last_sequence_;
};

}  // namespace sixpn::flycast
