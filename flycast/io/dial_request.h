// What a Dialer is asked for, and what comes of it: a stream that a machine has admitted, or why
// there is none. Values.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/fd.h"
#include "base/ids.h"
#include "base/ip.h"
#include "base/time.h"
#include "flycast/core/load_view.h"
#include "flycast/core/meters.h"
#include "flycast/core/routing_wish.h"
#include "flycast/core/service_table.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/kept_machines.h"
#include "flycast/io/relays.h"

namespace sixpn::flycast {

// What is wanted, and by whom.
struct DialRequest {
  IpEndpoint client;
  IpEndpoint dialled;            // Flycast address and port that the client meant
  RoutingWish wish;              // of the client or an app that replayed its request
  std::optional<Instant> until;  // sooner than the retry options' deadline
  // Has failed this very request: any other is asked first, and it only after a pause.
  std::optional<MachineId> avoid;
  // One exchange of requests' HTTP, after which the connection may carry another's. Where limits
  // count requests, a kept one will do for it (kept_machines.h).
  struct Exchange {
    bool idempotent = false;  // what is asked may be asked twice
    bool fresh = false;       // a new one all the same
  };
  std::optional<Exchange> exchange;
  // The client's socket: what it has sent already goes along with an attempt elsewhere, and stays
  // in its kernel until a machine has it (Dialled::early_bytes). -1: none.
  int early_from = -1;
  // What comes of it is joined with the client's stream: see RelayStreams::machine_is_bare.
  bool for_relay = false;
  // What an HTTP request begins with for that machine, where another host's proxy is to have it
  // with the question; it may give it to the machine before its answer is here.
  struct Opening {
    std::string bytes;
    bool whole = false;  // the request ends with them
  };
  std::function<Opening(MachineId)> ahead;
  // Asked before every further attempt: false ends the call (kAbandoned). Empty: always wanted.
  std::function<bool()> is_wanted;
};

// A stream to a machine that counts it. Destroying the tickets gives its place back.
struct Dialled {
  Fd stream;
  std::unique_ptr<HttpStream> kept;  // or this, of either, which has carried exchanges before
  // It counts for one exchange, and then can be kept under this name; or it is a hop's that takes
  // frames (exchange_frame.h), and then can be given back as a link to this proxy.
  std::optional<KeptMachines::Key> keep_as;
  std::optional<IpEndpoint> give_back_to;
  bool may_rest = false;   // or cannot: an older agent repeats no nonce
  SessionTickets tickets;  // own_load and admission
  std::string app;
  MachineId machine;
  MachineEnd end;  // the same, where it is `here`
  HostId host;
  std::string region;  // of the machine
  bool here = false;   // the stream is the machine's own, else it is a hop's
  // Of the hop; HostId{} where it is none.
  [[nodiscard]] HostId hop_host() const { return here ? HostId{} : host; }
  int attempts = 1;
  Duration idle_timeout{};      // of the port; 0: none is set
  std::size_t early_bytes = 0;  // the machine has them: take them off the client's socket
  std::size_t ahead = 0;        // or of DialRequest::ahead
  std::string unsent;           // except for these bytes of the stream, which come first
  Instant asked_at{};           // when they went
  // What this proxy knows of the machine: who speaks with it tells it there how that went.
  LoadView::Entry load;
  std::shared_ptr<MachineMeter> meter;  // null beyond the bounds of meters.h
  bool speaks_http2 = false;            // the port's h2_backend
};

// Why there is none. The name in Fly's list of proxy errors is beside each, where there is one.
enum class DialError {
  kAbandoned,           // nobody wants it any more
  kNoSuchAddress,       // not allocated, or not for the client's network
  kNoServiceOnPort,     // the app has no TCP service on that port
  kUnsupportedHandler,  // the port wants what this proxy does not speak
  kNotReady,            // the registry was not read in time
  kNoCandidate,         // no machine was started and healthy in time (PR01)
  kAllAtLimit,          // every machine was at its hard limit until the deadline (PR03)
  kExhausted,           // attempts or time ran out on machines that refused or failed (PR04, PC07)
};
std::string_view to_string(DialError error);  // "every machine is at its hard limit"
DialError dial_error(LookupError error);

struct DialFailure {
  DialError error{};
  std::string app;  // "" while the address is not known
  std::string why;  // of the last attempt, in words
  int attempts = 0;
  bool may_be_delivered = false;  // first bytes that went ahead: a machine may have them
};

using DialOutcome = std::variant<Dialled, DialFailure>;

}  // namespace sixpn::flycast
