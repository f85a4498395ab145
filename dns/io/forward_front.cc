#include "dns/io/forward_front.h"

#include <utility>

namespace sixpn::dns {

std::size_t ForwardFront::answer(const Asked& asked, Instant now, char* out) {
  using State = ForwardCache::State;
  readable_ = read_foreign_query(asked.message, asked.transport, query_);
  if (!readable_) return 0;
  auto group = rules_.group_of(query_.name(), asked.record);
  if (!group) return refuse(asked, undecided(), out);
  group_ = *group;
  auto key = key_of(query_, group_);
  std::size_t size = 0;
  bool prefetch = false;
  auto tell = [&](const ForwardCache::Found& found, Telling telling) {
    telling.options = asked.options;
    size = write_reply(*found.reply, query_, telling, out);
  };
  hash_ = hash_of(key);
  shared_.cache.try_find(key, hash_, now, [&](const ForwardCache::Found& found) {
    prefetch = found.prefetch;
    switch (found.state) {
      case State::kMissing:
      case State::kStale:
        return;
      case State::kFresh:
        ++counts_.forward_hits;
        return tell(found, {.age = found.age});
      case State::kFailed:
        ++counts_.forward_failure_hits;
        return tell(found, cached_failure());
      case State::kStaleForNow:
        ++counts_.forward_stale;
        return tell(found, stale(*found.reply));
    }
  });
  // Without a place it is not fetched: the reply at hand is good.
  if (prefetch && forwarder_.reserve()) outgoing_.push_back(request(asked));
  return size;
}

std::size_t ForwardFront::forward(const Asked& asked, Asker asker, Instant now, char* out) {
  // The responder judges messages by the same rules: what it gave up can be read (the fuzzer holds
  // the two to each other).
  if (!readable_) return 0;
  DirectWaiter waiter{{query_, asked.source, asked.network, std::string(asked.options)},
                      std::move(asker)};
  switch (direct_.begin(waiter, group_, hash_, now)) {
    case DirectForward::Begun::kWaits:
      return 0;
    case DirectForward::Begun::kRejected:
      ++counts_.forward_rejected;
      return refuse(asked, unreachable(kTooManyForwarded), out);
    case DirectForward::Begun::kForwarder:
      break;
  }
  // Here, so that who has its share does not fill the queue either.
  if (!shared_.budget.admit(asked.source, asked.network)) {
    ++counts_.forward_rejected;
    return refuse(asked, unreachable(kTooManyForwarded), out);
  }
  if (!forwarder_.reserve()) {
    shared_.budget.release(asked.source, asked.network);
    ++counts_.forward_queue_full;
    return refuse(asked, unreachable(kTooManyForwarded), out);
  }
  outgoing_.push_back(request(asked));
  outgoing_.back().is_admitted = true;
  outgoing_.back().options = std::move(waiter.options);
  outgoing_.back().done = done_(waiter.asker);
  outgoing_.back().since = now;
  return 0;
}

std::size_t ForwardFront::refuse(const Asked& asked, Telling why, char* out) const {
  why.options = asked.options;
  return write_reply(make_failure(Rcode::kServFail), query_, why, out);
}

void ForwardFront::hand_over() {
  forwarder_.submit(std::exchange(outgoing_, {}));
}

ForwardRequest ForwardFront::request(const Asked& asked) const {
  ForwardRequest request;
  request.query = query_;
  request.group = group_;
  request.client = asked.source;
  request.network = asked.network;
  return request;
}

}  // namespace sixpn::dns
