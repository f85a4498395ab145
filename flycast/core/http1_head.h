// Heads of HTTP/1 messages from and to text (RFC 9112). Parsing is strict and loses everything that
// concerns one connection (http_message.h); writing makes a head anew, so that no byte of a client
// reaches a machine that was not understood. Pure. Limits: http1_limits.h.
#pragma once

#include <string>
#include <string_view>

#include "flycast/core/http1_syntax.h"
#include "flycast/core/http_message.h"

namespace sixpn::flycast {

// `head` is a scanned section (SectionScanner), its empty line included; `into` is empty. A fault's
// status is what the client is told. An absolute-form target becomes origin-form, its authority the
// host (RFC 9112 section 3.2.2).
HttpFault parse_request_head(std::string_view head, RequestHead& into);

// What a response's framing depends on.
struct ResponseContext {
  std::string_view method;  // of the request
  bool upgrade = false;     // the request asked for one
};
// Any fault is the machine's: 502.
HttpFault parse_response_head(std::string_view head, const ResponseContext& context,
                              ResponseHead& into);

// How a body is put on the wire, and whether the connection goes on after it.
struct WireForm {
  BodyFraming body;
  bool http10_peer = false;
  bool keep_alive = true;
};

// As HTTP/1.1, keeping the connection.
void write_request_head(const RequestHead& head, std::string& out);
// kUntilClose and kStreamed become chunked for an HTTP/1.1 client and until-close for an older one:
// the form that must be used for the body.
WireForm response_form(const ResponseHead& head, bool client_is_http10, bool client_keeps_alive);
void write_response_head(const ResponseHead& head, const WireForm& form, std::string& out);

void write_chunk_size(std::uint64_t size, std::string& out);  // its line; CRLF follows the chunk
void write_last_chunk(const HeaderList& trailers, std::string& out);

// A body's pieces as they stand on the wire.
struct BodyWriter {
  BodyKind kind = BodyKind::kNone;

  void before(std::uint64_t size, std::string& out) const {
    if (kind == BodyKind::kStreamed) write_chunk_size(size, out);
  }
  void behind(std::string& out) const {
    if (kind == BodyKind::kStreamed) out.append("\r\n");
  }
  void piece(std::string_view bytes, std::string& out) const {
    before(bytes.size(), out);
    out.append(bytes);
    behind(out);
  }
  void end(const HeaderList& trailers, std::string& out) const {
    if (kind == BodyKind::kStreamed) write_last_chunk(trailers, out);
  }
};

}  // namespace sixpn::flycast
