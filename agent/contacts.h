// Contacts: keeps on disk, beside the identity, whom this host has met (decision 0038), so that a
// host that loses its registry, the first of a cluster too, still knows where to knock. Not the
// knocking: mesh/io/knock_service.h reads them at the next start.
//
// Control loop only; the file is written on the mesh loop, which may block, and only when the
// contacts changed: at most once every kContactsInterval.
#pragma once

#include <string>
#include <vector>

#include "base/io/event_loop.h"
#include "registry/core/certificate.h"

namespace sixpn::agent {

struct Rooms;

class Contacts {
 public:
  // `known`: those on disk.
  Contacts(Rooms& rooms, std::string state_dir, std::vector<Seed> known);
  // Also knocks at some hosts that the registry knows: whoever left is let in again by them.
  void start();

 private:
  void knock_at_some();
  void look();

  Rooms& rooms_;
  std::string state_dir_;
  std::vector<Seed> known_;
  LoopTimer timer_;
};

}  // namespace sixpn::agent
