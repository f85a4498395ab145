#include "dns/core/text_lists.h"

#include <set>

#include "dns/core/selection.h"

namespace sixpn::dns {
namespace {

constexpr std::string_view kHiddenPeers = "interactive-";

// Joins entries until one does not fit.
class List {
 public:
  explicit List(char separator) : separator_(separator) {}

  void add(std::string_view entry) {
    cut_ = cut_ || text_.size() + 1 + entry.size() > kMaxTextBytes;
    if (cut_) return;
    if (!text_.empty()) text_ += separator_;
    text_ += entry;
  }

  [[nodiscard]] bool is_cut() const { return cut_; }
  NameContent content() && { return {kTypeTxt, {Text{std::move(text_)}}, cut_}; }

 private:
  char separator_;
  std::string text_;
  bool cut_ = false;
};

bool is_listed(const View& view, const MachineRecord& machine, ListScope scope) {
  return scope == ListScope::kAll ? is_registered(machine)
                                  : is_answered(view.snapshot, machine, &view.source);
}

NameContent not_asked() {
  return {kTypeTxt, {}, false};
}

}  // namespace

NameContent list_machines(const View& view, const AppView& app, ListScope scope) {
  if (!view.wants(kTypeTxt)) return not_asked();
  List list(',');
  for (const auto& machine : app.machines) {
    if (list.is_cut()) break;
    if (is_listed(view, *machine, scope)) list.add(to_string(machine->id) + " " + machine->region);
  }
  return std::move(list).content();
}

NameContent list_regions(const View& view, const AppView& app, ListScope scope) {
  if (!view.wants(kTypeTxt)) return not_asked();
  std::set<std::string_view> regions;
  for (const auto& machine : app.machines)
    if (is_listed(view, *machine, scope)) regions.insert(machine->region);
  List list(',');
  for (auto region : regions) list.add(region);
  return std::move(list).content();
}

NameContent list_instances(const View& view, ListScope scope) {
  if (!view.wants(kTypeTxt)) return not_asked();
  List list(';');
  for (const auto& [id, machine] : view.names.machines) {
    if (list.is_cut()) break;
    if (!is_listed(view, *machine, scope)) continue;
    list.add("instance=" + to_string(id) + ",app=" + machine->app +
             ",ip=" + to_string(machine->address) + ",region=" + machine->region);
  }
  return std::move(list).content();
}

NameContent list_apps(const View& view) {
  if (!view.wants(kTypeTxt)) return not_asked();
  List list(',');
  for (const auto& [name, app] : view.names.apps) list.add(name);
  return std::move(list).content();
}

NameContent list_peers(const View& view) {
  if (!view.wants(kTypeTxt)) return not_asked();
  List list(',');
  for (const auto& [name, peer] : view.names.peers)
    if (!name.starts_with(kHiddenPeers)) list.add(name);
  return std::move(list).content();
}

}  // namespace sixpn::dns
