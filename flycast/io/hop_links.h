// HopLinks: connections to other hosts' proxies on which nobody has spoken yet, so that a
// connection to a machine elsewhere need not wait for one to be made: its preamble goes at once.
// Kept for hosts used lately: each use opens one for the next, up to kMaxSpare; one that nobody
// needed within the idle time is closed, and one less is kept. Shared by all loops: any thread, but
// what says otherwise. Limits: kMaxSpare per host, kMaxPeers hosts; beyond them connections are
// made when needed, as for a host's first. Those that have carried an exchange are each loop's own
// (rested_links.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "base/fd.h"
#include "base/io/event_loop.h"
#include "base/ip.h"
#include "flycast/io/stream_connector.h"

namespace sixpn::flycast {

class HopLinks {
 public:
  static constexpr std::size_t kMaxSpare = 16;
  static constexpr std::size_t kMaxPeers = 256;

  // `home`: the loop that makes them. `own`: the address links are bound to. `idle`: zero keeps
  // none; less than a proxy waits for a preamble (5 s).
  HopLinks(EventLoop& home, const Ip6& own, Duration idle);
  HopLinks(const HopLinks&) = delete;
  HopLinks& operator=(const HopLinks&) = delete;

  // A link to that proxy, if one is spare and not known to be dead; and a use of that host.
  Fd take(const IpEndpoint& proxy);
  // That proxy takes an exchange's first frames before its reply; forgotten when it was neither
  // said nor asked for a link for the idle time.
  void note_takes_ahead(const IpEndpoint& proxy);
  [[nodiscard]] bool takes_ahead(const IpEndpoint& proxy) const;
  // That proxy's host is dead, and so are the links to it. Home loop.
  void forget(const IpEndpoint& proxy);
  void stop();  // closes all; idempotent; home loop

  [[nodiscard]] std::size_t spare() const;

 private:
  struct Spare {
    Fd stream;
    Instant until{};
  };
  struct Peer {
    std::deque<Spare> spare;     // the oldest first
    std::size_t connecting = 0;  // asked for
    std::size_t wanted = 0;
    bool takes_ahead = false;
    Instant used{};  // a link to it was taken, or it answered
  };
  using Connecting = std::pair<IpEndpoint, std::uint64_t>;

  void connect(const IpEndpoint& proxy, std::size_t count);
  void on_connected(const Connecting& which, ConnectOutcome outcome);
  static Fd take_newest(std::deque<Spare>& from);
  [[nodiscard]] bool is_unused(const Peer& peer, Instant now) const;
  void expire();
  void arm();
  template <class Task>
  void at_home(Task task);

  EventLoop& home_;
  Ip6 own_;
  Duration idle_;
  mutable std::mutex guard_;
  std::map<IpEndpoint, Peer> peers_;  // under it
  bool armed_ = false;                // likewise
  // Home's:
  std::map<Connecting, std::unique_ptr<StreamConnector>> connecting_;
  std::uint64_t last_number_ = 0;
  LoopTimer expiry_;
  std::shared_ptr<HopLinks*> alive_ = std::make_shared<HopLinks*>(this);
};

}  // namespace sixpn::flycast
