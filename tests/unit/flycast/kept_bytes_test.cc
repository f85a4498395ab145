#include "flycast/core/kept_bytes.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace sixpn::flycast {
namespace {

std::string text_of(const KeptBytes& kept) {
  std::string out = "before ";
  kept.append_to(out);
  return out.substr(7);
}

TEST(KeptBytes, AreWhatWasAppended) {
  Rng rng(1);
  for (int round = 0; round < 200; ++round) {
    KeptBytes kept;
    std::string whole;
    EXPECT_TRUE(kept.empty());
    while (whole.size() < 200'000 && rng.below(100) != 0) {
      std::string piece(rng.below(1 << rng.below(16)), static_cast<char>('a' + rng.below(26)));
      kept.append(piece);
      whole += piece;
      ASSERT_EQ(kept.size(), whole.size());
    }
    ASSERT_EQ(text_of(kept), whole);
  }
}

// However it came: at once, in the pieces that are read from a socket, or byte by byte.
TEST(KeptBytes, TakeLittleMoreThanTheyAreLong) {
  for (std::size_t piece : {1u, 7u, 1000u, 16384u, 65536u, 1000000u}) {
    KeptBytes kept;
    for (std::size_t size = 0; size < 1000000; size += piece) {
      kept.append(std::string(piece, 'x'));
      // A string holds 15 bytes without asking for memory, and its end.
      ASSERT_LE(kept.capacity(), kept.size() + std::min(kept.size(), KeptBytes::kBlock) + 16)
          << piece;
    }
  }
}

}  // namespace
}  // namespace sixpn::flycast
