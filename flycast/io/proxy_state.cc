#include "flycast/io/proxy_state.h"

#include <algorithm>
#include <cerrno>

#include "base/log.h"

namespace sixpn::flycast {

bool ProxyState::is_quiet(SessionId id) const {
  auto found = sessions.find(id);
  return found == sessions.end() || found->second->is_quiet();
}

void ProxyState::on_silent_machine(const MachineEnd& machine) {
  Instant now = monotonic_now();
  ++stats.silent_machines;
  loads.entry(machine.service, now)->on_silence(now, rng);
  silence_teller.tell(machine, now);
}

void ProxyState::on_no_connection(const MachineEnd& machine, int error) {
  Instant now = monotonic_now();
  LoadView::Entry load = loads.entry(machine.service, now);
  load->on_connect_failure(now, rng);
  if (error == ETIMEDOUT && load->is_out(now)) silence_teller.tell(machine, now);
}

bool ProxyState::deals_with(HostId host) const {
  return relays.deal_with(host) ||
         std::any_of(sessions.begin(), sessions.end(),
                     [host](const auto& one) { return one.second->deals_with(host); });
}

void ProxyState::on_host_dead(HostId host) {
  ++stats.dead_hosts;
  log::warn("flycast", "host {} is dead: what is open to it, or from it, ends", to_string(host));
  links.forget({host_address(host), options.hop_port});
  silence_listener.forget(host);
  silence_teller.forget(host);
  relays.on_host_dead(host);
  auto open_now = sessions;  // one may end itself
  for (auto& [id, session] : open_now) session->on_host_dead(host);
}

// A host speaks of its own machines only, and nobody is interested in others than were asked for.
void ProxyState::on_silence_heard(HostId from, const Silence& silence) {
  const NetworkView* network =
      table.ready() ? table.snapshot()->find_network(silence.network) : nullptr;
  if (network == nullptr) return;
  auto found = network->machines.find(silence.machine);
  if (found == network->machines.end() || found->second->host != from) return;
  ++stats.silences_heard;
  LoadView::Entry load = loads.find({silence.machine, silence.internal_port});
  if (load) load->on_silence(monotonic_now(), rng);
}

}  // namespace sixpn::flycast
