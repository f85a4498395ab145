// UpstreamChoice: which upstream resolvers are well and quick, from what was seen of them, and so
// whom to ask first and how long to wait before the next is asked too. A protocol class: events and
// `now` in, decisions out. An upstream that does not answer kMaxSilent times in a row is down: it
// is asked last, and probed at growing intervals until it answers. One that forwards to us is
// looping: it is not asked at all until a probe shows that it does not any more.
//
// Owned by Forwarder, one for all upstreams of all groups; indices are its. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "base/time.h"

namespace sixpn::dns {

class UpstreamChoice {
 public:
  // In a row, without any reply between them.
  static constexpr int kMaxSilent = 3;
  // How long the next upstream waits for this one: four times what a reply takes, within these.
  static constexpr Duration kLeastPatience = std::chrono::milliseconds(50);
  static constexpr Duration kMostPatience = std::chrono::milliseconds(800);
  // Believed of an upstream that was not asked yet.
  static constexpr Duration kFirstRoundTrip = std::chrono::milliseconds(80);
  // A probe of one that is down: after 1, 2, 4 ... at most 30 s. Of one that is well, when nothing
  // else measured it for so long.
  static constexpr Duration kFirstProbe = std::chrono::seconds(1);
  static constexpr Duration kMostProbe = std::chrono::seconds(30);

  enum class Health { kUp, kDown, kLooping };

  explicit UpstreamChoice(std::size_t count) : all_(count) {}

  void on_reply(std::size_t upstream, Duration round_trip, Instant now);
  // It said something whose time is no measure.
  void on_sign_of_life(std::size_t upstream) { all_[upstream].silent = 0; }
  // Its patience ended: the next is asked; its reply may still come.
  void on_late(std::size_t upstream);
  // No reply, or an unreachable address. True: it is down from now on.
  bool on_silence(std::size_t upstream, Instant now);
  void set_looping(std::size_t upstream, bool looping) { all_[upstream].looping = looping; }

  // Those of `group` to ask, best first: up before down, then the quickest. Empty: all loop.
  [[nodiscard]] std::vector<std::size_t> order(const std::vector<std::size_t>& group) const;
  [[nodiscard]] Duration patience(std::size_t upstream) const;
  [[nodiscard]] Health health(std::size_t upstream) const;
  [[nodiscard]] Duration round_trip(std::size_t upstream) const { return all_[upstream].smoothed; }
  // Whether it should be probed now; says so once per interval.
  bool probe_due(std::size_t upstream, Instant now);
  // The soonest time at which probe_due() may be true of any.
  [[nodiscard]] Instant next_probe() const;

 private:
  struct One {
    Duration smoothed = kFirstRoundTrip;
    bool measured = false;
    bool looping = false;
    int silent = 0;  // in a row
    Duration pause = kMostProbe;
    Instant next_probe{};
  };
  [[nodiscard]] static bool is_down(const One& one) { return one.silent >= kMaxSilent; }

  std::vector<One> all_;
};

}  // namespace sixpn::dns
