#include "mesh/core/key_rotation.h"

namespace sixpn::mesh {
namespace {

bool has_spare(const HostRecord& host) {
  return host.spare_port != 0 && host.spare_key != PublicKey{};
}

bool is_other_member(const Snapshot& snapshot, const HostView& host) {
  return host.record.id != snapshot.self && host.status != HostStatus::kLeft &&
         !snapshot.revocations.contains(host.record.id);
}

}  // namespace

void KeyRotation::enter(Rotation phase, bool force, Instant now) {
  phase_ = phase;
  force_ = force;
  since_ = now;
}

bool KeyRotation::must_wait(const HostView& host, const LinkState* link, Instant now) const {
  if (!has_spare(host.record)) return phase_ == Rotation::kLeave && host.usable();
  Plane wanted = phase_ == Rotation::kLeave ? Plane::kSpare : Plane::kMain;
  if (link == nullptr) return host.usable() || now - since_ < kLinksKnown;
  if (link->target == wanted && link->settled) return false;
  if (host.usable()) return true;
  return link->left_has_session && now - link->left_heard < kGoneSilence;
}

KeyRotation::Verdict KeyRotation::update(const Snapshot& snapshot,
                                         const std::map<HostId, LinkState>& links, Instant now) {
  Verdict verdict;
  if (phase_ == Rotation::kNone) return verdict;
  for (const auto& [id, host] : snapshot.hosts) {
    if (!is_other_member(snapshot, host)) continue;
    auto link = links.find(id);
    if (must_wait(host, link == links.end() ? nullptr : &link->second, now))
      verdict.waiting.push_back(host.record.name);
  }
  bool over = phase_ == Rotation::kLeave && now - since_ >= kLeaveBound;
  if (verdict.waiting.empty() || (over && force_))
    verdict.action = phase_ == Rotation::kLeave ? Action::kChangeKey : Action::kFinish;
  else if (over)
    verdict.action = Action::kGiveUp;
  return verdict;
}

std::vector<std::string> hosts_without_spare(const Snapshot& snapshot) {
  std::vector<std::string> names;
  for (const auto& [id, host] : snapshot.hosts)
    if (is_other_member(snapshot, host) && host.usable() && !has_spare(host.record))
      names.push_back(host.record.name);
  return names;
}

}  // namespace sixpn::mesh
