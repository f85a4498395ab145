#include "mesh/core/uapi.h"

#include <fmt/format.h>

#include <charconv>

#include "base/encoding.h"

namespace sixpn::mesh {
namespace {

// ---- requests
// --------------------------------------------------------------------------------------

void put_peer(const SetPeer& step, std::string& out) {
  out += "public_key=" + to_hex(as_bytes(step.key)) + "\n";
  // A peer that went away meanwhile must not come back half-made.
  if (!step.create) out += "update_only=true\n";
  if (step.endpoint) out += "endpoint=" + to_string(*step.endpoint) + "\n";
  if (step.replace_allowed) out += "replace_allowed_ips=true\n";
  for (const auto& prefix : step.allowed) out += "allowed_ip=" + to_string(prefix) + "\n";
  // Last: it makes the daemon send at once, which needs all of the above.
  if (step.keepalive) out += fmt::format("persistent_keepalive_interval={}\n", *step.keepalive);
}

void put_peer(const RemovePeer& step, std::string& out) {
  out += "public_key=" + to_hex(as_bytes(step.key)) + "\nremove=true\n";
}

// ---- replies
// ---------------------------------------------------------------------------------------

template <class T>
std::optional<T> parse_number(std::string_view text) {
  T value{};
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

std::optional<PublicKey> parse_key(std::string_view text) {
  auto bytes = parse_hex(text);
  return bytes ? to_array<32>(*bytes) : std::nullopt;
}

// "fdaa::/16", or "10.0.0.0/8" as the mapped prefix.
std::optional<Prefix6> parse_allowed_ip(std::string_view text) {
  auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  auto ip = parse_ip(text.substr(0, slash));
  auto length = parse_number<int>(text.substr(slash + 1));
  if (!ip || !length || *length < 0) return std::nullopt;
  bool v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  if (*length > (v4 ? 32 : 128)) return std::nullopt;
  return make_prefix(*ip, *length + (v4 ? 96 : 0));
}

struct Handshake {
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
};

void set_handshake(const Handshake& handshake, ObservedPeer& peer) {
  if (handshake.seconds == 0 && handshake.nanoseconds == 0) return;
  peer.last_handshake = from_unix_ms(handshake.seconds * 1000 + handshake.nanoseconds / 1'000'000);
}

template <class T>
bool assign(std::string_view text, T& out) {
  auto value = parse_number<T>(text);
  if (value) out = *value;
  return value.has_value();
}

class GetParser {
 public:
  // False: the line is malformed.
  bool accept(std::string_view key, std::string_view value) {
    if (key == "errno") return assign(value, errno_);
    if (key == "public_key") return begin_peer(value);
    return peer_ == nullptr ? on_device(key, value) : on_peer(key, value);
  }

  WireguardState take() {
    finish_peer();
    return std::move(state_);
  }
  [[nodiscard]] std::optional<int> error_number() const {
    return errno_ == kNoErrno ? std::nullopt : std::optional(errno_);
  }

 private:
  bool on_device(std::string_view key, std::string_view value) {
    if (key == "listen_port") return assign(value, state_.listen_port);
    if (key != "private_key") return true;
    auto bytes = parse_hex(value);
    auto secret = bytes ? Secret::from_bytes(*bytes) : std::nullopt;
    if (bytes) bytes->assign(bytes->size(), '\0');
    if (secret && *secret != *Secret::from_bytes(std::string(32, '\0')))
      state_.public_key = wireguard_public_key(*secret);
    return secret.has_value();
  }

  bool begin_peer(std::string_view value) {
    finish_peer();
    auto key = parse_key(value);
    if (!key) return false;
    auto [slot, fresh] = state_.peers.try_emplace(*key);
    peer_ = &slot->second;
    return fresh;
  }

  bool on_peer(std::string_view key, std::string_view value) {
    if (key == "endpoint") {
      peer_->endpoint = parse_endpoint(value);  // none for a form with a zone
      return true;
    }
    if (key == "persistent_keepalive_interval") return assign(value, peer_->keepalive);
    if (key == "last_handshake_time_sec") return assign(value, handshake_.seconds) && in_range();
    if (key == "last_handshake_time_nsec") return assign(value, handshake_.nanoseconds);
    if (key == "rx_bytes") return assign(value, peer_->rx_bytes);
    if (key == "tx_bytes") return assign(value, peer_->tx_bytes);
    if (key != "allowed_ip") return true;
    auto prefix = parse_allowed_ip(value);
    if (prefix) peer_->allowed.insert(*prefix);
    return prefix.has_value();
  }

  // Milliseconds of it must fit 64 bits.
  [[nodiscard]] bool in_range() const {
    constexpr std::int64_t kLimit = std::int64_t{1} << 50;
    return handshake_.seconds >= 0 && handshake_.seconds < kLimit;
  }

  void finish_peer() {
    if (peer_ != nullptr) set_handshake(handshake_, *peer_);
    handshake_ = {};
    peer_ = nullptr;
  }

  static constexpr int kNoErrno = 1;
  WireguardState state_;
  ObservedPeer* peer_ = nullptr;
  Handshake handshake_;
  int errno_ = kNoErrno;
};

Error refused(int error_number) {
  return Error::from_errno("wireguard-go refused the request",
                           error_number < 0 ? -error_number : EIO);
}

// Calls accept(key, value) for each line up to the empty one.
template <class Accept>
Result<void> for_each_line(std::string_view reply, Accept accept) {
  if (!is_complete_uapi_reply(reply)) return Error("wireguard-go's answer is cut short");
  for (int number = 1;; ++number) {
    auto end = reply.find('\n');
    std::string_view line = reply.substr(0, end);
    if (line.empty()) return {};
    auto equals = line.find('=');
    if (equals == std::string_view::npos ||
        !accept(line.substr(0, equals), line.substr(equals + 1)))
      return Error(fmt::format("wireguard-go's answer is malformed in line {}", number));
    reply.remove_prefix(end + 1);
  }
}

}  // namespace

std::string encode_uapi(const ConfigureDevice& change) {
  std::string out = "set=1\n";
  out.reserve(128);
  if (change.private_key)
    out += "private_key=" + to_hex(as_bytes(change.private_key->bytes())) + "\n";
  if (change.listen_port) out += fmt::format("listen_port={}\n", *change.listen_port);
  return out + "\n";
}

std::string encode_uapi(std::span<const PeerStep> steps) {
  std::string out = "set=1\n";
  for (const auto& step : steps) std::visit([&](const auto& s) { put_peer(s, out); }, step);
  return out + "\n";
}

bool is_complete_uapi_reply(std::string_view text) {
  return text.ends_with("\n\n") || text == "\n";
}

Result<WireguardState> parse_uapi_get(std::string_view reply) {
  GetParser parser;
  auto read = for_each_line(reply, [&](std::string_view key, std::string_view value) {
    return parser.accept(key, value);
  });
  if (!read) return std::move(read).error();
  auto error_number = parser.error_number();
  if (!error_number) return Error("wireguard-go's answer has no result");
  if (*error_number != 0) return refused(*error_number);
  return parser.take();
}

Result<void> parse_uapi_set(std::string_view reply) {
  std::optional<int> error_number;
  auto read = for_each_line(reply, [&](std::string_view key, std::string_view value) {
    if (key == "errno") error_number = parse_number<int>(value);
    return true;
  });
  if (!read) return read;
  if (!error_number) return Error("wireguard-go's answer has no result");
  if (*error_number != 0) return refused(*error_number);
  return {};
}

}  // namespace sixpn::mesh
