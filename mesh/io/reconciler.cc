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

bool have_equal_candidates(const DesiredMesh& a, const DesiredMesh& b) {
  return std::ranges::equal(a.peers, b.peers, [](const auto& x, const auto& y) {
    return x.first == y.first && x.second.candidates == y.second.candidates;
  });
}

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
  if (observed_->device && needs_peers(desired)) {
    auto peers = kernel_.observe_peers();
    if (!peers) return std::move(peers).error().within("observing");
    observed_->peers = std::move(*peers);
    doubt_peers_ = false;
    fresh_peers_ = true;
  }
  return {};
}

// A peer that never had a session loses none when it is made anew; the plan makes it.
Result<void> Reconciler::call_again(const std::set<PublicKey>& peers) {
  std::vector<PeerStep> removals;
  for (const auto& key : peers)
    if (observed_->peers.erase(key) > 0) removals.emplace_back(RemovePeer{key});
  if (removals.empty()) return {};
  return kernel_.apply_peers(removals);
}

// Handshakes age, so peers are judged only when they were read just now.
Result<void> Reconciler::supervise(DesiredMesh& desired, Now now) {
  if (fresh_peers_) {
    for (auto& [key, endpoint] : supervisor_.update(desired.peers, observed_->peers, now))
      pins_[key] = endpoint;
    auto first = first_handshake_.update(desired.self, desired.peers, observed_->peers, now.mono);
    for (const auto& key : first.await) desired.peers.at(key).awaits_call = true;
    for (const auto& key : first.call) pins_[key] = desired.peers.at(key).candidates.front();
    if (auto removed = call_again(first.again); !removed) return removed;
  }
  for (const auto& [key, endpoint] : pins_)
    if (auto peer = desired.peers.find(key); peer != desired.peers.end())
      peer->second.pinned = endpoint;
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
    batch.push_back(std::move(*peer));
  }
  auto done = kernel_.apply_peers(batch);
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
  bool settled = observed_ && doubted_veths_.empty() && !doubt_peers_ && pins_.empty();
  if (settled && last_desired_ == desired) return outcome;
  DesiredMesh wanted = desired;
  if (auto read = refresh(desired); !read) {
    observed_.reset();
    outcome.failed_whole = true;
    outcome.error = std::move(read).error();
    return outcome;
  }
  if (auto called = supervise(desired, now); !called) {
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
  pins_.clear();
  last_desired_ = std::move(wanted);
  return outcome;
}

Result<MeshPlan> Reconciler::dry_run(const DesiredMesh& desired) {
  auto mesh = kernel_.observe(desired);
  if (!mesh) return std::move(mesh).error().within("observing");
  return plan_mesh(desired, *mesh);
}

}  // namespace sixpn::mesh
