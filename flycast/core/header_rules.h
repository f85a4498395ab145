// Header rules: which fields a port with the handler `http` adds to a request before the machine
// gets it and to the response before the client does (fly.md 4.6), and what becomes of copies that
// came from outside. Lists of fields in and out; pure, no state.
//
// Not framing: Content-Length, Transfer-Encoding, Connection and the fields it names are the
// business of each version of HTTP and are gone before these rules are asked, so that no Connection
// field can name one of those that are added here. Called once per request and once per response,
// not again for each try; a replay adds what replay_headers.h says.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "flycast/core/header_list.h"
#include "registry/core/service.h"

namespace sixpn::flycast {

enum class HttpVersion : std::uint8_t { kHttp10, kHttp11, kHttp2 };
std::string_view to_string(HttpVersion version);  // "1.0", "1.1", "2": as Via names it

// How a request came in. Views: the caller keeps what they point to.
struct RequestArrival {
  std::string_view client;  // its own address inside the private network
  std::string_view chain;   // that and the Flycast address it dialled: "fdaa:..., fdaa:..."
  std::uint16_t port = 0;   // external, that it dialled
  bool tls = false;         // the client spoke TLS to this proxy
  HttpVersion version = HttpVersion::kHttp11;
  std::string_view region;      // of this proxy
  std::string_view request_id;  // make_request_id
};

// For the machine. Set, whatever the client said: Fly-Client-IP, Fly-Forwarded-Port, Fly-Region,
// Fly-Request-Id, X-Forwarded-Proto, X-Forwarded-SSL. Added behind what the client said:
// X-Forwarded-For (its address, then the one it dialled: the rightmost is the app's own), Via. Only
// when the client said nothing: X-Forwarded-Port. What a proxy alone may say (fly-replay-src and
// its like, fly-forwarded-*) is taken from the client's. All that also where it is spelled with
// underscores or other marks, which many servers do not tell from hyphens (field_roles.h).
void apply_request_rules(HeaderList& headers, const RequestArrival& arrival);

// A field that only a proxy may say to a machine, in any spelling: fly-client-ip, fly_region ...
bool is_proxys_own(std::string_view name);

// What settings may edit: a field name that does not frame the message.
bool may_edit(std::string_view name);

struct ResponseRules {
  bool pristine = false;          // add nothing
  std::vector<HeaderEdit> edits;  // applied last, in order; those that may_edit forbids are not
  friend bool operator==(const ResponseRules&, const ResponseRules&) = default;
};

// For the client. Fields that tell the proxy to replay (fly-replay, fly-replay-cache...) are
// removed, they are not the client's. Unless pristine: Server is set, Fly-Request-Id is set, Via is
// added; `version` is the one the machine spoke. Edits come last: their word is final.
void apply_response_rules(HeaderList& headers, const ResponseRules& rules, HttpVersion version,
                          std::string_view request_id);

}  // namespace sixpn::flycast
