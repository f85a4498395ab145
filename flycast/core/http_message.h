// Requests and responses as the proxy passes them on, whatever the version on either side: what
// concerns one connection only (framing, keep-alive, upgrades) is out of the fields and in members
// of its own, so that nothing of it can pass by accident (RFC 9110 section 7.6.1). Plain values.
#pragma once

#include <cstdint>
#include <string>

#include "flycast/core/header_list.h"

namespace sixpn::flycast {

enum class BodyKind : std::uint8_t {
  kNone,
  kLength,      // `length` bytes
  kStreamed,    // until its own end: chunked in HTTP/1, END_STREAM in HTTP/2
  kUntilClose,  // responses of HTTP/1 only
};

struct BodyFraming {
  BodyKind kind = BodyKind::kNone;
  std::uint64_t length = 0;
  friend bool operator==(const BodyFraming&, const BodyFraming&) = default;
};

struct RequestHead {
  std::string method;
  std::string target;  // path and query, begins with '/'; or "*"
  std::string host;    // Host or :authority; "" only from HTTP/1.0
  // Without Host, Content-Length, Transfer-Encoding, Connection and what it names, Keep-Alive,
  // Proxy-Connection, TE, Upgrade and Expect.
  HeaderList fields;
  BodyFraming body;
  std::string upgrade;  // protocols asked for, "" for none; never h2c
  bool is_http10 = false;
  bool is_http2 = false;
  bool keep_alive = true;  // the client's connection may carry another request after this
  bool expects_continue = false;
  friend bool operator==(const RequestHead&, const RequestHead&) = default;
};

struct ResponseHead {
  int status = 0;
  std::string reason;
  HeaderList fields;  // without the same fields; a Content-Length only where the body is absent
  BodyFraming body;
  std::string upgrade;  // what a 101 switches to
  bool is_http10 = false;
  bool keep_alive = true;  // the machine's connection may carry another request after this
  friend bool operator==(const ResponseHead&, const ResponseHead&) = default;
};

inline bool is_interim(int status) {
  return status >= 100 && status < 200;
}
// Sent again without harm when no answer came (RFC 9110 section 9.2.2).
bool is_idempotent(std::string_view method);
// A response to `method` with that status never has a body (RFC 9112 section 6.3).
bool has_no_body(std::string_view method, int status);

}  // namespace sixpn::flycast
