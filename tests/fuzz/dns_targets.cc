#include "tests/fuzz/dns_targets.h"

#include <cstdlib>

#include "dns/core/forward.h"
#include "tests/unit/dns/both_ways.h"
#include "tests/unit/dns/parsed_reply.h"
#include "tests/unit/dns/world.h"

namespace sixpn::dns::testing {
namespace {

void require(bool promise) {
  if (!promise) std::abort();
}

}  // namespace

void fuzz_query(std::string_view message) {
  static const SnapshotPtr snapshot = World().snapshot();
  for (auto transport : {Transport::kUdp, Transport::kTcp}) {
    auto both = ask_both_ways(snapshot.get(), audience(), message, asker(), transport);
    require(both.difference.empty());
    const Outcome& outcome = both.outcome;
    bool answerable = message.size() >= kHeaderBytes && (message[2] & 0x80) == 0;
    require((outcome.fate == Fate::kDrop) != answerable);
    if (outcome.fate == Fate::kForward) {
      auto upstream = make_upstream_query(outcome.query, 1, UpstreamEdns::kWith);
      require(parse_query(upstream).verdict == Verdict::kAnswer);
    }
    if (outcome.fate != Fate::kReply) continue;
    require(outcome.reply.size() <= reply_limit(outcome.query, transport));
    require(outcome.reply.substr(0, 2) == message.substr(0, 2));
    require(parse_reply(outcome.reply).has_value());
  }
}

void fuzz_reply(std::string_view input) {
  if (input.empty()) return;
  bool edns = (input[0] & 1) != 0;
  std::size_t limit = (input[0] & 2) != 0 ? kMaxMessageBytes : kMinUdpBytes;
  QueryBytes query{.name = "www.example.org", .type = kTypeA, .edns_size = edns ? 1232 : -1};
  auto client = parse_query(encode(query)).query;
  auto adapted = adapt_upstream_reply(client, input.substr(1), limit);
  if (!adapted) return;
  require(adapted->message.size() <= limit);
  require(adapted->message.substr(0, 2) == u16(client.id));
  require((adapted->message[2] & 0x80) != 0);
}

}  // namespace sixpn::dns::testing
