// A running DnsService whose upstreams are the test's own.
#pragma once

#include <mutex>

#include "service_fixture.h"

namespace sixpn::dns::testing {

using namespace std::string_literals;
using namespace std::chrono_literals;

// A reply to `query` (its id and question) with flags and records.
inline std::string reply_to(const std::string& query, unsigned flags,
                            const std::vector<std::string>& answers) {
  auto question = parse_query(query).query.question.value();
  auto bytes = query.substr(0, 2) + u16(flags) + u16(1) + u16(answers.size()) + u16(0) + u16(0) +
               question.name.wire() + u16(question.type) + u16(question.klass);
  for (const auto& record : answers) bytes += record;
  return bytes;
}

// `reply` of an upstream that knows EDNS: with an OPT for its only additional record.
inline std::string with_opt(std::string reply) {
  return reply.replace(10, 2, u16(1)) + "\0"s + u16(kTypeOpt) + u16(1232) + u16(0) + u16(0) +
         u16(0);
}

inline std::string a_record(char last, std::uint32_t ttl = 60) {
  return "\xc0\x0c"s + u16(kTypeA) + u16(kClassIn) + u16(ttl >> 16) + u16(ttl & 0xffff) + u16(4) +
         "\xc0\x00\x02"s + last;
}

inline Upstream::Respond always(unsigned flags, const std::vector<std::string>& answers) {
  return [=](const std::string& query, bool) { return reply_to(query, flags, answers); };
}

inline constexpr auto kSilent = [](const std::string&, bool) {
  return std::optional<std::string>();
};

class Forwarding : public ServiceTest {
 protected:
  void start_with(const std::vector<const Upstream*>& upstreams, ForwardLimits limits = quiet()) {
    auto chosen = options();
    chosen.upstreams.clear();
    for (const auto* upstream : upstreams) chosen.upstreams.push_back(upstream->endpoint());
    chosen.forward = limits;
    start(chosen);
  }

  // Probes are off, so that upstreams see what a test asks and nothing else.
  static ForwardLimits quiet() {
    ForwardLimits limits;
    limits.probe_every = Duration::zero();
    return limits;
  }

  static QueryBytes foreign(std::uint16_t id = 1) {
    return {.name = "Www.Example.ORG", .type = kTypeA, .id = id};
  }
};

}  // namespace sixpn::dns::testing
