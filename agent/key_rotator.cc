#include "agent/key_rotator.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

#include "agent/core/writes.h"
#include "agent/rooms.h"
#include "base/io/clock.h"
#include "base/log.h"
#include "mesh/core/knock.h"
#include "registry/core/key_proofs.h"

namespace sixpn::agent {
namespace {

constexpr Duration kAskInterval = std::chrono::milliseconds(250);
// After a failed write, and between two looks whether this host may speak for itself again.
constexpr Duration kRetryPause = std::chrono::seconds(5);
constexpr const char* kDisplaced =
    "another enrolment of this host's id stands in its place, so no host would learn of new keys "
    "(`sixpn status` tells more)";

std::string_view describe(Rotation phase) {
  switch (phase) {
    case Rotation::kNone:
      return "over";
    case Rotation::kLeave:
      return "links go to the spare device";
    case Rotation::kReturn:
      return "links come back to the main device";
  }
  return "";
}

}  // namespace

KeyRotator::KeyRotator(Rooms& rooms, mesh::HostKeys keys, std::string state_dir,
                       std::uint16_t spare_port)
    : rooms_(rooms),
      keys_(std::move(keys)),
      state_dir_(std::move(state_dir)),
      spare_port_(spare_port),
      timer_(rooms.control, [this] { go_on(); }) {}

void KeyRotator::fill(HostRecord& record) const {
  record.wireguard_key = wireguard_public_key(keys_.main);
  record.spare_key = wireguard_public_key(keys_.spare);
  record.spare_port = spare_port_;
  record.key_proofs = prove_keys(record.id, keys_.main, keys_.spare);
  record = mesh::fitted(std::move(record), rooms_.identity.signing_key);
  record.rotation = keys_.rotation();
}

void KeyRotator::resume() {
  if (keys_.rotation() == Rotation::kNone) return;
  log::info("agent", "a rotation of the WireGuard keys goes on: {}", describe(keys_.rotation()));
  rotation_.enter(keys_.rotation(), force_, monotonic_now());
  timer_.arm_after(kAskInterval);
}

void KeyRotator::begin(bool force, Done done) {
  if (keys_.rotation() != Rotation::kNone || done_)
    return done(Error("a rotation of this host's keys is under way", kTaken));
  if (!rooms_.registry->own_host_record()) return done(Error(kDisplaced, kTaken));
  auto unable = mesh::hosts_without_spare(*rooms_.registry->snapshot());
  if (!unable.empty() && !force)
    return done(Error(fmt::format("hosts with an older version cannot follow, and would lose "
                                  "packets: {} (upgrade them, or use --force)",
                                  fmt::join(unable, ", ")),
                      kTaken));
  force_ = force;
  refusal_.reset();
  done_ = std::move(done);
  run(mesh::begin_rotation);
}

// Writes on the mesh loop, and hands the keys to the mesh there, before anyone else learns of them.
void KeyRotator::run(Step step) {
  rooms_.mesh_loop.post([this, step, keys = keys_] {
    if (!rooms_.mesh) return;
    auto changed = step(state_dir_, keys);
    if (changed) rooms_.mesh->set_keys(changed->main, changed->spare, changed->rotation());
    rooms_.control.post([this, changed = std::move(changed)] { on_step(changed); });
  });
}

void KeyRotator::on_step(Result<mesh::HostKeys> keys) {
  if (!keys) {
    log::error("agent", "rotating the WireGuard keys: {}", keys.error().message);
    if (keys_.rotation() == Rotation::kNone) return finish(std::move(keys).error());
    problem_ = std::move(keys).error();
    timer_.arm_after(kRetryPause);
    return;
  }
  keys_ = std::move(*keys);
  problem_.reset();
  log::info("agent", "rotating the WireGuard keys: {}", describe(keys_.rotation()));
  if (!announce()) return hold();
  if (keys_.rotation() != Rotation::kNone) return timer_.arm_after(kAskInterval);
  if (refusal_) return finish(*refusal_);
  finish(wireguard_public_key(keys_.main));
}

// Tells every host what the keys are, and begins the phase's time. False: this host is displaced.
bool KeyRotator::announce() {
  SignedRecordPtr own = rooms_.registry->own_host_record();
  if (!own) return false;
  rotation_.enter(keys_.rotation(), force_, monotonic_now());
  HostRecord record = *std::get<HostValue>(own->record.value);
  fill(record);
  rooms_.registry->update_own_host(std::move(record));
  return true;
}

// A displaced host does not go on: its links are to be left as they are, as nobody would follow.
void KeyRotator::hold() {
  if (!std::exchange(held_, true))
    log::warn("agent", "rotating the WireGuard keys waits: {}", kDisplaced);
  timer_.arm_after(kRetryPause);
  finish(Error(std::string("the rotation waits: ") + kDisplaced, kTaken));
}

void KeyRotator::go_on() {
  if (!rooms_.registry->own_host_record()) return hold();
  if (std::exchange(held_, false)) announce();
  if (keys_.rotation() != Rotation::kNone) ask_mesh();
}

void KeyRotator::finish(Result<PublicKey> result) {
  waiting_.clear();
  if (auto done = std::exchange(done_, nullptr)) done(std::move(result));
}

void KeyRotator::ask_mesh() {
  rooms_.mesh_loop.post([this] {
    if (!rooms_.mesh) return;
    rooms_.control.post([this, links = rooms_.mesh->links()] { on_links(links); });
  });
}

void KeyRotator::on_links(const std::map<HostId, mesh::LinkState>& links) {
  auto verdict = rotation_.update(*rooms_.registry->snapshot(), links, monotonic_now());
  waiting_ = std::move(verdict.waiting);
  act(verdict.action);
}

void KeyRotator::act(mesh::KeyRotation::Action action) {
  using Action = mesh::KeyRotation::Action;
  switch (action) {
    case Action::kWait:
      return timer_.arm_after(kAskInterval);
    case Action::kChangeKey:
      return run(mesh::change_main_key);
    case Action::kGiveUp:
      refusal_ = Error(
          fmt::format("the WireGuard key stays as it was: no link on the spare device to {} (is "
                      "UDP port {} open both ways? --force rotates all the same)",
                      fmt::join(waiting_, ", "), spare_port_),
          kTaken);
      log::error("agent", "{}", refusal_->message);
      return run(mesh::keep_main_key);
    case Action::kFinish:
      return run(mesh::finish_rotation);
  }
}

std::vector<std::string> KeyRotator::warnings() const {
  std::vector<std::string> lines;
  for (const auto& error : {refusal_, problem_})
    if (error) lines.push_back("rotate-key: " + error->message);
  if (held_) lines.push_back(std::string("rotate-key: waits: ") + kDisplaced);
  if (keys_.rotation() != Rotation::kNone && !waiting_.empty())
    lines.push_back(fmt::format("rotate-key: {}, waiting for {}", describe(keys_.rotation()),
                                fmt::join(waiting_, ", ")));
  return lines;
}

}  // namespace sixpn::agent
