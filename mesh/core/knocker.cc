#include "mesh/core/knocker.h"

#include <algorithm>
#include <cstdlib>

namespace sixpn::mesh {

Knocker::Knocker(KnockerOptions options, Rng& rng) : options_(std::move(options)), rng_(rng) {}

void Knocker::set_connected(Now now, bool connected) {
  if (connected_ == connected) return;
  connected_ = connected;
  round_.clear();
  if (!connected) restart(now);
}

void Knocker::restart(Now now) {
  backoff_.reset();
  round_.clear();
  next_round_ = now.mono;
  wake_ = std::min(wake_, std::max(now.mono, next_send_));
}

void Knocker::knock_at(Now now, const KnockTarget& target) {
  if (target.host == options_.self) return;
  for (int i = 0; i < kDirectedTries; ++i)
    for (const auto& endpoint : target.endpoints)
      if (directed_.size() < kMaxDirectedKnocks && is_underlay(endpoint))
        directed_.push_back({target.host, endpoint});
  wake_ = std::min(wake_, std::max(now.mono, next_send_));
}

// The first endpoint of every host, then the second of each, and so on: a host that answers at its
// best address is found before anyone's worse addresses are tried.
void Knocker::start_round() {
  rng_.shuffle(targets_);
  for (std::size_t i = 0; i < kMaxTargetEndpoints; ++i)
    for (const auto& target : targets_)
      if (i < target.endpoints.size()) round_.push_back({target.host, target.endpoints[i]});
}

std::optional<Knocker::Attempt> Knocker::next_attempt(Now now) {
  auto take = [](std::deque<Attempt>& from) {
    Attempt attempt = from.front();
    from.pop_front();
    return attempt;
  };
  if (!directed_.empty()) return take(directed_);
  if (connected_ || now.mono < next_round_) return std::nullopt;
  if (round_.empty()) start_round();
  if (round_.empty()) {
    next_round_ = now.mono + kFirstRoundPause;  // targets may come
    return std::nullopt;
  }
  Attempt attempt = take(round_);
  if (round_.empty()) next_round_ = now.mono + kKnockInterval + backoff_.next(rng_);
  return attempt;
}

KnockerOutput Knocker::on_timer(Now now, const SignedRecord* own) {
  KnockerOutput output;
  if (now.mono >= wake_) {
    if (own == nullptr) {
      wake_ = now.mono + kFirstRoundPause;
    } else if (auto attempt = next_attempt(now)) {
      output = send(now, *attempt, *own);
      next_send_ = wake_ = now.mono + kKnockInterval;
    } else {
      wake_ = connected_ ? kNever : next_round_;
    }
  }
  output.next_wake = wake_;
  return output;
}

KnockerOutput Knocker::send(Now now, const Attempt& attempt, const SignedRecord& own) {
  KnockerOutput output;
  // The nonce need not be secret from who holds the cluster key, and nobody else can use it.
  Knock knock{cluster_id(options_.root_key), rng_(), now.wall, own.wire()};
  auto bytes = encode_knock(knock, options_.cluster_key);
  if (!bytes) {
    output.problem = bytes.error().message;
    return output;
  }
  if (pending_.size() >= kMaxPendingKnocks) pending_.pop_front();
  pending_.push_back({knock.nonce, attempt.host});
  ++counters_.sent;
  output.send = KnockerOutput::Datagram{attempt.endpoint, std::move(*bytes)};
  return output;
}

std::optional<HostId> Knocker::forget_pending(std::uint64_t nonce) {
  auto found = std::find_if(pending_.begin(), pending_.end(),
                            [&](const Pending& pending) { return pending.nonce == nonce; });
  if (found == pending_.end()) return std::nullopt;
  HostId host = found->host;
  pending_.erase(found);
  return host;
}

KnockerOutput Knocker::on_reply(Now now, const KnockReply& reply) {
  KnockerOutput output;
  auto host = forget_pending(reply.nonce);
  if (!host) {
    ++counters_.unexpected;
  } else if (reply.accepted) {
    output = accept(now, reply, *host);
  } else {
    ++counters_.refused;
    output.refused = reply.reason.empty() ? "no reason was given" : reply.reason;
  }
  output.next_wake = wake_;
  return output;
}

KnockerOutput Knocker::accept(Now now, const KnockReply& reply, HostId host) {
  KnockerOutput output;
  KnockerOutput::Accepted accepted{std::nullopt, reply.observed};
  if (reply.cluster != cluster_id(options_.root_key)) {
    ++counters_.invalid;
    output.problem = "a host of another cluster answered the knock";
    return output;
  }
  if (!reply.record.empty()) {
    auto by = verify_host_record(reply.record, options_.root_key);
    if (!by || by->host().id == options_.self) {
      ++counters_.invalid;
      output.problem = by ? "this host's own record came back as an answer to its knock"
                          : "the answer to a knock cannot be used: " + by.error().message;
      return output;
    }
    accepted.by = std::move(*by);
  }
  ++counters_.accepted;
  output.accepted = std::move(accepted);
  std::erase_if(directed_, [&](const Attempt& attempt) { return attempt.host == host; });
  round_.clear();
  next_round_ = now.mono + kAcceptedPause;
  return output;
}

void Knocker::check_invariants() const {
  bool bounded = pending_.size() <= kMaxPendingKnocks && directed_.size() <= kMaxDirectedKnocks &&
                 round_.size() <= kMaxKnockTargets * kMaxTargetEndpoints;
  if (!bounded) std::abort();
}

}  // namespace sixpn::mesh
