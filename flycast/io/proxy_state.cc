#include "flycast/io/proxy_state.h"

#include <cerrno>

namespace sixpn::flycast {

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
