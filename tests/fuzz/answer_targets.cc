// What machines answer to checks, what clients say they accept, and what a proxy that ends tells
// the one that takes its place.
#include <algorithm>
#include <string>

#include "flycast/core/compression.h"
#include "flycast/core/handover_message.h"
#include "machine/core/check_http.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sixpn::fuzz {

// Once nothing more comes there is a verdict. A pass stays one, whatever follows it.
void check_answer(std::string_view bytes) {
  using machine::judge_check_answer;
  auto whole = judge_check_answer(bytes, true);
  SIXPN_PROMISE(whole.has_value());
  SIXPN_PROMISE(whole->output.size() <= bytes.size() + 64);
  SIXPN_PROMISE(!whole->passed || bytes.starts_with("HTTP/1."));
  std::size_t step = 1 + bytes.size() / 64;
  for (std::size_t size = 0; size < bytes.size(); size += step) {
    auto early = judge_check_answer(bytes.substr(0, size), false);
    if (early && early->passed) SIXPN_PROMISE(whole->passed && early->output == whole->output);
  }
}

// Fields in lines; several are one with commas between them. With none gzip is not accepted.
void accept_encoding(std::string_view bytes) {
  using namespace flycast;
  HeaderList apart;
  std::string joined;
  for (std::string_view rest = bytes; !rest.empty();) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    apart.add("Accept-Encoding", line);
    joined += (joined.empty() ? "" : ", ") + std::string(line);
  }
  SIXPN_PROMISE(!apart.empty() || !accepts_gzip(apart));
  SIXPN_PROMISE(accepts_gzip(apart) == accepts_gzip({{"Accept-Encoding", joined}}));
}

// What decodes is encoded as the same bytes, of whatever kind.
void handover(std::string_view bytes) {
  using namespace flycast;
  auto message = decode_handover(bytes);
  SIXPN_PROMISE(!message || bytes.size() == kHandoverBytes);
  if (message) SIXPN_PROMISE(encode_handover(*message) == bytes);
}

}  // namespace sixpn::fuzz
