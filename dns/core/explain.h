// explain(): the answer to a question typed by a person, in presentation form, and what is behind
// it, for `sixpn dig`. It goes through the same answer() as a packet from a machine would. Of a
// foreign name it says the rule alone; what upstream says is message_text.h's. Pure; any loop that
// holds a snapshot. Costs about as much as the app behind the name has machines.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/core/answer.h"
#include "dns/core/forward_rules.h"

namespace sixpn::dns {

// Records told of in Explanation::behind; of the rest only how many.
inline constexpr std::size_t kMostBehind = 100;

struct Explanation {
  std::string name;   // absolute: "web.internal."
  std::string type;   // "AAAA"
  std::string rcode;  // "NOERROR"; empty for a foreign name
  bool authoritative = false;
  std::vector<std::string> answers;
  std::vector<std::string> authority;
  std::vector<std::string> additional;
  std::string note;  // the extended error's text, or that the name would be forwarded, and to whom
  bool forwarded = false;
  std::uint64_t generation = 0;          // of the snapshot that answered
  std::uint64_t network_generation = 0;  // in which the asker's network changed last
  // What the name stands for; of one that does not exist, the closest that does; of a foreign one,
  // by which rule it is forwarded.
  std::string rule;
  // The records that the answer was made of, and those that it leaves out, with the reason:
  // "machine 148e21dad76789 of web, group app, region fra, host b (alive, 88.1 ms): answered".
  std::vector<std::string> behind;
  // The message, whole, and how many answers fit UDP without EDNS and with it.
  std::size_t bytes = 0;
  std::size_t answers_in_512 = 0;
  std::size_t answers_in_1232 = 0;
};

// Errors: no domain name, no record type. `rules`: those of this host, of whose names is said who
// is asked; null: none.
Result<Explanation> explain(const Snapshot& snapshot, NetworkId network, const Viewer& viewer,
                            std::string_view name, std::string_view type, Rng& rng,
                            const ForwardRules* rules = nullptr);

}  // namespace sixpn::dns
