// What a dial that came to nothing is called (error_code.h): in its log line, in recent errors, and
// in the response where there is one.
#pragma once

#include "flycast/core/error_code.h"
#include "flycast/io/dial_request.h"

namespace sixpn::flycast {

// The code of a limit says what it counts.
inline ErrorCode code_of(DialError error, bool counts_requests) {
  switch (error) {
    case DialError::kNoCandidate:
      return ErrorCode::kPR01;
    case DialError::kAllAtLimit:
      return counts_requests ? ErrorCode::kPL02 : ErrorCode::kPL01;
    case DialError::kExhausted:
      return ErrorCode::kPR03;
    case DialError::kAbandoned:
    case DialError::kNoSuchAddress:
    case DialError::kNoServiceOnPort:
    case DialError::kUnsupportedHandler:
    case DialError::kNotReady:
      break;
  }
  return ErrorCode::kPR04;
}

}  // namespace sixpn::flycast
