// AskedQuestions: which questions are being asked upstream, by whichever worker or the forwarder,
// so that an equal one is not asked a second time, and one of our own that comes back is known
// again. A table of fixed size without locks, in which each question has one place: where another
// question has it already, the forwarder joins equal questions by itself.
//
// Owned by ForwardShared; any thread. Questions are told apart by hash_of(ForwardKey) alone: who is
// joined wrongly (by chance of 1 in 2^61) waits a while and is asked for.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "dns/core/fast_hash.h"

namespace sixpn::dns {

class AskedQuestions {
 public:
  static constexpr std::size_t kPlaces = 16384;

  enum class Claim {
    kOurs,     // nobody asks it: release() it when it has an answer, or that is late
    kOthers,   // somebody does, and will tell the forwarder
    kCrowded,  // not known: its place is another's
  };

  // `spelling`: of the question upstream, where that is telling (is_telling()), else empty.
  Claim claim(std::uint64_t hash, std::string_view spelling);
  // Whether a query is what somebody of us asks upstream, letter by letter.
  [[nodiscard]] bool is_echo(std::uint64_t hash, std::string_view spelled) const;
  // Once for each claim that was kOurs. True: somebody else wanted it meanwhile, and waits at the
  // forwarder.
  bool release(std::uint64_t hash);

 private:
  struct Place {
    std::atomic<std::uint64_t> question{0};  // tag_of() its hash, and kWanted; 0: free
    std::atomic<std::uint64_t> spelling{0};  // a hash of it; 0: none that tells
  };
  static constexpr std::uint64_t kWanted = 1, kTaken = 2;

  static std::uint64_t tag_of(std::uint64_t hash) { return (hash & ~kWanted) | kTaken; }
  static std::uint64_t spelling_of(std::string_view name) { return fast_hash(name) | 1; }
  // Not by the bits that choose a shard of the cache.
  static std::size_t place_of(std::uint64_t hash) { return (hash >> 32) % kPlaces; }

  std::vector<Place> places_ = std::vector<Place>(kPlaces);
};

}  // namespace sixpn::dns
