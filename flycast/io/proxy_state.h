// ProxyState: what the listeners and sessions of one FlycastService share, on its one loop; and the
// Session they are, until two streams are joined (relays.h). The state owns its sessions: one ends
// by being removed, which closes its sockets (with a reset, unless it allowed a clean close) and
// gives back its tickets. Callbacks hold weak pointers only.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "base/io/clock.h"
#include "base/io/event_loop.h"
#include "base/rng.h"
#include "flycast/core/host_shares.h"
#include "flycast/core/limits.h"
#include "flycast/core/load_view.h"
#include "flycast/core/log_gate.h"
#include "flycast/core/machine_use.h"
#include "flycast/core/meters.h"
#include "flycast/core/options.h"
#include "flycast/core/recent_errors.h"
#include "flycast/core/replay_cache.h"
#include "flycast/core/service_pool.h"
#include "flycast/core/service_table.h"
#include "flycast/core/silent_hops.h"
#include "flycast/core/stats.h"
#include "flycast/io/admission_line.h"
#include "flycast/io/begun_connects.h"
#include "flycast/io/departure.h"
#include "flycast/io/hop_links.h"
#include "flycast/io/host_questions.h"
#include "flycast/io/http_buffers.h"
#include "flycast/io/kept_machines.h"
#include "flycast/io/relays.h"
#include "flycast/io/silence_listener.h"
#include "flycast/io/silence_teller.h"
#include "flycast/io/tls_certificates.h"
#include "flycast/io/waker.h"
#include "registry/core/address.h"

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
  ProxyState(EventLoop& event_loop, FlycastOptions given, std::uint64_t seed, StartMachine start);

  SessionId next_id() { return ++last_id_; }
  // Of the next report of load; see HopReply.
  std::uint64_t next_sequence() { return ++last_sequence_; }
  // Ends the session of that id if it is another one.
  void keep(SessionId id, std::shared_ptr<Session> session) { sessions[id] = std::move(session); }
  void end(SessionId id) { sessions.erase(id); }
  [[nodiscard]] bool is_quiet(SessionId id) const;
  // The session's two streams are joined: it ends, and they go on as a relay of the same id.
  void relay(RelayStreams streams, SessionTickets tickets,
             const std::optional<MachineEnd>& machine = {}) {
    SessionId id = streams.id;
    relays.add(std::move(streams), std::move(tickets), machine);
    end(id);
  }
  // A machine of this host acknowledges nothing: it is out here, and in the eyes of who listens.
  void on_silent_machine(const MachineEnd& machine);
  // It took no connection, `error` says why. Where it says nothing either, the others hear of it
  // once it is out here for that: a queue that is full says nothing too.
  void on_no_connection(const MachineEnd& machine, int error);
  // Of another host: whether anything here is open to it or from it; and it is dead, all that ends.
  [[nodiscard]] bool deals_with(HostId host) const;
  void on_host_dead(HostId host);
  // Connections to machines that may be kept: descriptors are few, and sessions come first.
  [[nodiscard]] std::size_t most_kept() const { return options.max_sessions / 4; }
  // All kinds together: on their way to a machine, joined to one, and requests of HTTP/2, several
  // of which may be a single client's.
  [[nodiscard]] std::size_t open() const { return sessions.size() + relays.open() + http2_streams; }

  // How many more there is room for.
  [[nodiscard]] std::size_t left() const {
    return options.max_sessions - std::min(open(), options.max_sessions);
  }

  EventLoop& loop;
  FlycastOptions options;
  ServiceTable table;
  LoadView loads;
  PoolTable pools;
  ServiceCounts admissions;
  MachineUse use;                // of this host's machines, by those
  AdmissionLine line;            // to them
  BegunConnects begun_connects;  // to them
  Departure departure;
  ClientCounts clients;
  HostShares host_shares;
  SilentHops silent;
  Waker waker;
  BackgroundStarts background_starts;
  Rng rng;
  LogGate give_up_log;
  LogGate limit_log;
  LogGate share_log;
  FlycastStats stats;
  Meters meters;
  RecentErrors errors;
  Relays relays;
  HopLinks links;
  SilenceTeller silence_teller;
  SilenceListener silence_listener;
  HostQuestions host_questions;
  HttpBuffers http;
  KeptMachines kept_machines;
  TlsCertificates tls;
  std::size_t tls_handshakes = 0;  // going on
  ReplayCache replays = ReplayCache({});
  std::size_t http2_streams = 0;  // open
  std::map<SessionId, std::shared_ptr<Session>> sessions;

 private:
  // An owner's word on one of its machines.
  void on_silence_heard(HostId from, const Silence& silence);

  SessionId last_id_ = 0;
  // From the wall clock on, in microseconds: reports are rarer, so it grows over a restart.
  std::uint64_t last_sequence_;
};

inline ProxyState::ProxyState(EventLoop& event_loop, FlycastOptions given, std::uint64_t seed,
                              StartMachine start)
    : loop(event_loop),
      options(std::move(given)),
      line(event_loop, admissions),
      departure(event_loop, admissions),
      silent(options.max_silent_hops_per_host),
      waker(event_loop, table, std::move(start)),
      rng(seed),
      give_up_log(std::chrono::seconds(5)),
      limit_log(std::chrono::seconds(5)),
      share_log(std::chrono::seconds(5)),
      relays(event_loop, options.hop_silence,
             [this](const MachineEnd& machine) { on_silent_machine(machine); }),
      links(event_loop, host_address(options.self), options.hop_link_idle),
      silence_teller(event_loop),
      silence_listener(
          event_loop, host_address(options.self), options.hop_port,
          [this](HostId from, const Silence& silence) { on_silence_heard(from, silence); }),
      host_questions(event_loop, host_address(options.self), options.hop_port,
                     {[this](HostId host) { return deals_with(host); },
                      [this](HostId host) { on_host_dead(host); }}),
      kept_machines(event_loop),
      tls(options),
      last_sequence_(static_cast<std::uint64_t>(
          std::chrono::duration_cast<std::chrono::microseconds>(wall_now().time_since_epoch())
              .count())) {
  admissions.set_gate([this](const ServiceKey& key) {
    if (!use.pass(key.machine)) return false;
    meters.on_admitted(key);
    return true;
  });
}

}  // namespace sixpn::flycast
