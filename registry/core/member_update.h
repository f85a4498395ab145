// MemberUpdate: a claim about one host as it travels, with its signatures (claim.h). A value.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "registry/core/snapshot.h"
#include "registry/core/suspicion.h"

namespace sixpn::registry {

struct MemberUpdate {
  HostId host;
  HostStatus status = HostStatus::kAlive;
  std::uint64_t incarnation = 0;
  HostId accuser;         // of a suspicion
  Signature signature{};  // the host's own (alive, left) or the accuser's (suspected)
  // Of a down: suspicions of the same incarnation. Nobody's verdict is believed, only these.
  std::vector<Accusation> accusers;
  friend bool operator==(const MemberUpdate&, const MemberUpdate&) = default;
};

inline bool accuses(const MemberUpdate& update) {
  return update.status == HostStatus::kSuspected || update.status == HostStatus::kDown;
}

inline bool is_signed(const Signature& signature) {
  return signature != Signature{};
}

// An incarnation is (process life << kLifeBits) + how often this life refuted.
inline constexpr unsigned kLifeBits = 16;
// Above this nothing is believed, so that a host can always refute.
inline constexpr std::uint64_t kMaxIncarnation = std::uint64_t{1} << 62;

}  // namespace sixpn::registry
