// KeyRotator: carries a rotation of this host's WireGuard keys through the rooms: files, mesh, host
// record (decision 0036). When each step is due is mesh/core/key_rotation.h's to say. A rotation
// that the agent's end interrupted goes on at its next start. While another enrolment of this
// host's id has displaced this host it waits, as nobody would learn of its keys.
//
// Owned by Rooms. All methods on the control loop; the files are written on the mesh loop, which
// may block. Outlives the loops' tasks, as Rooms does.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/io/event_loop.h"
#include "base/result.h"
#include "mesh/core/key_rotation.h"
#include "mesh/io/host_keys.h"

namespace sixpn::agent {

struct Rooms;

class KeyRotator {
 public:
  // With the main key that the host has afterwards, or why it is still the old one.
  using Done = std::function<void(Result<PublicKey>)>;

  KeyRotator(Rooms& rooms, mesh::HostKeys keys, std::string state_dir, std::uint16_t spare_port);

  // After the rooms were started.
  void resume();
  // `done` when the rotation is over. `force`: also when hosts that are alive cannot follow, whose
  // packets are then lost until they know the new key. Errors, at once: a rotation is under way;
  // this host is displaced; hosts that cannot follow. A host that is displaced later: when it is.
  void begin(bool force, Done done);

  [[nodiscard]] const mesh::HostKeys& keys() const { return keys_; }
  [[nodiscard]] std::uint16_t spare_port() const { return spare_port_; }
  // What the keys say in a host record.
  void fill(HostRecord& record) const;
  // For people, while a rotation is under way or when one failed.
  [[nodiscard]] std::vector<std::string> warnings() const;

 private:
  using Step = Result<mesh::HostKeys> (*)(const std::string&, mesh::HostKeys);

  void go_on();
  void hold();
  bool announce();
  void ask_mesh();
  void on_links(const std::map<HostId, mesh::LinkState>& links);
  void act(mesh::KeyRotation::Action action);
  void run(Step step);
  void on_step(Result<mesh::HostKeys> keys);
  void finish(Result<PublicKey> result);

  Rooms& rooms_;
  mesh::HostKeys keys_;
  std::string state_dir_;
  std::uint16_t spare_port_;
  mesh::KeyRotation rotation_;
  LoopTimer timer_;
  Done done_;
  bool force_ = false;
  bool held_ = false;  // displaced: what the keys are now is to be announced
  std::vector<std::string> waiting_;
  std::optional<Error> refusal_;  // why the last rotation kept the key
  std::optional<Error> problem_;  // of the disk, while it is tried again
};

}  // namespace sixpn::agent
