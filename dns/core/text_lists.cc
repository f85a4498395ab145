#include "dns/core/text_lists.h"

#include <algorithm>
#include <set>

#include "dns/core/selection.h"

namespace sixpn::dns {
namespace {

constexpr std::string_view kHiddenPeers = "interactive-";

// Joins entries until one does not fit.
class List {
 public:
  explicit List(char separator, std::size_t most = kMaxTextBytes)
      : separator_(separator), most_(most) {}

  void add(std::string_view entry) {
    std::size_t before = text_.empty() ? 0 : text_.size() + 1;
    cut_ = cut_ || before + entry.size() > most_;
    if (cut_) return;
    if (!text_.empty()) text_ += separator_;
    text_ += entry;
  }

  [[nodiscard]] bool is_cut() const { return cut_; }
  NameContent content(std::string_view rule) && {
    return by_rule(rule, {kTypeTxt, {Text{std::move(text_)}}, cut_});
  }

 private:
  char separator_;
  std::size_t most_;
  std::string text_;
  bool cut_ = false;
};

bool is_listed(const View& view, const MachineRecord& machine, ListScope scope) {
  return scope == ListScope::kAll ? is_registered(machine)
                                  : is_answered(view.snapshot, machine, &view.source);
}

NameContent not_asked(std::string_view rule) {
  return {.type = kTypeTxt, .rule = rule};
}

}  // namespace

NameContent list_machines(const View& view, const AppView& app, ListScope scope) {
  constexpr std::string_view kRule = "the machines of the app";
  if (!view.wants(kTypeTxt)) return not_asked(kRule);
  List list(',');
  for (const auto& machine : app.machines) {
    view.index.look_at(1);
    if (list.is_cut()) break;
    if (is_listed(view, *machine, scope)) list.add(to_string(machine->id) + " " + machine->region);
  }
  return std::move(list).content(kRule);
}

NameContent list_regions(const View& view, const AppView& app, ListScope scope) {
  constexpr std::string_view kRule = "the regions of the app's machines";
  if (!view.wants(kTypeTxt)) return not_asked(kRule);
  view.index.look_at(app.machines.size());
  std::set<std::string_view> regions;
  for (const auto& machine : app.machines)
    if (is_listed(view, *machine, scope)) regions.insert(machine->region);
  List list(',', kMaxRegionsBytes);
  for (auto region : regions) list.add(region);
  return std::move(list).content(kRule);
}

NameContent list_instances(const View& view, ListScope scope) {
  constexpr std::string_view kRule = "the machines of the network";
  if (!view.wants(kTypeTxt)) return not_asked(kRule);
  List list(';');
  for (const auto& [id, machine] : view.names.machines) {
    view.index.look_at(1);
    if (list.is_cut()) break;
    if (!is_listed(view, *machine, scope)) continue;
    list.add("instance=" + to_string(id) + ",app=" + machine->app +
             ",ip=" + to_string(machine->address) + ",region=" + machine->region);
  }
  return std::move(list).content(kRule);
}

NameContent list_apps(const View& view) {
  constexpr std::string_view kRule = "the apps of the network";
  if (!view.wants(kTypeTxt)) return not_asked(kRule);
  view.index.look_at(view.names.apps.size());
  List list(',');
  for (const auto& [name, app] : view.names.apps) list.add(name);
  return std::move(list).content(kRule);
}

NameContent list_peers(const View& view) {
  constexpr std::string_view kRule = "the peers of the network; interactive-* are hidden";
  if (!view.wants(kTypeTxt)) return not_asked(kRule);
  view.index.look_at(view.names.peers.size());
  List list(',');
  for (const auto& [name, peer] : view.names.peers)
    if (!name.starts_with(kHiddenPeers)) list.add(name);
  return std::move(list).content(kRule);
}

NameContent list_hosts(const View& view) {
  constexpr std::string_view kRule = "the hosts of the cluster, for the operator";
  if (!view.wants(kTypeTxt)) return not_asked(kRule);
  view.index.look_at(view.snapshot.hosts.size());
  List list(',');
  for (const auto& [id, host] : view.snapshot.hosts)
    list.add(host.record.name + " " + host.record.region + " " +
             std::string(to_string(host.status)));
  return std::move(list).content(kRule);
}

namespace {

void add_number(List& list, std::string_view key, std::uint64_t number) {
  list.add(std::string(key) + "=" + std::to_string(number));
}

void describe_network(const View& view, List& list) {
  view.index.look_at(view.names.machines.size());
  std::uint64_t machines = 0, answered = 0, unreachable = 0;
  for (const auto& [id, machine] : view.names.machines) {
    if (!is_registered(*machine)) continue;
    ++machines;
    if (is_answered(view.snapshot, *machine, &view.source))
      ++answered;
    else if (machine->state == MachineState::kStarted)
      ++unreachable;
  }
  add_number(list, "generation", view.names.generation);
  add_number(list, "machines", machines);
  add_number(list, "answered", answered);
  add_number(list, "unreachable", unreachable);
}

void describe_cluster(const View& view, List& list) {
  const Snapshot& snapshot = view.snapshot;
  view.index.look_at(snapshot.hosts.size());
  auto count = [&](HostStatus status) {
    return static_cast<std::uint64_t>(
        std::count_if(snapshot.hosts.begin(), snapshot.hosts.end(),
                      [status](const auto& host) { return host.second.status == status; }));
  };
  add_number(list, "generation", snapshot.generation);
  list.add(snapshot.synced ? "synced=yes" : "synced=no");
  add_number(list, "networks", snapshot.networks.size());
  add_number(list, "hosts", snapshot.hosts.size());
  add_number(list, "suspected", count(HostStatus::kSuspected));
  add_number(list, "down", count(HostStatus::kDown));
}

}  // namespace

NameContent describe_registry(const View& view) {
  constexpr std::string_view kRule = "how current this host's registry is";
  if (!view.wants(kTypeTxt)) return not_asked(kRule);
  List list(',');
  if (view.is_operators())
    describe_cluster(view, list);
  else
    describe_network(view, list);
  return std::move(list).content(kRule);
}

}  // namespace sixpn::dns
