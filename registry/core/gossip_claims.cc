// Gossip's side of membership claims: checks the signatures of those that matter, signs this host's
// own, and answers who asks for them.
#include <algorithm>

#include "registry/core/claim.h"
#include "registry/core/gossip.h"

namespace sixpn::registry {

void Gossip::receive_claims(Now now, HostId from, const GossipDatagram& datagram, Output& out,
                            Membership::Output& probes) {
  bool pings = datagram.probe && datagram.probe->kind == ProbeMessage::Kind::kPing;
  bool answers = datagram.probe && datagram.probe->kind == ProbeMessage::Kind::kAck;
  claim_wanted_by_.reset();
  if (datagram.wants_claim && pings) claim_wanted_by_ = from;
  if (datagram.wants_claim && !pings) send_claim(now, from, out);
  for (const auto& update : datagram.updates) {
    if (order_) ++counters_.copies_received;
    if (order_ && relay_.pass_on_again(now.mono, from, order_->header, Relay::item_of(update))) {
      ++counters_.copies_duplicate;
      continue;
    }
    auto wanted = membership_.wanted(now.mono, update);
    bool asked = answers && update.host == from;
    if (!wanted) {
      membership_.on_stale(now.mono, from, update, probes);
    } else if (verify_claims(now, from, *wanted)) {
      membership_.on_update(now.mono, *wanted, probes, asked);
    }
    pass_on_accusation(now, from, update);
  }
}

// Those below in the tree may lack what is no news here: an accusation that came directly before, a
// proof whose accusers came one by one.
void Gossip::pass_on_accusation(Now now, HostId from, const MemberUpdate& update) {
  if (!order_ || is_random() || !accuses(update)) return;
  if (auto held = membership_.held(update)) relay_.pass_on(now.mono, from, order_->header, *held);
}

// Below in the tree they are as new as here. Not piggybacked: who is missed asks (wants_claim).
void Gossip::pass_on_first_words(Now now, const MemberUpdate& words) {
  if (order_ && !is_random()) relay_.pass_on(now.mono, order_->from, order_->header, words);
}

// An answer to no ping: it only carries the claim.
void Gossip::send_claim(Now now, HostId to, Output& out) {
  GossipDatagram datagram;
  datagram.probe = ProbeMessage{ProbeMessage::Kind::kAck, to, 0, options_.self};
  datagram.updates.push_back(membership_.own_claim());
  send(now, to, std::move(datagram), out);
}

// A host that dies before all others have heard it name its incarnation is accused of different
// ones, and no proof comes together. So in a small cluster words are exchanged at first sight, and
// probes (wants_claim) make up for what is lost; in a large one the observers are enough.
void Gossip::introduce(Now now, HostId to, Output& out) {
  if (!options_.signing_key) return;
  GossipDatagram datagram;
  datagram.probe = ProbeMessage{ProbeMessage::Kind::kAck, to, 0, options_.self};
  datagram.wants_claim = !membership_.has_claim(to);
  MemberUpdate own = membership_.own_claim();
  if (!is_signed(own.signature)) sign_own(own);
  datagram.updates.push_back(std::move(own));
  send(now, to, std::move(datagram), out);
}

// Of a death, the accusations that verify remain.
bool Gossip::verify_claims(Now now, HostId from, MemberUpdate& update) {
  if (update.status != HostStatus::kDown) {
    HostId by = update.status == HostStatus::kSuspected ? update.accuser : update.host;
    return verify_one(now, from, update, by, update.status, update.signature);
  }
  std::erase_if(update.accusers, [&](const Accusation& each) {
    return !verify_one(now, from, update, each.accuser, HostStatus::kSuspected, each.signature);
  });
  return !update.accusers.empty();
}

// A liar's garbage is paid from the liar's own budget: hosts check what they pass on.
bool Gossip::verify_one(Now now, HostId from, const MemberUpdate& update, HostId by,
                        HostStatus what, const Signature& signature) {
  const HostCertificate* signer = store_.certificate_of(by);
  if (!is_signed(signature) || signer == nullptr || store_.is_revoked(by)) {
    ++counters_.dropped_unsigned_claim;  // as members of version 0.1 say them
    return false;
  }
  TokenBucket& budget = claim_budget_[from];
  if (!budget.try_take(kClaimLimit, now.mono)) {
    ++counters_.dropped_claim_limit;
    return false;
  }
  ++counters_.claims_verified;
  const Claim claim{what, update.host, update.incarnation, by};
  if (options_.checks.claim(claim, signature, signer->signing_key)) return true;
  for (int i = 1; i < kBadClaimCost; ++i) budget.take(kClaimLimit, now.mono);
  ++counters_.dropped_bad_claim;
  return false;
}

void Gossip::sign_own(MemberUpdate& update) {
  if (!options_.signing_key || update.status == HostStatus::kDown) return;
  update.signature = sign_claim({update.status, update.host, update.incarnation, options_.self},
                                *options_.signing_key);
  membership_.endorse(update);
}

// A new life begins: who thought this host dead hears that it is not.
void Gossip::announce_self(Membership::Output& probes) {
  if (options_.signing_key) probes.news.push_back(membership_.own_claim());
}

void Gossip::tell_directly(Now now, Membership::Output& probes, Output& out) {
  std::optional<MemberUpdate> own;  // one accusation goes to several: signed once
  for (auto& [to, update] : probes.direct) {
    if (update.accuser == options_.self && update.status == HostStatus::kSuspected) {
      if (!own || own->host != update.host) sign_own(own.emplace(update));
      update = *own;
    }
    GossipDatagram datagram;
    // Whoever has not heard the accused name this incarnation can do nothing with an accusation.
    bool accuses = update.status == HostStatus::kSuspected && update.host != to;
    if (auto words = accuses ? membership_.claim_of(update.host) : std::nullopt)
      datagram.updates.push_back(*words);
    datagram.updates.push_back(std::move(update));
    send(now, to, std::move(datagram), out);
  }
  out.tcp_only = std::move(probes.tcp_only);
  out.deaths = std::move(probes.deaths);
  out.twin |= probes.twin;
}

void Gossip::on_sent(Instant now, std::size_t taken, std::size_t refused) {
  membership_.on_sent(now, taken, refused);
}

}  // namespace sixpn::registry
