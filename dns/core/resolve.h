// resolve(): one message, as parse_query() read it, to what becomes of it: nothing, a reply, or a
// question to forward. The long way, which understands every message and keeps nothing; Responder
// takes it for what no name of ours is behind, and for who cannot be answered yet. Pure; called on
// a worker's loop.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/rng.h"
#include "dns/core/edns_options.h"
#include "dns/core/name_index.h"
#include "dns/core/query.h"
#include "dns/core/zone.h"
#include "registry/core/snapshot.h"

namespace sixpn::dns {

class ForwardRules;

// Who we answer, and as whom.
struct Audience {
  Vantage vantage;
  std::vector<std::pair<Prefix6, NetworkId>> extra_views;  // DnsOptions::extra_views
  ServerIdentity identity = {};
  std::string host_network = {};  // DnsOptions::host_network
  // Which names of local zones are forwarded after all; null: none. It outlives who answers.
  const ForwardRules* forward_rules = nullptr;
};

enum class Fate { kDrop, kReply, kForward };

struct Outcome {
  Fate fate = Fate::kDrop;
  Query query;            // as parsed; the question to forward
  NetworkId network;      // kForward: the asker's
  Rcode rcode{};          // of the reply
  std::string reply;      // kReply: the message, without the length of TCP
  bool own_zone = false;  // answered from the registry
  bool refused_source = false;
  bool truncated = false;
  bool list_cut = false;
};

// The network whose view a source gets. A machine must be known at its address; a peer's address
// must lie in a known network (WireGuard vouches for it); the host itself at its own address; then
// extra_views. Nothing: REFUSED.
std::optional<NetworkId> view_of(const Snapshot& snapshot, const Audience& audience,
                                 const Ip6& source);
// The same before the registry knows anybody: every machine's and peer's address is believed, to be
// told "not ready".
std::optional<NetworkId> unsynced_view_of(const Audience& audience, const Ip6& source);

// Whether a name of the zone is somebody else's after all: a foreign one, or one of a local zone
// that a forward rule is for. `name`: wire form, lower case.
bool is_forwarded(const Zone& zone, const ForwardRules* rules, std::string_view name,
                  const Snapshot* snapshot, NetworkId network);

// The index may have no snapshot: nothing was published yet. Then, and before it is synced,
// machines and peers get SERVFAIL for own zones instead of REFUSED, because nobody can be known
// yet. `options`: what the reply's OPT says (OptionAnswers), whatever the answer is.
Outcome resolve(NameIndex& index, const Audience& audience, ParsedQuery parsed, const Ip6& source,
                Transport transport, const ReplyOptions& options, Rng& rng);

// How large the reply to `query` may be.
std::size_t reply_limit(const Query& query, Transport transport);

}  // namespace sixpn::dns
