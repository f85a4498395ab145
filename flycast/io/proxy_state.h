// ProxyState: what the sessions of one loop of a FlycastService share; and the Session they are,
// until two streams are joined (relays.h). What all loops share is in commons.h. The state owns its
// sessions: one ends by being removed, which closes its sockets (with a reset, unless it allowed a
// clean close) and gives back its tickets. Callbacks hold weak pointers only. Loop thread, but for
// the constructor and destructor, which run while the loop does not.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/io/clock.h"
#include "base/io/event_loop.h"
#include "base/rng.h"
#include "flycast/core/log_gate.h"
#include "flycast/core/meters.h"
#include "flycast/core/options.h"
#include "flycast/core/recent_errors.h"
#include "flycast/core/service_table.h"
#include "flycast/core/stats.h"
#include "flycast/io/begun_connects.h"
#include "flycast/io/commons.h"
#include "flycast/io/http_buffers.h"
#include "flycast/io/kept_machines.h"
#include "flycast/io/relays.h"
#include "flycast/io/rested_links.h"
#include "flycast/io/silence_watches.h"
#include "flycast/io/waker.h"
#include "registry/core/address.h"
#include "registry/core/keys.h"

namespace sixpn::flycast {

class Session {
 public:
  virtual ~Session() = default;
  // This proxy's place is about to be taken by another (departure.h): pass on what is not begun,
  // let go of what waits here for a machine of this host. May end the session.
  virtual void on_departure() {}
  // Something of it is open to that host, or from it, or waits for its answer.
  [[nodiscard]] virtual bool deals_with(HostId /*host*/) const { return false; }
  // That host is dead, and what it does not say any more is not to be waited for. May end the
  // session.
  virtual void on_host_dead(HostId /*host*/) {}
  // Nothing of it is here that was not read: nobody misses a word if it is evicted.
  [[nodiscard]] virtual bool is_quiet() const { return true; }
  // The service stops, and destroys the session next.
  virtual void on_stop() {}
};

struct ProxyState {
  // `number`: of the loop, in Commons::openings.
  ProxyState(EventLoop& event_loop, Commons& shared, std::size_t number, std::uint64_t seed);

  // Of an exchange's preamble. No machine ever sees one, so that from a start which nobody knows
  // they may be counted.
  std::uint64_t next_nonce() { return std::max<std::uint64_t>(++last_nonce_, 1); }
  // Ids tell of which loop they are.
  SessionId next_id() { return ++last_id_; }
  static std::size_t loop_of(SessionId id) { return id >> kLoopShift; }
  // Ends the session of that id if it is another one.
  void keep(SessionId id, std::shared_ptr<Session> session) {
    sessions[id] = std::move(session);
    count_open();
  }
  void end(SessionId id) {
    sessions.erase(id);
    count_open();
  }
  [[nodiscard]] bool is_quiet(SessionId id) const;
  // A hop that says nothing yet, or no more, waits; others may have to give way to it.
  void add_silent_hop(Guarded<SilentHops>& among, HostId from, SessionId id);
  // Ends it, unless it spoke meanwhile.
  void evict(SessionId id);
  // The session's two streams are joined: it ends, and they go on as a relay of the same id.
  void relay(RelayStreams streams, SessionTickets tickets,
             const std::optional<MachineEnd>& machine = {}) {
    SessionId id = streams.id;
    relays.add(std::move(streams), std::move(tickets), machine);
    end(id);
  }
  void set_snapshot(const SnapshotPtr& snapshot);
  // A machine of this host acknowledges nothing: it is out here, and in the eyes of who listens.
  void on_silent_machine(const MachineEnd& machine);
  // It took no connection, `error` says why. Where it says nothing either, the others hear of it
  // once it is out here for that: a queue that is full says nothing too.
  void on_no_connection(const MachineEnd& machine, int error);
  // An owner's word on one of its machines.
  void note_silence(HostId from, const Silence& silence);
  // An answer of that host said that it tells of such machines.
  void listen_to(HostId host);
  // Of another host: whether anything here is open to it or from it; and it is dead, all that ends.
  [[nodiscard]] bool deals_with(HostId host) const;
  void on_host_dead(HostId host);
  // Another takes this proxy's place.
  void depart();
  void stop();  // resets all that is open; idempotent
  [[nodiscard]] bool departing() const { return commons.departing; }
  // Connections to machines that may be kept, and links to other hosts as many: descriptors are
  // few, and sessions come first.
  [[nodiscard]] std::size_t most_kept() const { return options.max_sessions / 4 / commons.loops; }
  // All kinds together: on their way to a machine, joined to one, and requests of HTTP/2, several
  // of which may be a single client's.
  [[nodiscard]] std::size_t open() const { return sessions.size() + relays.open() + http2_streams; }
  // On all loops.
  [[nodiscard]] std::size_t open_everywhere() const { return commons.openings.total(); }
  // How many more there is room for.
  [[nodiscard]] std::size_t left() const {
    return options.max_sessions - std::min(open_everywhere(), options.max_sessions);
  }
  void on_http2_stream(bool begins) {
    http2_streams += begins ? 1 : static_cast<std::size_t>(-1);
    count_open();
  }
  // The view of all loops, and the pool of a route in it, for the length of a call.
  template <class Use>
  auto with_pool(const Route& route, Instant now, Use use) {
    return commons.view.with([&](ServiceView& view) {
      return use(view,
                 view.pools.pool(table, route, {options.self, options.region}, view.loads, now));
    });
  }
  // What use(load) returns, of what all loops know of a machine.
  template <class Use>
  auto with_load(const LoadView::Entry& load, Use use) {
    return commons.view.with([&](ServiceView&) { return use(*load); });
  }
  // Its part of what the service counts.
  [[nodiscard]] FlycastStats read_stats() const;

  EventLoop& loop;
  Commons& commons;
  const FlycastOptions& options;
  const std::size_t number;
  ServiceTable table;
  BegunConnects begun_connects;  // to machines of this host
  Waker waker;
  Rng rng;
  LogGate give_up_log;
  LogGate limit_log;
  LogGate share_log;
  FlycastStats stats;
  Meters meters;
  RecentErrors errors;
  Relays relays;
  SilenceWatches silence_watches;
  HttpBuffers http;
  KeptMachines kept_machines;
  RestedLinks rested_links;
  std::size_t http2_streams = 0;  // open
  std::map<SessionId, std::shared_ptr<Session>> sessions;

 private:
  // Tells the others how many are open here.
  void count_open();

  static constexpr int kLoopShift = 56;

  SessionId last_id_;
  std::uint64_t last_nonce_ = random_u64();
  std::size_t counted_ = 0;
  std::map<HostId, Instant> listened_;  // when that host was last said to tell
};

}  // namespace sixpn::flycast
