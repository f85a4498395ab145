// Draw: in which order the places of a tier are told, anew for each answer. Of up to kMost places
// every order is as likely as any other, so that a machine that is gone leaves its share to all
// others, not to one neighbour. Of more, the start is drawn, and stretches of kMost from there on
// are shuffled each. A Fisher-Yates that goes only as far as it is asked: nothing is allocated, and
// of two places it is one draw. Pure.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/rng.h"

namespace sixpn::dns {

class Draw {
 public:
  static constexpr std::size_t kMost = 64;

  Draw(std::size_t places, Rng& rng)
      : rng_(rng), places_(places), start_(places > kMost ? rng.below(places) : 0) {}

  // The next of 0 ... places - 1; each once.
  std::size_t next() {
    if (at_ == stretch_) begin_stretch();
    std::size_t left = stretch_ - at_;
    if (left > 1) std::swap(order_[at_], order_[at_ + below(left)]);
    std::size_t place = start_ + order_[at_++];
    return place < places_ ? place : place - places_;
  }

 private:
  void begin_stretch() {
    start_ += stretch_;
    if (start_ >= places_) start_ -= places_;
    told_ += stretch_;
    stretch_ = std::min(places_ - told_, kMost);
    if (told_ > 0) order_ = kInOrder;
    at_ = 0;
  }

  // Four from each number of the generator's; off by a thousandth at most.
  std::size_t below(std::size_t bound) {
    if (words_left_-- == 0) {
      words_ = rng_();
      words_left_ = 3;
    }
    std::size_t word = words_ & 0xffff;
    words_ >>= 16;
    return word * bound >> 16;
  }

  static constexpr auto kInOrder = [] {
    std::array<std::uint8_t, kMost> places{};
    for (std::size_t i = 0; i < kMost; ++i) places[i] = static_cast<std::uint8_t>(i);
    return places;
  }();

  Rng& rng_;
  std::size_t places_, start_;
  std::size_t told_ = 0;     // in stretches before this one
  std::size_t stretch_ = 0;  // how many places it has
  std::size_t at_ = 0;
  std::uint64_t words_ = 0;
  unsigned words_left_ = 0;
  std::array<std::uint8_t, kMost> order_ =
      kInOrder;  // of the stretch; what comes before `at_` is told
};

}  // namespace sixpn::dns
