#include "dns/core/resolve.h"

#include "dns/core/answer.h"
#include "dns/core/forward_rules.h"
#include "dns/core/render.h"
#include "registry/core/address.h"

namespace sixpn::dns {
namespace {

// What version.bind says: what we are, and not which release of it.
constexpr std::string_view kVersionText = "sixpn";

Outcome reply_with(Query query, Rcode rcode, std::string message) {
  Outcome outcome;
  outcome.fate = Fate::kReply;
  outcome.rcode = rcode;
  outcome.reply = std::move(message);
  outcome.query = std::move(query);
  return outcome;
}

Outcome error(Query query, Rcode rcode, const std::optional<ExtendedError>& why,
              const ReplyOptions& options) {
  auto message = render_error(query, rcode, why, options.bytes());
  return reply_with(std::move(query), rcode, std::move(message));
}

Outcome reject(ParsedQuery parsed, const ReplyOptions& options) {
  std::optional<ExtendedError> why;
  if (!parsed.why_text.empty()) why = {parsed.why, std::string(parsed.why_text)};
  return error(std::move(parsed.query), parsed.rcode, why, options);
}

Outcome refuse_source(Query query, const ReplyOptions& options) {
  auto outcome = error(std::move(query), Rcode::kRefused,
                       ExtendedError{ExtendedErrorCode::kProhibited, "unknown source"}, options);
  outcome.refused_source = true;
  return outcome;
}

Outcome say_who_we_are(Query query, const Audience& audience, const ReplyOptions& options) {
  bool version = chaos_text_of(*query.question) == ChaosText::kVersion;
  std::string_view text = version ? kVersionText : std::string_view(audience.identity.id);
  if (text.empty())
    return error(std::move(query), Rcode::kRefused,
                 ExtendedError{ExtendedErrorCode::kNotSupported, "this server has no id"}, options);
  auto message = render_chaos(query, text, options.bytes());
  return reply_with(std::move(query), Rcode::kNoError, std::move(message));
}

std::optional<NetworkId> extra_view_of(const Audience& audience, const Ip6& source) {
  for (const auto& [prefix, network] : audience.extra_views)
    if (prefix.contains(source)) return network;
  return std::nullopt;
}

// The host itself asks from the address that it asks: nobody else can have that source.
bool is_host_itself(const Audience& audience, const Ip6& source) {
  return !audience.host_network.empty() && source == host_address(audience.vantage.self);
}

std::optional<NetworkId> host_view_of(const Snapshot& snapshot, const Audience& audience) {
  auto slash = audience.host_network.find('/');
  const auto* network = snapshot.find_network(audience.host_network.substr(0, slash),
                                              audience.host_network.substr(slash + 1));
  return network == nullptr ? std::nullopt : std::optional(network->network.id);
}

}  // namespace

std::optional<NetworkId> unsynced_view_of(const Audience& audience, const Ip6& source) {
  auto kind = classify(source);
  if (kind == AddressKind::kMachine || kind == AddressKind::kPeer) return network_of(source);
  if (is_host_itself(audience, source))
    return kInfrastructureNetwork;  // which one is not known yet
  return extra_view_of(audience, source);
}

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
    case AddressKind::kHost:
      if (is_host_itself(audience, source)) return host_view_of(snapshot, audience);
      break;
    default:
      break;
  }
  return extra_view_of(audience, source);
}

std::size_t reply_limit(const Query& query, Transport transport) {
  return transport == Transport::kTcp ? kMaxMessageBytes : query.udp_limit();
}

bool is_forwarded(const Zone& zone, const ForwardRules* rules, std::string_view name,
                  const Snapshot* snapshot, NetworkId network) {
  if (zone.kind == ZoneKind::kForeign) return true;
  if (zone.kind != ZoneKind::kLocal || rules == nullptr) return false;
  const auto* view = snapshot != nullptr ? snapshot->find_network(network) : nullptr;
  return rules->has_local(name, view != nullptr ? &view->network : nullptr);
}

Outcome resolve(NameIndex& index, const Audience& audience, ParsedQuery parsed, const Ip6& source,
                Transport transport, const ReplyOptions& options, Rng& rng) {
  static const Snapshot nothing;
  if (parsed.verdict == Verdict::kDrop) return {};
  if (parsed.verdict == Verdict::kReject) return reject(std::move(parsed), options);
  const Snapshot& current = index.snapshot() != nullptr ? *index.snapshot() : nothing;
  auto network = view_of(current, audience, source);
  if (!network && !current.synced) network = unsynced_view_of(audience, source);
  if (!network) return refuse_source(std::move(parsed.query), options);
  if (parsed.verdict == Verdict::kCookie) {
    bool bad = options.cookie() == CookieState::kBad;
    return error(std::move(parsed.query), bad ? Rcode::kBadCookie : Rcode::kNoError, {}, options);
  }
  if (parsed.query.question->klass == kClassChaos)
    return say_who_we_are(std::move(parsed.query), audience, options);

  Outcome outcome;
  outcome.query = std::move(parsed.query);
  Name lower = outcome.query.question->name.lower();
  if (is_forwarded(find_zone(lower.labels()), audience.forward_rules, lower.wire(), &current,
                   *network)) {
    outcome.fate = Fate::kForward;
    outcome.network = *network;
    return outcome;
  }
  auto answered = answer(index, *network, source, *outcome.query.question, rng);
  auto reply = render_answer(outcome.query, answered, reply_limit(outcome.query, transport),
                             options.bytes());
  outcome.fate = Fate::kReply;
  outcome.rcode = answered.rcode;
  outcome.reply = std::move(reply.message);
  outcome.own_zone = true;
  outcome.truncated = reply.truncated;
  outcome.list_cut = answered.list_cut;
  return outcome;
}

}  // namespace sixpn::dns
