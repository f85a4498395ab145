// Suspicion: the case against one host: who accuses it of being gone, with their signatures, and
// how long it has to answer. The time is long for a lone accuser and shrinks with every
// independent confirmation (Lifeguard, section IV.B: dogpile). A value.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "registry/core/keys.h"

namespace sixpn::registry {

inline constexpr std::size_t kMaxAccusers = 8;
// Nobody confirms; the least number that proves a death confirms; nearly all observers confirm
// (counted from the confirmation that completed the proof).
inline constexpr Duration kSuspicionMost = std::chrono::seconds(20);
inline constexpr Duration kSuspicionFew = std::chrono::seconds(6);
inline constexpr Duration kSuspicionLeast = std::chrono::seconds(1);

struct Accusation {
  HostId accuser;
  Signature signature{};  // all zero: not signed yet
  friend bool operator==(const Accusation&, const Accusation&) = default;
};

// How many accusers it takes, among those who could accuse.
struct Quorum {
  std::size_t proof = 1;   // proves the death
  std::size_t enough = 1;  // makes it certain
  friend bool operator==(const Quorum&, const Quorum&) = default;
};

class Suspicion {
 public:
  Suspicion(Instant start, std::uint64_t incarnation) : start_(start), incarnation_(incarnation) {}

  // True when this accuser is new and there is room.
  bool accuse(Instant now, const Accusation& accusation) {
    if (accusers_.size() >= kMaxAccusers || has_accuser(accusation.accuser)) return false;
    accusers_.push_back(accusation);
    arrived_.push_back(now);
    return true;
  }
  void sign(HostId accuser, const Signature& signature) {
    for (auto& each : accusers_)
      if (each.accuser == accuser) each.signature = signature;
  }
  [[nodiscard]] bool has_accuser(HostId host) const {
    return std::any_of(accusers_.begin(), accusers_.end(),
                       [host](const auto& each) { return each.accuser == host; });
  }
  [[nodiscard]] const std::vector<Accusation>& accusers() const { return accusers_; }
  [[nodiscard]] std::uint64_t incarnation() const { return incarnation_; }
  [[nodiscard]] Instant start() const { return start_; }

  // When the accused is judged; `health` is the judge's own local health multiplier.
  [[nodiscard]] Instant deadline(const Quorum& quorum, int health) const {
    auto stretch = [health](Duration d) { return d * (2 + health) / 2; };
    std::size_t n = accusers_.size();
    if (n < quorum.proof) return start_ + delay_ + stretch(kSuspicionMost);
    // A proof of one has no second witness: it takes twice as long.
    Duration least = quorum.proof == 1 ? 2 * kSuspicionLeast : kSuspicionLeast;
    Instant certain = arrived_[quorum.proof - 1] + stretch(least);
    if (n >= quorum.enough) return certain + delay_;
    auto missing = static_cast<Duration::rep>(quorum.enough - n);
    auto gap = static_cast<Duration::rep>(quorum.enough - quorum.proof);
    Instant likely = start_ + stretch(least + (kSuspicionFew - least) * missing / gap);
    return std::max(certain, likely) + delay_;
  }

  // Time in which this host could not judge does not count.
  void extend(Duration time) { delay_ += time; }

 private:
  Instant start_;
  std::uint64_t incarnation_;  // what is accused is this incarnation of the host
  Duration delay_{};
  std::vector<Accusation> accusers_;
  std::vector<Instant> arrived_;
};

}  // namespace sixpn::registry
