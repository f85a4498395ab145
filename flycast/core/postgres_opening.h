// How a client of PostgreSQL begins, where its TLS is ended (the handler `pg_tls`): it asks for TLS
// in its own protocol before it speaks any, or, since version 17, speaks it at once
// (sslnegotiation=direct). Source: PostgreSQL's documentation, "Frontend/Backend Protocol", 55.2.10
// "SSL Session Encryption" and 55.7 "Message Formats". Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace sixpn::flycast {

// So many bytes tell them apart, and each of them is longer or as long.
inline constexpr std::size_t kPostgresOpeningBytes = 8;

enum class PostgresOpening : std::uint8_t {
  kTls,        // SSLRequest: exactly these bytes; TLS follows the answer kPostgresTls
  kGss,        // GSSENCRequest: exactly these bytes; another opening follows kPostgresNoGss
  kDirectTls,  // a handshake of TLS
  // CancelRequest, without TLS also where the connection it is about has it: clients before 17 know
  // no other way. It holds that connection's secret, and no answer to it is sent.
  kCancel,
  kPlain,  // StartupMessage, of a client that would go on without TLS
  kOther,
};
// `first`: kPostgresOpeningBytes.
PostgresOpening judge_postgres_opening(std::string_view first);

inline constexpr std::string_view kPostgresTls = "S";
inline constexpr std::string_view kPostgresNoGss = "N";

// The ErrorResponse that ends a connection. `sqlstate`: five characters.
std::string postgres_refusal(std::string_view sqlstate, std::string_view message);

}  // namespace sixpn::flycast
