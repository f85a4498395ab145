// Responder: one loop's way from a message to what becomes of it, over the current snapshot: a
// reply in the caller's buffer, a name to forward, or nothing. Plain queries for names of apps take
// the short way: no allocation, no lock, records that were rendered before. What the registry says
// to any other plain query is rendered once and kept while it stands (AnswerMemo). Queries that are
// not plain go the long way, resolve(). Each source has a rate (source_meter.h), and what is made
// for it counts as the queries whose time it takes (answer_cost.h). Beyond it, over UDP, a client
// is asked to show a cookie, or sent to TCP, which nobody can do for another's address; over TCP it
// waits.
//
// The whole path of a query but for the sockets, so that tests and the fuzzer drive exactly what
// the servers run. Pure; one per worker (dns/io/dns_worker.h), used on its loop alone. Memory:
// NameIndex, AnswerMemo::kMost answers, kClients and kSourceSets entries.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "dns/core/answer_memo.h"
#include "dns/core/edns_options.h"
#include "dns/core/name_index.h"
#include "dns/core/plain_query.h"
#include "dns/core/resolve.h"
#include "dns/core/response.h"
#include "dns/core/source_meter.h"
#include "dns/core/zone.h"

namespace sixpn::dns {

// What the rate of a source made of its query.
enum class Limited {
  kNo,
  kTruncated,       // TC instead of the answer
  kBadCookie,       // a fresh cookie instead of the answer (RFC 7873 section 5.2.3)
  kDropped,         // far beyond its rate
  kRefusalDropped,  // nobody we know, and beyond the rate of refusals
};

// What became of a message, and what the counters want to know of it.
struct Handled {
  Fate fate = Fate::kDrop;
  std::size_t size = 0;  // kReply: of the reply
  Rcode rcode{};
  RrType type = 0;  // asked for, when answered from the registry
  bool own_zone = false;
  bool refused_source = false;
  bool truncated = false;
  bool list_cut = false;
  Limited limited = Limited::kNo;
  NetworkId network;  // kForward: the asker's
  Duration hold{};    // over TCP: the stream is not to be read for so long
};

class Responder {
 public:
  // Sources whose view is remembered until the next snapshot; a power of two.
  static constexpr std::size_t kClients = 1024;

  // Sets of the tables that hold the sources' rates: of known ones, and of others.
  static constexpr std::size_t kSourceSets = 1024;
  static constexpr std::size_t kStrangerSets = 256;

  Responder(Audience audience, std::uint64_t seed, const RateLimits& rates = {});

  void set_snapshot(SnapshotPtr snapshot) { index_.set_snapshot(std::move(snapshot)); }

  // What cookies and rates go by; a few milliseconds late does no harm.
  void set_now(const Now& now) { now_ = now; }
  // As the current snapshot has it; null: it does not. Until the next snapshot.
  [[nodiscard]] const NetworkRecord* network_record(NetworkId id) const;

  // `out` holds kMaxMessageBytes for TCP, kMaxUdpBytes for UDP.
  Handled respond(std::string_view message, const Ip6& source, Transport transport, char* out);
  // For how long a source's streams are not to be read: it is ahead of its rate over TCP.
  [[nodiscard]] Duration stream_hold(const Ip6& source);
  // The options that the reply to the last message carries, for one that is made elsewhere.
  [[nodiscard]] std::string_view reply_options() const { return reply_options_.bytes(); }
  // What its cookie was worth.
  [[nodiscard]] CookieState cookie() const { return reply_options_.cookie(); }

 private:
  // What is known of a source, as of a snapshot.
  struct Client {
    Ip6 source;
    std::uint64_t hash = 0;  // of the source
    std::uint64_t age = 0;   // of the index when it was looked up
    NameIndex::Network* network = nullptr;
    NetworkId id;
    bool known = false;  // somebody whom we answer, be it "not ready"
    bool ready = false;  // the snapshot holds its network whole
    bool own = false;    // it runs, and the registry does not say yet that it serves
    bool shares = true;  // what it is told, others of its network are told, too
  };

  const Client& client(const Ip6& source);
  Handled respond_to(std::string_view message, const Client& client, Transport transport,
                     char* out);
  // A plain query for a client that is ready.
  struct Asked {
    std::string_view message;
    const Client& client;
    Transport transport;
    std::size_t limit;
    char* out;
  };
  Asked asked_by(std::string_view message, const Client& client, Transport transport,
                 char* out) const;
  // ANY gets the one RRset there is (RFC 8482 section 4.1).
  [[nodiscard]] bool wants(RrType type) const {
    return query_.type == type || query_.type == kTypeAny;
  }
  Handled respond_plain(const Asked& asked);
  Handled respond_app(const Asked& asked);
  Handled respond_vm(const Asked& asked);
  Handled respond_kept(const Asked& asked, const Zone& zone);
  Handled negative(const Asked& asked, const Zone& zone, Rcode rcode);
  Handled respond_parsed(std::string_view message, const Client& client, Transport transport,
                         char* out);
  Handled resolve_slowly(ParsedQuery parsed, const Ip6& source, Transport transport, char* out);
  Limited limit(const Client& client, Transport transport);
  // What the answer at hand has cost: as many queries to make, and the sending.
  void charge(const Client& client, Transport transport, std::uint32_t queries, Handled& handled);
  [[nodiscard]] std::int64_t nanoseconds() const {
    return std::chrono::nanoseconds(now_.mono.time_since_epoch()).count();
  }
  // What a query over the rate gets: its options are answered already.
  [[nodiscard]] Handled over_its_rate() const;
  Handled limited_plain(std::string_view message, char* out);

  Audience audience_;
  NameIndex index_;
  AnswerMemo memo_;
  Rng rng_;
  std::vector<Client> clients_;
  std::vector<std::pair<const Zone*, SoaTemplate>> soas_;  // .internal first; one of kLocal, last
  OptionAnswers options_;
  SourceMeter known_meter_;
  SourceMeter stream_meter_;
  SourceMeter stranger_meter_;
  RateMeter all_strangers_;
  std::int64_t strangers_used_until_ = 0;
  Now now_{};
  PlainQuery query_;                                       // the one at hand
  std::size_t rendered_records_ = 0, rendered_bytes_ = 0;  // for it
  ReplyOptions reply_options_;                             // of its reply
};

}  // namespace sixpn::dns
