// explain(): the answer to a question typed by a person, in presentation form, for `sixpn dig`. It
// goes through the same answer() as a packet from a machine would. Pure; any loop that holds a
// snapshot.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/core/answer.h"

namespace sixpn::dns {

struct Explanation {
  std::string name;   // absolute: "web.internal."
  std::string type;   // "AAAA"
  std::string rcode;  // "NOERROR"; empty for a name that is not ours
  std::vector<std::string> answers;
  std::vector<std::string> authority;
  std::string note;  // the extended error's text, or that the name would be forwarded
  bool forwarded = false;
  std::uint64_t generation = 0;  // of the snapshot that answered
};

// Errors: no domain name, no record type.
Result<Explanation> explain(const Snapshot& snapshot, NetworkId network, const Viewer& viewer,
                            std::string_view name, std::string_view type, Rng& rng);

}  // namespace sixpn::dns
