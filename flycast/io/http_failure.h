// The proxy's own responses: what a client is told when no machine answered, or when its request
// was not understood; and the line of the log that says so. Called by HttpSession and HttpCall.
#pragma once

#include <string>
#include <string_view>

#include "base/ip.h"
#include "flycast/core/error_code.h"
#include "flycast/core/http1_syntax.h"
#include "flycast/core/http_message.h"

namespace sixpn::flycast {

struct ProxyResponse {
  ResponseHead head;  // its length is the body's
  std::string body;   // a line of plain text
};

// A request that was not understood, or did not come in time (408): no code names that.
ProxyResponse refusal(const HttpFault& fault);
// No machine was found (failure_code.h), or one that failed.
ProxyResponse failure(ErrorCode code, std::string_view why);

// The same over HTTPS, on its own port.
ProxyResponse redirect_to_https(const RequestHead& request);

// Whose request no machine answered.
struct FailedRequest {
  Ip6 client;
  IpEndpoint dialled;
  std::string_view app;  // "" while it is not known
  std::string_view id;
};
// `held_back`: such lines that were not written (log_gate.h).
void log_no_response(const FailedRequest& request, std::string_view why, std::uint64_t held_back);

}  // namespace sixpn::flycast
