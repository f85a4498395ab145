// RandomWords: random numbers that nobody can foretell (of the kernel's generator), fetched in
// batches, for what is drawn with every query upstream. One thread.
#pragma once

#include <sys/random.h>

#include <array>
#include <cstdint>
#include <cstdlib>

namespace sixpn::dns {

class RandomWords {
 public:
  std::uint64_t next() {
    if (used_ == words_.size()) fill();
    return words_[used_++];
  }

 private:
  // Up to 256 bytes come whole and without a signal between (getrandom(2)).
  void fill() {
    if (getrandom(words_.data(), sizeof words_, 0) != sizeof words_) std::abort();
    used_ = 0;
  }

  std::array<std::uint64_t, 32> words_{};
  std::size_t used_ = words_.size();
};

}  // namespace sixpn::dns
