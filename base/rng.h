// A small, fast, seedable generator (xoshiro256**, Blackman and Vigna 2018, seeded by splitmix64)
// for protocol choices: probe order, jitter, shuffles. Deterministic per seed on every platform,
// which the simulator relies on. Never for keys: those come from libsodium.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <utility>

namespace sixpn {

class Rng {
 public:
  using result_type = std::uint64_t;

  explicit Rng(std::uint64_t seed) {
    for (auto& word : state_) word = splitmix(seed);
  }

  static constexpr result_type min() { return 0; }
  static constexpr result_type max() { return std::numeric_limits<result_type>::max(); }

  result_type operator()() {
    std::uint64_t result = rotl(state_[1] * 5, 7) * 9;
    std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound); 0 when bound is 0. Lemire's multiply-shift (bias below 2^-32 is
  // accepted).
  std::uint64_t below(std::uint64_t bound) {
    return static_cast<std::uint64_t>(static_cast<Wide>((*this)()) * bound >> 64);
  }

  // True with probability p (0..1).
  bool chance(double p) { return static_cast<double>((*this)() >> 11) * 0x1.0p-53 < p; }

  // Fisher-Yates; the same order on every platform, unlike std::shuffle.
  template <class Container>
  void shuffle(Container& items) {
    for (std::size_t i = items.size(); i > 1; --i)
      std::swap(items[i - 1], items[static_cast<std::size_t>(below(i))]);
  }

 private:
  __extension__ using Wide = unsigned __int128;

  static std::uint64_t splitmix(std::uint64_t& seed) {
    std::uint64_t z = (seed += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  static std::uint64_t rotl(std::uint64_t x, int k) { return x << k | x >> (64 - k); }

  std::array<std::uint64_t, 4> state_{};
};

}  // namespace sixpn
