// Liar: one byzantine member of a simulated cluster. It holds a real certificate (for the org
// "other" only) and sends what an attacker on that host could: garbage and floods, replays of what
// it received, records with bad signatures, records of others, shared records of orgs that it has
// no right to, one stamp with two values, and claims about other members with huge incarnations.
// Beside this the host runs the honest program. Driven by a swarm (swarm.h), act() by act().
#pragma once

#include <deque>
#include <string>

#include "base/rng.h"
#include "tests/sim/simulator.h"

namespace sixpn::sim {

// Whether this build signs claims about members: before it did, one liar could kill.
inline bool claims_are_signed() {
  return [](auto options) {
    return requires {
      options.signing_key;
    };
  }(registry::Gossip::Options{});
}

class Liar {
 public:
  Liar(Simulator& sim, unsigned host, Rng& rng);
  void act();  // one lie, at random
  [[nodiscard]] unsigned host() const { return host_; }

 private:
  static constexpr std::size_t kMostHeard = 64;
  [[nodiscard]] unsigned victim();
  void send_record(unsigned to, const SignedRecordPtr& record);
  void forge_machine();
  void write_beyond_right();
  void equivocate();
  void replay();
  void flood();
  void accuse();

  Simulator& sim_;
  unsigned host_;
  Rng& rng_;
  std::deque<std::string> heard_;
  std::uint64_t version_ = 0;
};

}  // namespace sixpn::sim
