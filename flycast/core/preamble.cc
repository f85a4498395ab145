#include "flycast/core/preamble.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "flycast/core/hop.pb.h"

namespace sixpn::flycast {
namespace {

constexpr char kMagic = 'F';
constexpr char kVersion = 1;

std::string address_bytes(const Ip6& ip) {
  return {reinterpret_cast<const char*>(ip.bytes.data()), ip.bytes.size()};
}

template <class Message>
std::string encode_frame(const Message& message) {
  std::string body = message.SerializeAsString();
  std::string frame{kMagic, kVersion, static_cast<char>(body.size() >> 8),
                    static_cast<char>(body.size())};
  return frame + body;
}

std::optional<std::uint16_t> port_of(std::uint32_t raw) {
  if (raw == 0 || raw > std::numeric_limits<std::uint16_t>::max()) return std::nullopt;
  return static_cast<std::uint16_t>(raw);
}

std::optional<IpEndpoint> endpoint_of(const std::string& ip, std::uint32_t raw_port) {
  IpEndpoint endpoint;
  auto port = port_of(raw_port);
  if (ip.size() != endpoint.ip.bytes.size() || !port) return std::nullopt;
  std::copy(ip.begin(), ip.end(), endpoint.ip.bytes.begin());
  endpoint.port = *port;
  return endpoint;
}

// One of a newer version: as before machines could be woken.
Wake wake_of(std::uint32_t raw) {
  return raw <= static_cast<std::uint32_t>(Wake::kStart) ? static_cast<Wake>(raw) : Wake::kNo;
}

HopStatus status_of(std::uint32_t raw) {
  bool known = raw <= static_cast<std::uint32_t>(HopStatus::kRecentlyStopped);
  return known ? static_cast<HopStatus>(raw) : HopStatus::kUnknown;
}

}  // namespace

std::string_view to_string(HopStatus status) {
  switch (status) {
    case HopStatus::kOk:
      return "admitted";
    case HopStatus::kStopped:
      return "not started or not healthy";
    case HopStatus::kUnknown:
      return "not known to its host";
    case HopStatus::kLimit:
      return "at its hard limit";
    case HopStatus::kConnectFailed:
      return "did not take the connection";
    case HopStatus::kNotPermitted:
      return "not permitted by its host";
    case HopStatus::kBusy:
      return "its host's proxy is at its limits";
    case HopStatus::kNotReady:
      return "its host's proxy has not read the registry yet";
    case HopStatus::kStartFailed:
      return "could not be started";
    case HopStatus::kRecentlyStopped:
      return "was stopped minutes ago";
  }
  return "unknown";
}

std::string encode_preamble(const Preamble& preamble) {
  wire::Preamble message;
  message.set_network(preamble.network.value);
  message.set_machine(preamble.machine.value);
  message.set_client_ip(address_bytes(preamble.client.ip));
  message.set_client_port(preamble.client.port);
  message.set_dialled_ip(address_bytes(preamble.dialled.ip));
  message.set_dialled_port(preamble.dialled.port);
  message.set_internal_port(preamble.internal_port);
  message.set_wake(static_cast<std::uint32_t>(preamble.wake));
  message.set_last(preamble.last);
  message.set_may_wait(preamble.may_wait);
  message.set_exchange(preamble.exchange);
  message.set_fresh(preamble.fresh);
  message.set_connect_limit_ms(static_cast<std::uint32_t>(preamble.connect_limit.count()));
  message.set_listens(preamble.listens);
  message.set_ahead(preamble.ahead);
  message.set_nonce(preamble.nonce);
  message.set_whole(preamble.whole);
  return encode_frame(message);
}

std::string encode_reply(const HopReply& reply) {
  wire::Reply message;
  message.set_status(static_cast<std::uint32_t>(reply.status));
  message.set_load(reply.load);
  message.set_connect_errno(static_cast<std::uint32_t>(reply.connect_errno));
  message.set_queue(reply.queue);
  message.set_sequence(reply.sequence);
  message.set_exchange(reply.exchange);
  message.set_tells(reply.tells);
  message.set_takes_ahead(reply.takes_ahead);
  message.set_nonce(reply.nonce);
  message.set_held_us(static_cast<std::uint32_t>(reply.held.count()));
  return encode_frame(message);
}

std::string encode_silence(const Silence& silence) {
  wire::Silence message;
  message.set_network(silence.network.value);
  message.set_machine(silence.machine.value);
  message.set_internal_port(silence.internal_port);
  message.set_stream(silence.stream);
  return encode_frame(message);
}

Result<std::size_t> decode_frame_header(std::string_view header) {
  if (header.size() != kFrameHeaderBytes || header[0] != kMagic)
    return Error("not a Flycast hop preamble");
  if (header[1] != kVersion)
    return Error("hop protocol version " + std::to_string(static_cast<unsigned char>(header[1])) +
                 ", this host speaks 1");
  auto length = static_cast<std::size_t>(static_cast<unsigned char>(header[2])) << 8 |
                static_cast<unsigned char>(header[3]);
  if (length == 0 || length > kMaxFrameBody)
    return Error("hop frame of " + std::to_string(length) + " bytes, at most " +
                 std::to_string(kMaxFrameBody) + " are allowed");
  return length;
}

Result<Preamble> decode_preamble(std::string_view body) {
  wire::Preamble message;
  if (!message.ParseFromArray(body.data(), static_cast<int>(body.size())))
    return Error("malformed hop preamble");
  auto client = endpoint_of(message.client_ip(), message.client_port());
  auto dialled = endpoint_of(message.dialled_ip(), message.dialled_port());
  auto internal_port = port_of(message.internal_port());
  if (!client || !dialled || !internal_port)
    return Error("hop preamble with a bad address or port");
  return Preamble{NetworkId{message.network()},
                  MachineId{message.machine()},
                  *client,
                  *dialled,
                  *internal_port,
                  wake_of(message.wake()),
                  message.last(),
                  message.may_wait(),
                  message.exchange(),
                  message.fresh(),
                  std::chrono::milliseconds(message.connect_limit_ms()),
                  message.listens(),
                  message.ahead(),
                  message.nonce(),
                  message.whole()};
}

Result<HopReply> decode_reply(std::string_view body) {
  wire::Reply message;
  if (!message.ParseFromArray(body.data(), static_cast<int>(body.size())) || message.status() == 0)
    return Error("malformed hop reply");
  return HopReply{status_of(message.status()),
                  message.load(),
                  static_cast<int>(message.connect_errno()),
                  message.queue(),
                  message.sequence(),
                  message.exchange(),
                  message.tells(),
                  message.takes_ahead(),
                  message.nonce(),
                  std::chrono::microseconds(message.held_us())};
}

Result<Silence> decode_silence(std::string_view body) {
  wire::Silence message;
  if (!message.ParseFromArray(body.data(), static_cast<int>(body.size())))
    return Error("malformed word of a silent machine");
  auto internal_port = port_of(message.internal_port());
  auto stream = message.stream() == 0 ? std::uint16_t{0} : port_of(message.stream());
  if (!internal_port || !stream) return Error("word of a silent machine with a bad port");
  return Silence{NetworkId{message.network()}, MachineId{message.machine()}, *internal_port,
                 *stream};
}

}  // namespace sixpn::flycast
