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

namespace {

// Three times from one source that may ask once: an answer, and less. Nothing is larger then than
// the query and what its options earn.
void ask_beyond_the_rate(const SnapshotPtr& snapshot, const std::string& message) {
  Responder responder(audience(), 1, RateLimits{{1, 1}, {1, 1}, {1, 1}});
  responder.set_snapshot(snapshot);
  std::string out(kMaxMessageBytes, '\0');
  for (int turn = 0; turn < 3; ++turn) {
    auto handled = responder.respond(message, asker(), Transport::kUdp, out.data());
    if (handled.fate != Fate::kReply) continue;
    require(parse_reply(out.substr(0, handled.size)).has_value());
    bool no_answer = handled.limited != Limited::kNo;
    require(!no_answer || handled.size <= message.size() + responder.reply_options().size());
  }
}

}  // namespace

void fuzz_options(std::string_view rdata) {
  static const SnapshotPtr snapshot = World().snapshot();
  if (rdata.size() > kMaxMessageBytes / 2) return;
  fuzz_query(encode({.edns_size = 1232, .edns_options = std::string(rdata)}));
  for (const char* name : {"web.internal", "example.org"})
    ask_beyond_the_rate(
        snapshot, encode({.name = name, .edns_size = 1232, .edns_options = std::string(rdata)}));
  EdnsOptions asked;
  bool whole = read_edns_options(rdata, asked);
  require(!whole || asked.cookie.empty() || asked.cookie.size() >= kClientCookieBytes);
  std::string reply(rdata);
  append_options(reply, std::string_view("\0\3\0\0", 4));
  require(reply.size() == rdata.size() || reply.size() == rdata.size() + 4);
}

}  // namespace sixpn::dns::testing
