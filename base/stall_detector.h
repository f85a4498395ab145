// StallDetector: which loops have stopped answering, and since when. The judgement of the watchdog
// (base/io/watchdog.h) without its thread: a plain state machine, time passed in.
//
// Each round asks every loop that has answered, and looks at how long the others have owed theirs.
// A round that comes late says that this process as a whole did not run (SIGSTOP, a suspended or
// starved system): that time is nobody's stall and is forgiven.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/time.h"

namespace sixpn {

inline constexpr Duration kWatchRound = std::chrono::seconds(1);
inline constexpr Duration kStallNotice = std::chrono::seconds(5);  // a stall is worth a line

class StallDetector {
 public:
  struct Stall {
    std::size_t loop = 0;
    Duration owed{};
  };
  struct Round {
    std::vector<std::size_t> ask;  // post a question to these; the answer is its number
    std::vector<Stall> noticed;    // owe an answer for kStallNotice now; once per stall
    std::vector<Stall> recovered;  // answered after they had been noticed
    std::optional<Stall> fatal;    // the longest that is over the limit
    bool well = true;              // nobody owes an answer for kStallNotice
  };

  // `limit` zero: nothing is ever fatal.
  StallDetector(std::size_t loops, Duration limit) : loops_(loops), limit_(limit) {}

  // Called every kWatchRound. `answers`: per loop the number of the last question that it answered.
  Round on_round(Instant now, const std::vector<std::uint64_t>& answers);
  // The number of the question that `loop` has been, or is to be, asked.
  [[nodiscard]] std::uint64_t question(std::size_t loop) const { return loops_.at(loop).asked; }

 private:
  struct Loop {
    std::uint64_t asked = 0;
    Instant asked_at{};
    bool noticed = false;
  };
  std::vector<Loop> loops_;
  Duration limit_;
  std::optional<Instant> last_round_;
};

}  // namespace sixpn
