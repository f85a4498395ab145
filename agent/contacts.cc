#include "agent/contacts.h"

#include <algorithm>

#include "agent/rooms.h"
#include "base/log.h"
#include "base/rng.h"
#include "mesh/core/knock_targets.h"
#include "mesh/io/identity_store.h"

namespace sixpn::agent {
namespace {

constexpr std::size_t kHostsToldOfStart = 3;

}  // namespace

Contacts::Contacts(Rooms& rooms, std::string state_dir, std::vector<Seed> known)
    : rooms_(rooms),
      state_dir_(std::move(state_dir)),
      known_(std::move(known)),
      timer_(rooms.control, [this] { look(); }) {}

void Contacts::start() {
  knock_at_some();
  timer_.arm_after(mesh::kContactsInterval);
}

void Contacts::knock_at_some() {
  std::vector<HostRecord> others;
  SnapshotPtr snapshot = rooms_.registry->snapshot();
  for (const auto& [id, host] : snapshot->hosts)
    if (id != snapshot->self) others.push_back(host.record);
  Rng rng(random_u64());
  rng.shuffle(others);
  others.resize(std::min(others.size(), kHostsToldOfStart));
  for (const auto& host : others) rooms_.knock->knock(host);
}

void Contacts::look() {
  timer_.arm_after(mesh::kContactsInterval);
  auto chosen = mesh::choose_contacts(*rooms_.registry->snapshot(), known_);
  if (chosen == known_) return;
  known_ = std::move(chosen);
  rooms_.mesh_loop.post([state_dir = state_dir_, seeds = known_] {
    if (auto written = mesh::IdentityStore::replace_seeds(state_dir, seeds); !written)
      log::warn("agent", "keeping the contacts: {}", written.error().message);
  });
}

}  // namespace sixpn::agent
