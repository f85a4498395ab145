#include "flycast/io/dial_request.h"

#include "flycast/core/balancer.h"

namespace sixpn::flycast {

std::string_view to_string(DialError error) {
  switch (error) {
    case DialError::kAbandoned:
      return "nobody waits for it any more";
    case DialError::kNoSuchAddress:
      return to_string(LookupError::kNoSuchAddress);
    case DialError::kNoServiceOnPort:
      return to_string(LookupError::kNoServiceOnPort);
    case DialError::kUnsupportedHandler:
      return to_string(LookupError::kUnsupportedHandler);
    case DialError::kNotReady:
      return to_string(LookupError::kNotReady);
    case DialError::kNoCandidate:
      return to_string(NoPick::kNoCandidate);
    case DialError::kAllAtLimit:
      return "every machine is at its hard limit";
    case DialError::kExhausted:
      return to_string(NoPick::kAllExcluded);
  }
  return "unknown";
}

DialError dial_error(LookupError error) {
  switch (error) {
    case LookupError::kNotReady:
      return DialError::kNotReady;
    case LookupError::kNoSuchAddress:
      return DialError::kNoSuchAddress;
    case LookupError::kNoServiceOnPort:
      return DialError::kNoServiceOnPort;
    case LookupError::kUnsupportedHandler:
      break;
  }
  return DialError::kUnsupportedHandler;
}

}  // namespace sixpn::flycast
