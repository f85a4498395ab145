#include "flycast/io/brief_relays.h"

#include <utility>

namespace sixpn::flycast {

BriefRelays::BriefRelays(EventLoop& loop, Duration hop_silence, Callbacks callbacks)
    : poller_(hop_silence, 0, kBriefReads),
      callbacks_(std::move(callbacks)),
      loop_(loop),
      due_(loop, [this] { serve(); }),
      look_(loop, [this] { look(); }),
      silence_(loop, [this] {
        will_listen_ = false;
        serve();
      }) {}

Result<void> BriefRelays::start() {
  if (auto opened = poller_.open(); !opened) return opened;
  watch_.emplace(loop_, poller_.descriptor(), [this] { serve(); });
  return {};
}

void BriefRelays::add(RelayStreams streams) {
  poller_.add(std::move(streams));
  settle();
}

void BriefRelays::lose_hops(const std::vector<SessionId>& relays) {
  poller_.lose_hops(relays);
  settle();
}

void BriefRelays::serve() {
  poller_.turn(0);
  settle();
}

// Who is here now has been here for as long as one look is from the other, or will last longer
// than most.
void BriefRelays::look() {
  will_look_ = false;
  auto all = poller_.take_all();
  if (!all.empty()) callbacks_.on_lasting(std::move(all));
  settle();
}

void BriefRelays::settle() {
  auto ended = poller_.take_ended();
  auto lasting = poller_.take_lasting();
  auto silent = poller_.take_silent();
  if (int due = poller_.due_ms(); due >= 0) due_.arm_after(std::chrono::milliseconds(due));
  if (poller_.size() > 0 && !std::exchange(will_look_, true)) look_.arm_after(kBriefLook);
  // Not armed anew while it is: the first to be due is the first that came.
  if (Instant next = poller_.next_look(); next != kNever && !std::exchange(will_listen_, true))
    silence_.arm_at(next);
  if (!silent.empty()) callbacks_.on_silent(silent);
  if (!ended.empty()) callbacks_.on_ended(ended);
  if (!lasting.empty()) callbacks_.on_lasting(std::move(lasting));
}

}  // namespace sixpn::flycast
