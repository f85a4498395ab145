#include "registry/core/snapshot_diff.h"

namespace sixpn {
namespace {

template <class Value>
WatchedRef ref(const Value* value) {
  return value == nullptr ? WatchedRef() : WatchedRef(value);
}
WatchedRef ref(const MachinePtr* machine) {
  return machine == nullptr ? WatchedRef() : WatchedRef(machine->get());
}
WatchedRef ref(const AppPtr* view) {
  return view == nullptr ? WatchedRef() : WatchedRef(&(*view)->app);
}

bool is_same(const HostView& a, const HostView& b) {
  return a.status == b.status && a.record == b.record;
}
bool is_same(const MachinePtr& a, const MachinePtr& b) {
  return a == b || *a == *b;
}
bool is_same(const AppPtr& a, const AppPtr& b) {
  return a == b || a->app == b->app;
}
template <class Value>
bool is_same(const Value& a, const Value& b) {
  return a == b;
}

// Walks two sorted maps side by side; `key_for` makes the RecordKey of a map's key.
template <class Map, class KeyFor>
void diff_maps(const Map& before, const Map& after, NetworkId network, KeyFor key_for,
               const ChangeSink& sink) {
  auto old = before.begin();
  auto now = after.begin();
  while (old != before.end() || now != after.end()) {
    bool gone = now == after.end() || (old != before.end() && old->first < now->first);
    bool is_new = !gone && (old == before.end() || now->first < old->first);
    if (gone) {
      sink({key_for(old->first), network, ref(&old->second), {}});
    } else if (is_new) {
      sink({key_for(now->first), network, {}, ref(&now->second)});
    } else if (!is_same(old->second, now->second)) {
      sink({key_for(now->first), network, ref(&old->second), ref(&now->second)});
    }
    if (!is_new) ++old;
    if (!gone) ++now;
  }
}

}  // namespace

RecordKey watched_machine_key(NetworkId network, MachineId id) {
  return {RecordKind::kMachine, to_string(network) + "/" + to_string(id)};
}

void diff_shared(const Snapshot& before, const Snapshot& after, const ChangeSink& sink) {
  diff_maps(before.hosts, after.hosts, {}, host_key, sink);
  diff_maps(before.orgs, after.orgs, {}, org_key, sink);
  diff_maps(before.revocations, after.revocations, {}, revocation_key, sink);
}

void diff_network(const NetworkView* before, const NetworkView* after, const ChangeSink& sink,
                  Machines machines) {
  if (before == after && machines != Machines::kAllNew) return;
  static const NetworkView kNone;
  NetworkId id = after != nullptr ? after->network.id : before->network.id;
  const NetworkView& old = before == nullptr ? kNone : *before;
  const NetworkView& now = after == nullptr ? kNone : *after;
  if (before == nullptr || after == nullptr || !(old.network == now.network))
    sink({network_key(id), id, ref(before == nullptr ? nullptr : &old.network),
          ref(after == nullptr ? nullptr : &now.network)});
  auto by_name = [id](auto make_key) {
    return [id, make_key](const std::string& name) { return make_key(id, name); };
  };
  diff_maps(old.apps, now.apps, id, by_name(app_key), sink);
  diff_maps(old.peers, now.peers, id, by_name(peer_key), sink);
  diff_maps(old.flycast, now.flycast, id, flycast_key, sink);
  if (machines == Machines::kNotTold) return;
  diff_maps(
      machines == Machines::kAllNew ? kNone.machines : old.machines, now.machines, id,
      [id](MachineId machine) { return watched_machine_key(id, machine); }, sink);
}

void diff(const Snapshot& before, const Snapshot& after, const ChangeSink& sink) {
  diff_shared(before, after, sink);
  auto old = before.networks.begin();
  auto now = after.networks.begin();
  while (old != before.networks.end() || now != after.networks.end()) {
    bool gone =
        now == after.networks.end() || (old != before.networks.end() && old->first < now->first);
    bool is_new = !gone && (old == before.networks.end() || now->first < old->first);
    NetworkId id = is_new ? now->first : old->first;
    auto machines = !after.holds(id)    ? Machines::kNotTold
                    : !before.holds(id) ? Machines::kAllNew
                                        : Machines::kCompare;
    diff_network(is_new ? nullptr : old->second.get(), gone ? nullptr : now->second.get(), sink,
                 machines);
    if (!is_new) ++old;
    if (!gone) ++now;
  }
}

}  // namespace sixpn
