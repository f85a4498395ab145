// What an app's record says of its services: on which ports Flycast takes connections for it, what
// is done with the bytes, how machines are checked, started and stopped; and its checks beside
// them. The names and meanings are fly.toml's (docs/guide.md); config/ reads them, service_rules.h
// bounds them. Plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/time.h"

namespace sixpn {

enum class ServiceProtocol : std::uint8_t { kTcp = 1, kUdp = 2 };
// What a limit counts.
enum class ConcurrencyType : std::uint8_t { kConnections = 1, kRequests = 2 };
// What becomes of a machine that is not needed.
enum class AutoStop : std::uint8_t { kOff = 0, kStop = 1, kSuspend = 2 };
enum class CheckKind : std::uint8_t { kTcp = 1, kHttp = 2, kScript = 3 };

// The text version (1) or the binary one (2) of HAProxy's PROXY protocol.
inline constexpr std::uint8_t kProxyProtocolText = 1;
inline constexpr std::uint8_t kProxyProtocolBinary = 2;

struct HeaderField {
  std::string name;
  std::string value;
  friend bool operator==(const HeaderField&, const HeaderField&) = default;
};

// How the owner's agent asks whether a machine can serve. Times as in Fly: interval and timeout
// 1..60 s, the grace period 0 or 1..60 s, counted from the machine's start.
struct ServiceCheck {
  CheckKind kind = CheckKind::kTcp;
  Duration interval = std::chrono::seconds(15);
  Duration timeout = std::chrono::seconds(2);
  Duration grace = std::chrono::seconds(1);
  // HTTP. Passing is an answer of 200..299; redirects are not followed.
  std::string method;  // "GET"
  std::string path;    // "/"
  bool tls = false;
  bool tls_skip_verify = false;
  std::string tls_server_name;
  std::vector<HeaderField> headers;
  // Script: a program in the machine and its arguments. Passing is exit code 0.
  std::vector<std::string> command;
  friend bool operator==(const ServiceCheck&, const ServiceCheck&) = default;
};

// A change to a response's headers: the field is given these values in place of the machine's, or
// removed when there are none.
struct HeaderEdit {
  std::string name;
  std::vector<std::string> values;
  friend bool operator==(const HeaderEdit&, const HeaderEdit&) = default;
};

// Requests under a path that carry the same cookie or header go where the first was replayed to.
struct ReplayCacheRule {
  std::string path_prefix = "/";
  Duration ttl{};  // at least 10 s
  bool by_header = false;
  std::string name;  // of the cookie or header
  bool allow_bypass = false;
  friend bool operator==(const ReplayCacheRule&, const ReplayCacheRule&) = default;
};

struct HttpOptions {
  bool compress = false;
  bool h2_backend = false;          // the machine speaks HTTP/2 without TLS (h2c, prior knowledge)
  Duration idle_timeout{};          // also of raw TCP; 0: the agent's default
  Duration headers_read_timeout{};  // 0: the agent's default
  bool pristine = false;            // nothing of ours is added to responses
  std::vector<HeaderEdit> response_headers;
  std::vector<ReplayCacheRule> replay_cache;
  friend bool operator==(const HttpOptions&, const HttpOptions&) = default;
};

// With the handler "tls".
struct TlsOptions {
  std::vector<std::string> alpn;  // protocols to agree on, best first; none: by the handlers
  bool only_tls13 = false;
  friend bool operator==(const TlsOptions&, const TlsOptions&) = default;
};

struct ServicePort {
  std::uint16_t first = 0;  // external ports first..last, inclusive
  std::uint16_t last = 0;
  std::vector<std::string> handlers;  // empty: raw TCP
  bool force_https = false;
  std::uint8_t proxy_protocol = kProxyProtocolText;  // version, with the handler "proxy_proto"
  HttpOptions http = {};
  TlsOptions tls = {};
  friend bool operator==(const ServicePort&, const ServicePort&) = default;
};

struct Service {
  ServiceProtocol protocol = ServiceProtocol::kTcp;
  std::uint16_t internal_port = 8080;
  std::vector<ServicePort> ports;
  std::vector<std::string> groups;  // process groups that serve it; empty: all
  ConcurrencyType concurrency = ConcurrencyType::kConnections;
  std::uint32_t soft_limit = 20;
  std::uint32_t hard_limit = 0;  // 0: none
  bool auto_start = true;
  AutoStop auto_stop = AutoStop::kOff;
  std::uint32_t min_machines_running = 0;  // in the app's primary region
  std::vector<ServiceCheck> checks;
  bool kernel_path = false;  // raw TCP by nftables alone, without the proxy
  friend bool operator==(const Service&, const Service&) = default;
};

// A check of the app itself (fly.toml's [checks.NAME]), of no service. Nothing is routed by it,
// unless it is of Fly's kind "readiness": then a machine that fails it leaves the rotation of all
// its services. Its interval is 2 s to an hour, its grace period at most an hour, its timeout as a
// service check's or shorter.
struct AppCheck {
  std::string name;
  std::uint16_t port = 0;
  std::vector<std::string> groups;  // process groups it is run against; empty: all
  ServiceCheck check;
  bool readiness = false;
  friend bool operator==(const AppCheck&, const AppCheck&) = default;
};

}  // namespace sixpn
