#include "flycast/core/error_code.h"

#include <array>
#include <cerrno>

namespace sixpn::flycast {
namespace {

using enum ErrorCode;

constexpr std::array kEntries = {
    ErrorEntry{kPP01, "PP01", 500, "socket options of the client's connection could not be set"},
    ErrorEntry{kPU01, "PU01", 502, "the machine does not speak HTTP/2 without TLS"},
    ErrorEntry{kPU02, "PU02", 502, "the machine began but did not complete its response"},
    ErrorEntry{kPU03, "PU03", 502, "the machine's host cannot be reached"},
    ErrorEntry{kPU04, "PU04", 500, "the request for the machine could not be built"},
    ErrorEntry{kPC01, "PC01", 502, "the machine refused the connection on the service's port"},
    ErrorEntry{kPC02, "PC02", 502, "the machine refused the connection"},
    ErrorEntry{kPC03, "PC03", 502, "the machine reset the connection"},
    ErrorEntry{kPC04, "PC04", 502, "the machine aborted the connection"},
    ErrorEntry{kPC05, "PC05", 504, "the connection to the machine timed out"},
    ErrorEntry{kPC06, "PC06", 502, "the connection to the machine failed"},
    ErrorEntry{kPC07, "PC07", 502, "no connection to a machine in as many tries as are made"},
    ErrorEntry{kPC08, "PC08", 500, "the time limit of the machine's connection could not be set"},
    ErrorEntry{kPT01, "PT01", 0, "too many TLS handshakes from the client's addresses"},
    ErrorEntry{kPT02, "PT02", 0, "too many TLS handshakes for the name"},
    ErrorEntry{kPT03, "PT03", 0, "the TLS handshake was given up"},
    ErrorEntry{kPT04, "PT04", 0, "the TLS handshake failed"},
    ErrorEntry{kPT05, "PT05", 0, "no certificate for the name"},
    ErrorEntry{kPT06, "PT06", 0, "no certificate"},
    ErrorEntry{kPT07, "PT07", 0, "the connection failed in the TLS handshake"},
    ErrorEntry{kPT08, "PT08", 0, "the TLS handshake timed out"},
    ErrorEntry{kPT09, "PT09", 0, "TLS failed inside the proxy"},
    ErrorEntry{kPM01, "PM01", 503, "the machine's agent refused"},
    ErrorEntry{kPM02, "PM02", 503, "the machine could not be started"},
    ErrorEntry{kPM03, "PM03", 504, "the machine did not start in time"},
    ErrorEntry{kPM04, "PM04", 500, "the order to start the machine was not understood"},
    ErrorEntry{kPM05, "PM05", 503, "the machine's agent could not be reached"},
    ErrorEntry{kPM06, "PM06", 500, "the order to start the machine names no app"},
    ErrorEntry{kPM07, "PM07", 503, "the machine's state could not be changed"},
    ErrorEntry{kPM08, "PM08", 503, "the machine is in a state that it cannot be started from"},
    ErrorEntry{kPM09, "PM09", 500, "the machine is in a state that is not known"},
    ErrorEntry{kPM10, "PM10", 503, "the machine's start was given up"},
    ErrorEntry{kPM11, "PM11", 503, "the machine was stopped a short while ago"},
    ErrorEntry{kPA01, "PA01", 413, "the request is too large to be sent a second time"},
    ErrorEntry{kPA02, "PA02", 502, "the request was replayed too often"},
    ErrorEntry{kPA03, "PA03", 502, "the app's fly-replay is malformed"},
    ErrorEntry{kPA04, "PA04", 502, "there is no app of the name that fly-replay gives"},
    ErrorEntry{kPA05, "PA05", 502, "the app may not replay to the one that fly-replay names"},
    ErrorEntry{kPE01, "PE01", 500, "the app that replays is not known any more"},
    ErrorEntry{kPE02, "PE02", 500, "the org of the app that replays is not known"},
    ErrorEntry{kPR01, "PR01", 503, "no healthy machine"},
    ErrorEntry{kPR02, "PR02", 503, "the machine that was asked for was not found"},
    ErrorEntry{kPR03, "PR03", 503, "no machine took the request in as many tries as are made"},
    ErrorEntry{kPR04, "PR04", 503, "no candidate for the request in as many tries as are made"},
    ErrorEntry{kPR05, "PR05", 502, "the static file could not be fetched"},
    ErrorEntry{kPL01, "PL01", 503, "every machine has as many connections as it may"},
    ErrorEntry{kPL02, "PL02", 503, "every machine has as many requests as it may"},
};

constexpr bool in_order() {
  for (std::size_t i = 0; i < kEntries.size(); ++i)
    if (kEntries[i].code != static_cast<ErrorCode>(i)) return false;
  return true;
}
static_assert(in_order() && kEntries.back().code == kPL02);

}  // namespace

std::span<const ErrorEntry> error_codes() {
  return kEntries;
}

const ErrorEntry& entry_of(ErrorCode code) {
  return kEntries[static_cast<std::size_t>(code)];
}

ErrorCode code_of_connect(int errno_value) {
  switch (errno_value) {
    case ECONNREFUSED:
      return kPC01;
    case ECONNRESET:
      return kPC03;
    case ECONNABORTED:
      return kPC04;
    case ETIMEDOUT:
      return kPC05;
    default:
      return kPC06;
  }
}

std::string error_text(ErrorCode code, std::string_view why) {
  const ErrorEntry& entry = entry_of(code);
  std::string text(entry.name);
  text.append(": ").append(entry.text);
  if (!why.empty()) text.append(" (").append(why).append(")");
  return text;
}

std::string error_body(ErrorCode code, std::string_view why) {
  return error_text(code, why) + "\n";
}

}  // namespace sixpn::flycast
