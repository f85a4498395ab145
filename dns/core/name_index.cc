#include "dns/core/name_index.h"

#include <algorithm>
#include <utility>

#include "dns/core/fast_hash.h"

namespace sixpn::dns {
namespace {

bool same_hosts(const Snapshot& a, const Snapshot& b) {
  if (a.hosts.is(b.hosts)) return true;
  if (a.hosts.size() != b.hosts.size()) return false;
  auto other = b.hosts.begin();
  for (const auto& [id, host] : a.hosts) {
    const HostView& now = other->second;
    if (id != other->first || host.usable() != now.usable() || host.round_trip != now.round_trip)
      return false;
    ++other;
  }
  return true;
}

}  // namespace

void NameIndex::set_snapshot(SnapshotPtr snapshot) {
  if (!snapshot_ || !snapshot || !same_hosts(*snapshot_, *snapshot)) ++hosts_age_;
  snapshot_ = std::move(snapshot);
  if (++age_ % kSweepEvery == 0) sweep();
}

NameIndex::Network* NameIndex::network(NetworkId id) {
  if (!snapshot_) return nullptr;
  auto view = snapshot_->networks.find(id);
  if (view == snapshot_->networks.end()) return nullptr;
  auto& network = networks_[id];
  if (!network) network = std::make_unique<Network>();
  network->set_view(view->second);
  return network.get();
}

void NameIndex::Network::set_view(const std::shared_ptr<const NetworkView>& view) {
  if (view == view_) return;
  const AppChanges& log = view->changed_apps;
  if (!view_ || view_->generation < log.since) ++epoch_;
  // From the newest back: mostly one of the log's many is new.
  for (auto change = log.changes.rbegin(); change != log.changes.rend(); ++change) {
    if (!view_ || change->generation <= view_->generation) break;
    if (App* app = find(change->app)) app->changed = true;
  }
  if (flycast_ && !flycast_->records().is(view->flycast)) flycast_.reset();
  view_ = view;
}

NameIndex::App* NameIndex::Network::find(std::string_view label) const {
  return apps_.find(fast_hash(label), [&](const App& app) { return app.label == label; });
}

NameIndex::App* NameIndex::find(Network& network, std::string_view label) {
  if (App* known = network.find(label)) return known;
  if (!network.view_->apps.contains(label)) return nullptr;
  auto app = std::make_unique<App>();
  app->label = label;
  return &network.apps_.put(fast_hash(label), std::move(app));
}

// Null when the app is gone; its names are then let go of.
NameIndex::App* NameIndex::current(Network& network, App* app) {
  if (app == nullptr) return nullptr;
  bool same = !app->changed && app->epoch == network.epoch_;
  if (same && app->hosts_age == hosts_age_) return app->view ? app : nullptr;
  AppPtr view = app->view;
  if (!same) {
    auto found = network.view_->apps.find(app->label);
    view = found == network.view_->apps.end() ? nullptr : found->second;
  }
  if (view != app->view || app->hosts_age != hosts_age_) {
    app->names.reset();
    app->own.reset();
  }
  app->changed = false;
  app->epoch = network.epoch_;
  app->hosts_age = hosts_age_;
  app->view = std::move(view);
  return app->view ? app : nullptr;
}

const AppNames* NameIndex::app(Network& network, std::string_view label, AppNames::Reach reach,
                               const Ip6* own) {
  App* app = current(network, find(network, label));
  if (app == nullptr) return nullptr;
  auto compile = [&] {
    ++compiled_;
    return AppNames(*snapshot_, *app->view, vantage_, reach, own);
  };
  if (own == nullptr) {
    if (!app->names || !app->names->reaches(reach)) app->names = compile();
    return &*app->names;
  }
  if (!app->own || app->own->asker != *own || !app->own->names.reaches(reach)) {
    look_at(app->view->machines.size());
    app->own = std::make_unique<OwnNames>(OwnNames{*own, compile()});
  }
  return &app->own->names;
}

const AppView* NameIndex::app_view(Network& network, std::string_view label) {
  App* app = current(network, find(network, label));
  return app == nullptr ? nullptr : app->view.get();
}

void NameIndex::sweep() {
  if (!snapshot_) return networks_.clear();
  for (auto it = networks_.begin(); it != networks_.end();) {
    auto view = snapshot_->networks.find(it->first);
    if (view == snapshot_->networks.end()) {
      it = networks_.erase(it);
      continue;
    }
    Network& network = *it->second;
    network.set_view(view->second);
    network.apps_.erase_if(
        [&](const App& app) { return !network.view_->apps.contains(app.label); });
    ++it;
  }
}

}  // namespace sixpn::dns
