#include "tests/fuzz/dns_targets.h"

#include <algorithm>
#include <cstdlib>

#include "dns/core/forward.h"
#include "dns/core/forward_cache.h"
#include "dns/core/message_stream.h"
#include "dns/core/message_text.h"
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
      ForeignQuery foreign;
      require(read_foreign_query(message, transport, foreign));
      require(foreign.spelled() == outcome.query.question->name.wire());
      require(foreign.limit == reply_limit(outcome.query, transport));
      auto upstream = make_upstream_query(foreign, spell_randomly(foreign.name(), 5), 1);
      require(parse_query(upstream).verdict == Verdict::kAnswer);
      require(parse_query(without_opt(upstream)).verdict == Verdict::kAnswer);
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
  auto transport = (input[0] & 2) != 0 ? Transport::kTcp : Transport::kUdp;
  QueryBytes query{.name = "www.example.org", .type = kTypeA, .edns_size = edns ? 1232 : -1};
  ForeignQuery client;
  require(read_foreign_query(encode(query), transport, client));
  auto read = read_upstream_reply(client.spelled(), client.type, input.substr(1));
  if (read.mismatch == Mismatch::kOther) return;
  // As it came, after a while, when it is stale; with and without options of ours.
  const std::string options = u16(10) + u16(24) + std::string(24, 'c');
  std::vector<Telling> tellings{{}, {.age = 77}, stale(read.reply)};
  for (std::size_t i = 0; i < 3; ++i)
    tellings.push_back(tellings[i]), tellings.back().options = options;
  for (const auto& telling : tellings) {
    std::string out(reply_room(read.reply, client), '\0');
    auto size = write_reply(read.reply, client, telling, out.data());
    require(size <= out.size() && size <= client.limit);
    require(out.substr(0, 2) == u16(client.id));
    require((out[2] & 0x80) != 0);
    auto again = read_upstream_reply(client.spelled(), client.type, out.substr(0, size));
    require(again.mismatch == Mismatch::kNone);
    require(again.reply.marks.size() <= read.reply.marks.size());
    require(again.reply.had_edns == edns);
  }
  // Kept and found again, it is what came.
  ForwardCache cache(1 << 20);
  auto key = key_of(client, 0);
  Instant now(std::chrono::seconds(5));
  auto marks = read.reply.marks.size();
  cache.keep(key, hash_of(key), std::move(read.reply), now);
  auto found = cache.find(key, hash_of(key), now);
  require(found.reply == nullptr || found.reply->marks.size() == marks);
}

// A record is five fields, and no byte of it is anything but printable ASCII; what is told is told
// of every section, within the bound.
void fuzz_message(std::string_view message) {
  auto said = describe_message(message);
  if (!said) return require(!said.error().message.empty());
  std::size_t bytes = 0;
  for (const auto* section : {&said->answers, &said->authority, &said->additional})
    for (const auto& line : *section) {
      require(std::count(line.begin(), line.end(), '\t') == 4);
      for (char c : line) require(c == '\t' || (c >= ' ' && c < 0x7f));
      bytes += line.size();
    }
  require(bytes <= kMostMessageText);
  for (const auto& error : said->extended_errors)
    for (char c : error) require(c >= ' ' && c < 0x7f);
  // Not a byte can be missing.
  require(!describe_message(message.substr(0, message.size() - 1)));
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
}

void fuzz_stream(std::string_view input) {
  if (input.empty()) return;
  std::size_t piece = 1U + static_cast<unsigned char>(input[0]);
  auto bytes = input.substr(1);
  std::vector<std::string> whole, pieces;
  MessageStream at_once;
  at_once.feed(bytes, [&](std::string_view message) { return whole.emplace_back(message), true; });
  // Stopped after each message, and gone on with.
  MessageStream stream;
  auto one = [&](std::string_view message) { return pieces.emplace_back(message), false; };
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    stream.feed(bytes.substr(at, piece), one);
    while (stream.has_message()) stream.feed({}, one);
    require(stream.kept_bytes() < 2 + MessageStream::kMaxQueryBytes);
  }
  require(whole == pieces);
  require(!at_once.has_message());
}

}  // namespace sixpn::dns::testing
