#include "dns/core/resolve.h"

#include "dns/core/answer.h"
#include "dns/core/render.h"
#include "registry/core/address.h"

namespace sixpn::dns {
namespace {

Outcome error(Query query, Rcode rcode, const std::optional<ExtendedError>& why = {}) {
  Outcome outcome;
  outcome.fate = Fate::kReply;
  outcome.rcode = rcode;
  outcome.reply = render_error(query, rcode, why);
  outcome.query = std::move(query);
  return outcome;
}

Outcome refuse_source(Query query) {
  auto outcome = error(std::move(query), Rcode::kRefused,
                       ExtendedError{ExtendedErrorCode::kProhibited, "unknown source"});
  outcome.refused_source = true;
  return outcome;
}

std::optional<NetworkId> extra_view_of(const Audience& audience, const Ip6& source) {
  for (const auto& [prefix, network] : audience.extra_views)
    if (prefix.contains(source)) return network;
  return std::nullopt;
}

// The view before the registry knows anybody: every machine and peer address is believed, for "not
// ready".
std::optional<NetworkId> unsynced_view_of(const Audience& audience, const Ip6& source) {
  auto kind = classify(source);
  if (kind == AddressKind::kMachine || kind == AddressKind::kPeer) return network_of(source);
  return extra_view_of(audience, source);
}

}  // namespace

std::optional<NetworkId> view_of(const Snapshot& snapshot, const Audience& audience,
                                 const Ip6& source) {
  auto network = network_of(source);
  switch (classify(source)) {
    case AddressKind::kMachine: {
      const auto* names = snapshot.find_network(network);
      if (names != nullptr && names->machines_by_address.contains(source)) return network;
      break;
    }
    case AddressKind::kPeer:
      if (snapshot.find_network(network) != nullptr) return network;
      break;
    default:
      break;
  }
  return extra_view_of(audience, source);
}

std::size_t reply_limit(const Query& query, Transport transport) {
  return transport == Transport::kTcp ? kMaxMessageBytes : query.udp_limit();
}

Outcome resolve(NameIndex& index, const Audience& audience, std::string_view message,
                const Ip6& source, Transport transport, Rng& rng) {
  static const Snapshot nothing;
  auto parsed = parse_query(message);
  if (parsed.verdict == Verdict::kDrop) return {};
  if (parsed.verdict == Verdict::kReject) return error(std::move(parsed.query), parsed.rcode);
  const Snapshot& current = index.snapshot() != nullptr ? *index.snapshot() : nothing;
  auto network = view_of(current, audience, source);
  if (!network && !current.synced) network = unsynced_view_of(audience, source);
  if (!network) return refuse_source(std::move(parsed.query));

  Outcome outcome;
  auto answered = answer(index, *network, source, *parsed.query.question, rng);
  outcome.query = std::move(parsed.query);
  if (answered.kind == AnswerKind::kForward) {
    outcome.fate = Fate::kForward;
    return outcome;
  }
  auto reply = render_answer(outcome.query, answered, reply_limit(outcome.query, transport));
  outcome.fate = Fate::kReply;
  outcome.rcode = answered.rcode;
  outcome.reply = std::move(reply.message);
  outcome.own_zone = true;
  outcome.truncated = reply.truncated;
  outcome.list_cut = answered.list_cut;
  return outcome;
}

}  // namespace sixpn::dns
