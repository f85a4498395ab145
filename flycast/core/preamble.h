// The hop preamble and its reply: the one exchange between the client's proxy and the owner's
// before the bytes of a connection pass untouched. Each is a frame: 'F', version 1, length (16
// bits, network order), then a protocol buffer (hop.proto) of at most kMaxFrameBody bytes. First
// bytes of the client may follow a preamble at once; its proxy can send them again, so a refusal
// costs the client nothing. And what an owner says later, on a stream of its own to who listens
// there: that a machine has fallen silent.
//
// Decoding takes bytes from outside: every fault is an Error. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/ip.h"
#include "base/result.h"

namespace sixpn::flycast {

inline constexpr std::size_t kFrameHeaderBytes = 4;
inline constexpr std::size_t kMaxFrameBody = 512;

// What the owner does when the machine is asleep (autostart.h).
enum class Wake : std::uint8_t {
  kNo = 0,     // refuses
  kJoin = 1,   // starts it, waits for its port, and joins the connection
  kStart = 2,  // starts it, answers and closes: the client is served elsewhere meanwhile
};

// See Preamble::whole. Most small answers of a machine come sooner, and what is held back for it is
// less than one round trip between two regions.
inline constexpr std::chrono::milliseconds kMostReplyHeld{1};

struct Preamble {
  NetworkId network;  // of the machine
  MachineId machine;
  IpEndpoint client;
  IpEndpoint dialled;  // Flycast address and external port
  std::uint16_t internal_port = 0;
  Wake wake = Wake::kNo;
  bool last = false;      // the proxy has no other of its region to wake, or asked enough
  bool may_wait = false;  // at the hard limit, wait for a place: there is no other machine to ask
  // For one HTTP exchange, in frames (exchange_frame.h), where the answer grants it; else, and from
  // older agents, the stream is joined to the machine for good.
  bool exchange = false;
  bool fresh = false;  // over a new connection to the machine
  // How long the owner may try to connect to a machine that runs, in whole milliseconds: its
  // refusal comes back before the client's proxy gives up, and says that nothing was delivered. 0:
  // as it likes.
  std::chrono::milliseconds connect_limit{};
  // Nothing is to be joined: the sender wants to hear of machines that fall silent (Silence). Only
  // to owners that said that they tell.
  bool listens = false;
  // The first frames of the exchange follow the preamble, and do not wait for the reply. Only to
  // owners that said that they take them; one that grants no exchange refuses.
  bool ahead = false;
  // Of an exchange, and nobody's to guess: the reply repeats it. On a link that has carried another
  // exchange, what that one's machine said too late might else be taken for the reply.
  std::uint64_t nonce = 0;
  // Those first frames are the whole request: the sender has nothing to do with a reply before the
  // machine's, so that it may come with that. Not for longer than kMostReplyHeld.
  bool whole = false;
  friend bool operator==(const Preamble&, const Preamble&) = default;
};

enum class HopStatus : std::uint8_t {
  kOk = 1,
  kStopped = 2,        // here, but not started, cordoned, or failing its checks
  kUnknown = 3,        // no such machine here, or it has no such service
  kLimit = 4,          // at its hard limit
  kConnectFailed = 5,  // admitted, but the machine did not take the connection: see connect_errno
  kNotPermitted = 6,   // the client, its host or the address may not do this
  kBusy = 7,           // this proxy is at its own limits
  kNotReady = 8,       // this proxy has no registry state yet
  kStartFailed = 9,    // asleep, and could not be started, or ended before its port was open
  kRecentlyStopped = 10,  // asleep, stopped minutes ago: wake another one
};
std::string_view to_string(HopStatus status);  // "at its hard limit"

struct HopReply {
  HopStatus status = HopStatus::kUnknown;
  std::uint32_t load = 0;
  int connect_errno = 0;
  std::uint32_t queue = 0;     // what waits for a place at the owner
  std::uint64_t sequence = 0;  // of the report: an older one is worth less; 0 from older agents
  bool exchange = false;       // granted, as the preamble asked
  bool tells = false;          // of machines that fall silent, to who listens
  bool takes_ahead = false;    // see Preamble::ahead
  std::uint64_t nonce = 0;     // the preamble's; 0 from older agents
  std::chrono::microseconds held{};  // since the machine was found, see Preamble::whole
  friend bool operator==(const HopReply&, const HopReply&) = default;
};

// A machine of the sender's host: its kernel acknowledges nothing of what was sent to it.
struct Silence {
  NetworkId network;
  MachineId machine;
  std::uint16_t internal_port = 0;
  // Of the listener's end of the hop that carries those bytes, and on which the machine has said
  // nothing since; 0: it is not one of the listener's.
  std::uint16_t stream = 0;
  friend bool operator==(const Silence&, const Silence&) = default;
};

// Whole frames, header included.
std::string encode_preamble(const Preamble& preamble);
std::string encode_reply(const HopReply& reply);
std::string encode_silence(const Silence& silence);

// The length of the body that follows these kFrameHeaderBytes. Errors: another protocol, another
// version, too long, empty.
Result<std::size_t> decode_frame_header(std::string_view header);
// Errors: no protocol buffer, addresses that are not 16 bytes, ports out of 1..65535.
Result<Preamble> decode_preamble(std::string_view body);
// Errors: no protocol buffer, status 0. A status of a newer version reads as kUnknown: a refusal.
Result<HopReply> decode_reply(std::string_view body);
// Errors: no protocol buffer, an internal port out of 1..65535, a stream's beyond.
Result<Silence> decode_silence(std::string_view body);

}  // namespace sixpn::flycast
