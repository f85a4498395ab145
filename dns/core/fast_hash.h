// A hash for the tables of the answering path: eight bytes a step, multiplied and folded (the
// mixing of wyhash, Wang Yi 2020). Seeded once per process, so that nobody can choose names that
// collide. Not for anything that leaves the process.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace sixpn::dns {

extern const std::uint64_t kHashSeed;  // random, the same as long as the process lives

inline std::uint64_t fold_multiply(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  auto product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

inline std::uint64_t load_bytes(const char* bytes, std::size_t n) {
  std::uint64_t word = 0;
  if (n >= 8) {
    std::memcpy(&word, bytes, 8);
    return word;
  }
  if (n >= 4) {
    std::uint32_t low = 0, high = 0;
    std::memcpy(&low, bytes, 4);
    std::memcpy(&high, bytes + n - 4, 4);
    return std::uint64_t{high} << 32 | low;
  }
  for (std::size_t i = 0; i < n; ++i) word = word << 8 | static_cast<unsigned char>(bytes[i]);
  return word;
}

inline std::uint64_t fast_hash(std::string_view bytes) {
  constexpr std::uint64_t kPrime = 0x9fb21c651e98df25ULL;
  std::uint64_t state = kHashSeed ^ (bytes.size() * kPrime);
  for (; bytes.size() > 8; bytes.remove_prefix(8))
    state = fold_multiply(state ^ load_bytes(bytes.data(), 8), kPrime);
  return fold_multiply(state ^ load_bytes(bytes.data(), bytes.size()), kPrime ^ kHashSeed);
}

}  // namespace sixpn::dns
