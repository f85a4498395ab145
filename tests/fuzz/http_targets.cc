#include <string>

#include "base/rng.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"
#include "tests/unit/flycast/http1_transcript.h"

namespace sixpn::fuzz {
namespace {

using namespace sixpn::flycast;

void requests(std::string_view bytes, const Cut& some) {
  std::string whole = transcript_of_requests(bytes, all_at_once());
  SIXPN_PROMISE(transcript_of_requests(bytes, one_by_one()) == whole);
  SIXPN_PROMISE(transcript_of_requests(bytes, some) == whole);
  // What a machine is sent reads as what the client was understood to say, and is not rewritten
  // into anything else by a second proxy.
  std::string anew = rewritten_requests(bytes);
  SIXPN_PROMISE(rewritten_requests(anew) == anew);
}

void response(std::string_view bytes, const ResponseContext& context, bool closed,
              const Cut& some) {
  std::string whole = transcript_of_response(bytes, context, closed, all_at_once());
  SIXPN_PROMISE(transcript_of_response(bytes, context, closed, one_by_one()) == whole);
  SIXPN_PROMISE(transcript_of_response(bytes, context, closed, some) == whole);
  bool finished = false;
  std::string anew = rewritten_response(bytes, context, closed, finished);
  if (!finished) return;
  std::string again = rewritten_response(anew, context, false, finished);
  SIXPN_PROMISE(finished);
  SIXPN_PROMISE(again == anew);
}

}  // namespace

// The first byte: whose bytes, to which request, and how they are cut. The same is read however
// they are cut, and what is written anew reads the same to the next proxy.
void http1(std::string_view bytes) {
  if (bytes.empty()) return;
  auto choice = static_cast<unsigned char>(bytes[0]);
  bytes.remove_prefix(1);
  Rng rng(choice);
  Cut some = [&rng](std::size_t) { return 1 + rng.below(40); };
  if ((choice & 1) != 0) return requests(bytes, some);
  ResponseContext context{(choice & 2) != 0 ? "HEAD" : "GET", (choice & 4) != 0};
  response(bytes, context, (choice & 8) != 0, some);
}

}  // namespace sixpn::fuzz
