// What this program asks of c-ares: its calls are counted on their way to the library, so that a
// test of the ways through c-ares can tell that they were taken.
#pragma once

#include <atomic>

namespace sixpn::dns::testing {

struct CAresCalls {
  std::atomic<int> sends{0};
  std::atomic<int> sends_with_opt{0};
  std::atomic<int> channels_made{0};
  std::atomic<int> channels_destroyed{0};
  std::atomic<int> deadlines_asked_for{0};
};

// Of the whole program, since it began: tests look at differences.
CAresCalls& c_ares_calls();

}  // namespace sixpn::dns::testing
