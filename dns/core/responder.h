// Responder: one loop's way from a message to what becomes of it, over the current snapshot: a
// reply in the caller's buffer, a name to forward, or nothing. Plain queries for names of apps take
// the short way: no allocation, no lock, records that were rendered before. What the registry says
// to any other plain query is rendered once and kept while it stands (AnswerMemo). Queries that are
// not plain go the long way, resolve().
//
// The whole path of a query but for the sockets, so that tests and the fuzzer drive exactly what
// the servers run. Pure; one per worker (dns/io/dns_worker.h), used on its loop alone. Memory:
// NameIndex, AnswerMemo::kMost answers, kClients entries.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "dns/core/answer_memo.h"
#include "dns/core/name_index.h"
#include "dns/core/plain_query.h"
#include "dns/core/resolve.h"
#include "dns/core/response.h"
#include "dns/core/zone.h"

namespace sixpn::dns {

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
};

class Responder {
 public:
  // Sources whose view is remembered until the next snapshot; a power of two.
  static constexpr std::size_t kClients = 1024;

  Responder(Audience audience, std::uint64_t seed);

  void set_snapshot(SnapshotPtr snapshot) { index_.set_snapshot(std::move(snapshot)); }

  // `out` holds kMaxMessageBytes for TCP, kMaxUdpBytes for UDP.
  Handled respond(std::string_view message, const Ip6& source, Transport transport, char* out);

 private:
  // What is known of a source, as of a snapshot.
  struct Client {
    Ip6 source;
    std::uint64_t age = 0;  // of the index when it was looked up
    NameIndex::Network* network = nullptr;
    NetworkId id;
    bool ready = false;  // the snapshot holds its network whole
    bool own = false;    // it runs, and the registry does not say yet that it serves
  };

  const Client& client(const Ip6& source);
  // A plain query for a client that is ready.
  struct Asked {
    std::string_view message;
    const Client& client;
    Transport transport;
    std::size_t limit;
    char* out;
  };
  Handled respond_plain(const Asked& asked);
  Handled respond_app(const Asked& asked);
  Handled respond_vm(const Asked& asked);
  Handled respond_kept(const Asked& asked, const Zone& zone);
  Handled negative(const Asked& asked, const Zone& zone, Rcode rcode);
  Handled resolve_slowly(std::string_view message, const Ip6& source, Transport transport,
                         char* out);

  Audience audience_;
  NameIndex index_;
  AnswerMemo memo_;
  Rng rng_;
  std::vector<Client> clients_;
  std::vector<std::pair<const Zone*, SoaTemplate>> soas_;  // .internal first
  PlainQuery query_;                                       // the one at hand
};

}  // namespace sixpn::dns
