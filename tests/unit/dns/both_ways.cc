#include "both_ways.h"

#include <algorithm>
#include <vector>

#include "parsed_reply.h"

namespace sixpn::dns::testing {
namespace {

std::vector<std::string> sorted(std::vector<std::string> lines) {
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::string compare(const ParsedReply& a, const ParsedReply& b) {
  if (a.id != b.id || a.rcode != b.rcode || a.opcode != b.opcode) return "id, rcode or opcode";
  if (a.authoritative != b.authoritative || a.truncated != b.truncated ||
      a.recursion_desired != b.recursion_desired ||
      a.recursion_available != b.recursion_available || a.authentic != b.authentic ||
      a.checking_disabled != b.checking_disabled)
    return "flags";
  if (a.question != b.question) return "question";
  if (a.edns != b.edns || a.edns_size != b.edns_size || a.dnssec_ok != b.dnssec_ok ||
      a.edns_options != b.edns_options)
    return "OPT";
  if (a.authority != b.authority) return "authority";
  // Of a set that is cut, each takes its own part.
  bool same =
      a.truncated ? a.answers.size() == b.answers.size() : sorted(a.answers) == sorted(b.answers);
  if (!same) return "answers";
  // Of addresses that do not all fit, each sends others.
  return a.additional.size() == b.additional.size() ? "" : "additional";
}

}  // namespace

BothWays ask_both_ways(const Snapshot* snapshot, const Audience& audience, std::string_view message,
                       const Ip6& source, Transport transport, std::uint64_t seed) {
  Responder responder(audience, seed);
  NameIndex index(audience.vantage);
  if (snapshot != nullptr) {
    SnapshotPtr borrowed(SnapshotPtr(), snapshot);
    responder.set_snapshot(borrowed);
    index.set_snapshot(borrowed);
  }
  std::string out(kMaxMessageBytes, '\0');
  Handled handled;
  std::string first;
  // The second time from what the first has left behind.
  for (int turn = 0; turn < 2; ++turn) {
    handled = responder.respond(message, source, transport, out.data());
    if (turn == 0) first = out.substr(0, handled.size);
  }
  Rng rng(seed);
  auto parsed = parse_query(message);
  ReplyOptions options;
  OptionAnswers(audience.identity).answer(parsed.options, source, transport, WallTime{}, options);
  BothWays both{resolve(index, audience, std::move(parsed), source, transport, options, rng), ""};
  Outcome& outcome = both.outcome;
  if (outcome.fate != handled.fate) both.difference = "fate";
  if (outcome.fate != Fate::kReply || !both.difference.empty()) return both;
  auto slow = parse_reply(outcome.reply);
  for (const auto& reply : {out.substr(0, handled.size), first}) {
    auto fast = parse_reply(reply);
    if (!fast || !slow) both.difference = "malformed";
    if (both.difference.empty()) both.difference = compare(*fast, *slow);
  }
  if (outcome.rcode != handled.rcode || outcome.own_zone != handled.own_zone ||
      outcome.refused_source != handled.refused_source || outcome.truncated != handled.truncated ||
      outcome.list_cut != handled.list_cut)
    both.difference += " counted otherwise";
  outcome.reply = first;
  return both;
}

}  // namespace sixpn::dns::testing
