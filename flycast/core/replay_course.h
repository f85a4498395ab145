// ReplayCourse: where one request of a client goes, step by step, while machines replay it: the
// client's own wish or a cached one first, then each fly-replay in turn, and at last perhaps the
// fallback. It holds the count, the deadline and what the request says at each step; each step
// sends the client's own request again, not what a step before made of it.
//
// Not a dialer and no I/O: the HTTP session dials wish(), reports what came of it, and asks for the
// next step. One per request; pure, time is passed in.
#pragma once

#include <optional>
#include <string>
#include <variant>

#include "base/time.h"
#include "flycast/core/error_code.h"
#include "flycast/core/replay_headers.h"
#include "flycast/core/replay_instruction.h"
#include "flycast/core/routing_wish.h"

namespace sixpn::flycast {

// Bytes of a request's body that are kept, so that it can be sent again to where it is replayed to;
// a longer one cannot be replayed (PA01).
inline constexpr std::size_t kMaxReplayedBody = 1024 * 1024;
inline constexpr int kMaxReplays = 10;

// The machine that answered.
struct Answerer {
  AppName app;
  MachineId machine;
  std::string region;
};

class ReplayCourse {
 public:
  // Of a request whose own wish is read_wish().
  explicit ReplayCourse(RoutingWish wish) : own_wish_(wish), wish_(std::move(wish)) {}

  // A cache knows where it goes: in place of its own wish.
  void take_cached(RoutingWish wish);
  // The client asked to be sent past a cache that allows it.
  void bypass_cache() { bypassed_ = true; }
  // No machine there: as if nothing had been cached. False when this step is not a cached one.
  bool leave_cached();

  // Where it goes now.
  [[nodiscard]] const RoutingWish& wish() const { return wish_; }
  // Until when a machine must have been found; nothing: as long as for any request.
  [[nodiscard]] std::optional<Instant> deadline() const { return deadline_; }
  [[nodiscard]] int replays() const { return replays_; }
  [[nodiscard]] bool is_cached() const { return cached_; }
  [[nodiscard]] bool is_fallback() const { return failed_.has_value(); }

  // A machine answered with an instruction. `target`: the app it names (replay_reach.h; its own
  // when it names none), `request_kept`: the whole request can be sent again. Nothing: go on with
  // wish(). Errors: kPA01 (too large), kPA02 (too often, or by a fallback), those of the target.
  std::optional<ErrorCode> replay(const ReplayInstruction& instruction, const Answerer& from,
                                  const std::variant<AppName, ErrorCode>& target, bool request_kept,
                                  Now now);
  // No machine took the step. True: go on with wish(), back to where it was replayed from.
  bool fall_back(ReplayFailure reason, Now now);

  // Makes the client's request, after apply_request_rules, the one for `machine`.
  void apply(RequestHead& request, MachineId machine) const;

 private:
  struct Step {
    ReplayFallback fallback = ReplayFallback::kNone;
    Answerer from;
    FailedReplay target;  // what it was for, should it fail
    Instant began{};
  };

  RoutingWish own_wish_, wish_;
  std::optional<Instant> deadline_;
  int replays_ = 0;
  bool cached_ = false;
  bool bypassed_ = false;
  std::optional<ReplaySource> source_;
  ReplayTransform transform_;
  Step step_;
  std::optional<FailedReplay> failed_;
};

}  // namespace sixpn::flycast
