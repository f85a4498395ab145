#include "mesh/io/reconciler.h"

#include <algorithm>

namespace sixpn::mesh {
namespace {

// Peers of one request to the backend: bounds the time that one call may take.
constexpr std::size_t kPeersPerRequest = 64;

std::optional<PeerStep> as_peer_step(const MeshStep& step) {
  if (const auto* set = std::get_if<SetPeer>(&step))
    return std::optional<PeerStep>(std::in_place, *set);
  if (const auto* remove = std::get_if<RemovePeer>(&step))
    return std::optional<PeerStep>(std::in_place, *remove);
  return std::nullopt;
}

// The plane that a step on a peer is for.
Plane plane_of(const PeerStep& step) {
  return std::visit([](const auto& s) { return s.plane; }, step);
}

bool have_equal_candidates(const DesiredTunnel& a, const DesiredTunnel& b) {
  return a.device.public_key == b.device.public_key &&
         std::ranges::equal(a.peers, b.peers, [](const auto& x, const auto& y) {
           return x.first == y.first && x.second.candidates == y.second.candidates;
         });
}

bool have_equal_candidates(const DesiredMesh& a, const DesiredMesh& b) {
  return a.links == b.links && a.spare.has_value() == b.spare.has_value() &&
         have_equal_candidates(a.main, b.main) &&
         (!a.spare || have_equal_candidates(*a.spare, *b.spare));
}

// Of the links between hosts, which are supervised; peers call from where they are.
constexpr std::array kLinkPlanes = {Plane::kMain, Plane::kSpare};

}  // namespace

bool Reconciler::is_contradicted_by(const KernelEvent& event, const std::string& device) const {
  return observed_ && contradicts(event, *observed_, device);
}

bool Reconciler::needs_peers(const DesiredMesh& desired) const {
  return doubt_peers_ || !last_desired_ || !have_equal_candidates(desired, *last_desired_);
}

Result<void> Reconciler::refresh_veths(const DesiredMesh& desired) {
  for (const auto& name : doubted_veths_) {
    auto wanted = desired.veths.find(name);
    if (wanted == desired.veths.end()) continue;
    auto veth = kernel_.observe_veth(wanted->second);
    if (!veth) return std::move(veth).error();
    if (*veth) {
      observed_->veths[name] = **veth;
    } else {
      apply_step(DeleteVeth{name}, *observed_);
    }
  }
  doubted_veths_.clear();
  return {};
}

Result<void> Reconciler::refresh(const DesiredMesh& desired) {
  fresh_peers_ = false;
  if (!observed_) {
    auto mesh = kernel_.observe(desired);
    if (!mesh) return std::move(mesh).error().within("observing");
    observed_ = std::move(*mesh);
    doubted_veths_.clear();
    doubt_peers_ = false;
    fresh_peers_ = true;
    return {};
  }
  if (auto read = refresh_veths(desired); !read) return std::move(read).within("observing");
  if (observed_->main.device && needs_peers(desired))
    return refresh_peers(desired).within("observing");
  return {};
}

Result<void> Reconciler::refresh_peers(const DesiredMesh& desired) {
  for (Plane plane : {Plane::kMain, Plane::kSpare, Plane::kGateway}) {
    ObservedTunnel& tunnel = observed_->tunnel(plane);
    if (!tunnel.device || desired.tunnel(plane) == nullptr) continue;
    auto peers = kernel_.observe_peers(plane);
    if (!peers) return std::move(peers).error();
    tunnel.peers = std::move(*peers);
  }
  doubt_peers_ = false;
  fresh_peers_ = true;
  return {};
}

// A peer that never had a session loses none when it is made anew; the plan makes it.
Result<void> Reconciler::call_again(Plane plane, const std::set<PublicKey>& peers) {
  std::vector<PeerStep> removals;
  for (const auto& key : peers)
    if (observed_->tunnel(plane).peers.erase(key) > 0)
      removals.emplace_back(RemovePeer{key, plane});
  if (removals.empty()) return {};
  return kernel_.apply_peers(plane, removals);
}

// Handshakes age, so peers are judged only when they were read just now.
Result<void> Reconciler::supervise(Plane plane, DesiredMesh& desired, Now now) {
  static const std::map<PublicKey, ObservedPeer> kNone;
  Watch& watch = watches_.at(static_cast<std::size_t>(plane));
  if (plane == Plane::kSpare && !desired.spare) {
    watch = {.first_handshake = FirstHandshake(false)};
    return {};
  }
  DesiredTunnel& tunnel = plane == Plane::kMain ? desired.main : *desired.spare;
  const ObservedTunnel& observed = observed_->tunnel(plane);
  if (std::exchange(watch.device_key, tunnel.device.public_key) != tunnel.device.public_key)
    watch = {.device_key = tunnel.device.public_key, .first_handshake = FirstHandshake(starting_)};
  if (fresh_peers_) {
    // The plan makes the peers of a device anew that gets another key.
    bool same = observed.device && observed.device->public_key == tunnel.device.public_key;
    const auto& peers = same ? observed.peers : kNone;
    for (auto& [key, endpoint] : watch.supervisor.update(tunnel.peers, peers, now))
      watch.pins[key] = endpoint;
    auto first = watch.first_handshake.update(desired.self, tunnel.peers, peers, now.mono);
    for (const auto& key : first.await) tunnel.peers.at(key).awaits_call = true;
    for (const auto& key : first.call) watch.pins[key] = tunnel.peers.at(key).candidates.front();
    if (auto removed = call_again(plane, first.again); !removed) return removed;
  }
  for (const auto& [key, endpoint] : watch.pins)
    if (auto peer = tunnel.peers.find(key); peer != tunnel.peers.end())
      peer->second.pinned = endpoint;
  return {};
}

Result<void> Reconciler::supervise_tunnels(DesiredMesh& desired, Now now) {
  for (Plane plane : kLinkPlanes)
    if (auto done = supervise(plane, desired, now); !done) return done;
  if (fresh_peers_) {
    links_.update(desired, *observed_, now);
    starting_ = false;
  }
  steer_links(links_.on_spare(), desired);
  return {};
}

void Reconciler::note_failure(const MeshStep& step, const Error& error, PassOutcome& outcome) {
  Error described = Error(error).within(to_string(step));
  if (std::string veth = veth_of(step); !veth.empty())
    outcome.failed_veths.emplace(veth, described);
  // Without firewall nothing may come up: isolation fails closed.
  if (std::holds_alternative<ReplaceFirewall>(step) || std::holds_alternative<UpdateFirewall>(step))
    outcome.failed_whole = true;
  if (!outcome.error) outcome.error = std::move(described);
}

std::size_t Reconciler::apply_peers(std::span<const MeshStep> steps, PassOutcome& outcome) {
  std::vector<PeerStep> batch;
  for (const auto& step : steps) {
    auto peer = as_peer_step(step);
    if (!peer || batch.size() == kPeersPerRequest) break;
    if (!batch.empty() && plane_of(*peer) != plane_of(batch.front())) break;
    batch.push_back(std::move(*peer));
  }
  auto done = kernel_.apply_peers(plane_of(batch.front()), batch);
  if (!done) {
    note_failure(steps.front(), done.error(), outcome);
  } else {
    for (const auto& step : steps.first(batch.size())) apply_step(step, *observed_);
    outcome.applied += batch.size();
  }
  return batch.size();
}

void Reconciler::apply(const MeshPlan& plan, PassOutcome& outcome) {
  std::span<const MeshStep> rest(plan.steps);
  while (!rest.empty()) {
    if (as_peer_step(rest.front())) {
      rest = rest.subspan(apply_peers(rest, outcome));
      continue;
    }
    auto done = kernel_.apply(rest.front());
    if (done) {
      apply_step(rest.front(), *observed_);
      ++outcome.applied;
    } else {
      note_failure(rest.front(), done.error(), outcome);
      if (outcome.failed_whole) return;
    }
    rest = rest.subspan(1);
  }
}

PassOutcome Reconciler::pass(DesiredMesh desired, Now now) {
  PassOutcome outcome;
  bool has_pins = std::ranges::any_of(watches_, [](const Watch& w) { return !w.pins.empty(); });
  bool settled = observed_ && doubted_veths_.empty() && !doubt_peers_ && !has_pins;
  if (settled && last_desired_ == desired) return outcome;
  DesiredMesh wanted = desired;
  if (auto read = refresh(desired); !read) {
    observed_.reset();
    outcome.failed_whole = true;
    outcome.error = std::move(read).error();
    return outcome;
  }
  if (auto called = supervise_tunnels(desired, now); !called) {
    observed_.reset();
    outcome.failed_whole = true;  // nothing of the plan was done
    outcome.error = std::move(called).error();
    return outcome;
  }
  apply(plan_mesh(desired, *observed_), outcome);
  if (outcome.error) {
    observed_.reset();
    return outcome;
  }
  for (auto& watch : watches_) watch.pins.clear();
  last_desired_ = std::move(wanted);
  return outcome;
}

Result<MeshPlan> Reconciler::dry_run(const DesiredMesh& desired) {
  auto mesh = kernel_.observe(desired);
  if (!mesh) return std::move(mesh).error().within("observing");
  DesiredMesh steered = desired;
  steer_links(links_.on_spare(), steered);
  return plan_mesh(steered, *mesh);
}

}  // namespace sixpn::mesh
