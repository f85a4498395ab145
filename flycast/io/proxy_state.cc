#include "flycast/io/proxy_state.h"

#include <algorithm>
#include <cerrno>

#include "base/io/clock.h"
#include "base/log.h"

namespace sixpn::flycast {
namespace {

// How often one loop says to the first one that a host tells of silent machines.
constexpr Duration kListenPause = std::chrono::milliseconds(250);

}  // namespace

ProxyState::ProxyState(EventLoop& event_loop, Commons& shared, std::size_t of, std::uint64_t seed)
    : loop(event_loop),
      commons(shared),
      options(shared.options),
      number(of),
      waker(event_loop, table, shared.starts),
      rng(seed),
      give_up_log(std::chrono::seconds(5)),
      limit_log(std::chrono::seconds(5)),
      share_log(std::chrono::seconds(5)),
      relays(event_loop, options.hop_silence,
             {[this](const MachineEnd& machine) { on_silent_machine(machine); },
              [this] { count_open(); }}),
      kept_machines(event_loop),
      rested_links(event_loop, shared.options.hop_link_idle),
      last_id_(static_cast<SessionId>(of) << kLoopShift) {
  http.most_held = shared.part_of(kMaxHttpHeld);
  http.kept.most = shared.part_of(kMaxKeptInAll);
  http.compressions.most = shared.part_of(kMaxCompressions);
}

void ProxyState::count_open() {
  std::size_t now = open();
  if (now > counted_) commons.openings.add(number, now - counted_);
  if (now < counted_) commons.openings.remove(number, counted_ - now);
  counted_ = now;
}

void ProxyState::set_snapshot(const SnapshotPtr& snapshot) {
  table = ServiceTable(snapshot);
  if (snapshot) begun_connects.on_snapshot(*snapshot);
}

bool ProxyState::is_quiet(SessionId id) const {
  auto found = sessions.find(id);
  return found == sessions.end() || found->second->is_quiet();
}

// Of those of other loops nobody here can tell whether they have spoken: their own loop looks.
void ProxyState::add_silent_hop(Guarded<SilentHops>& among, HostId from, SessionId id) {
  auto may_go = [this](SessionId one) { return loop_of(one) != number || is_quiet(one); };
  auto oldest =
      among.with([&](SilentHops& silent) { return silent.add(from, id, left(), may_go); });
  for (SessionId one : oldest) loop_of(one) == number ? evict(one) : commons.first.evict(one);
}

void ProxyState::evict(SessionId id) {
  if (!sessions.contains(id) || !is_quiet(id)) return;
  ++stats.hops_evicted;
  end(id);
}

void ProxyState::on_silent_machine(const MachineEnd& machine) {
  Instant now = monotonic_now();
  ++stats.silent_machines;
  commons.view.with(
      [&](ServiceView& view) { view.loads.entry(machine.service, now)->on_silence(now, rng); });
  commons.first.tell_silence(machine);
}

void ProxyState::on_no_connection(const MachineEnd& machine, int error) {
  Instant now = monotonic_now();
  bool out = commons.view.with([&](ServiceView& view) {
    LoadView::Entry load = view.loads.entry(machine.service, now);
    load->on_connect_failure(now, rng);
    return load->is_out(now);
  });
  if (error == ETIMEDOUT && out) commons.first.tell_silence(machine);
}

bool ProxyState::deals_with(HostId host) const {
  return relays.deal_with(host) ||
         std::any_of(sessions.begin(), sessions.end(),
                     [host](const auto& one) { return one.second->deals_with(host); });
}

void ProxyState::on_host_dead(HostId host) {
  listened_.erase(host);
  rested_links.drop_all_of({host_address(host), options.hop_port});
  relays.on_host_dead(host);
  auto open_now = sessions;  // one may end itself
  for (auto& [id, session] : open_now) session->on_host_dead(host);
}

void ProxyState::listen_to(HostId host) {
  Instant now = monotonic_now();
  auto [said, is_first] = listened_.try_emplace(host, now);
  if (!is_first && now - said->second < kListenPause) return;
  said->second = now;
  commons.first.listen_to(host);
}

void ProxyState::depart() {
  auto open_now = sessions;  // one may end itself
  for (auto& [id, session] : open_now) session->on_departure();
  kept_machines.clear();
}

void ProxyState::stop() {
  for (const auto& [id, session] : sessions) session->on_stop();
  sessions.clear();
  kept_machines.clear();
  rested_links.clear();
  relays.stop();
  count_open();
}

FlycastStats ProxyState::read_stats() const {
  FlycastStats read = stats;
  RelayCounts relayed = relays.counts();
  read.bytes = http.bytes + relayed.bytes;
  read.idle_timeouts += relayed.idle_timeouts;
  read.silent_hops += relayed.silent_hops;
  read.kept_machines = kept_machines.size();
  read.sessions = open();
  return read;
}

// A host speaks of its own machines only, and nobody is interested in others than were asked for.
void ProxyState::note_silence(HostId from, const Silence& silence) {
  const NetworkView* network =
      table.ready() ? table.snapshot()->find_network(silence.network) : nullptr;
  if (network == nullptr) return;
  auto found = network->machines.find(silence.machine);
  if (found == network->machines.end() || found->second->host != from) return;
  ++stats.silences_heard;
  commons.view.with([&](ServiceView& view) {
    LoadView::Entry load = view.loads.find({silence.machine, silence.internal_port});
    if (load) load->on_silence(monotonic_now(), rng);
  });
}

}  // namespace sixpn::flycast
