// The service under test and the ways to ask it: raw bytes over UDP or TCP, and what came back as
// an independent reader (ldns) sees it. [::1] is a source of network acme, 127.0.0.0/8 of globex.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>

#include "tests/unit/dns/service_fixture.h"

namespace sixpn::dns::testing {

inline constexpr const char* kServerId = "host-a";

using Words = std::initializer_list<std::uint16_t>;

// Numbers that the tests write out, as the network has them.
inline constexpr int kNoErrorCode = 0, kFormErrCode = 1, kServFailCode = 2, kNxDomainCode = 3,
                     kNotImpCode = 4, kRefusedCode = 5, kBadVersCode = 16, kBadCookieCode = 23;
inline constexpr std::uint16_t kNsidOption = 3, kCookieOption = 10, kKeepaliveOption = 11,
                               kPaddingOption = 12, kExtendedErrorOption = 15;

class Conformance : public ServiceTest {
 protected:
  void SetUp() override { start(conforming_options()); }
  // Nobody listens upstream.
  [[nodiscard]] DnsOptions conforming_options() const;

  // A reply that must come, and be well-formed.
  ParsedReply over_udp(const std::string& message) const;
  ParsedReply over_tcp(const std::string& message) const;
  ParsedReply over(Transport transport, const std::string& message) const;
  ParsedReply udp(const QueryBytes& query) const { return over_udp(encode(query)); }
  ParsedReply tcp(const QueryBytes& query) const { return over_tcp(encode(query)); }
  // No reply comes, though one to a question asked afterwards does.
  [[nodiscard]] bool is_silent(const std::string& message) const;
};

// The header's counts replaced.
std::string with_counts(std::string message, std::size_t questions, std::size_t answers,
                        std::size_t authorities, std::size_t additionals);
// An option in wire form.
std::string option(std::uint16_t code, const std::string& value);
// Its value in a reply; nothing when it has none.
std::optional<std::string> option_of(const ParsedReply& reply, std::uint16_t code);
// The code of the extended error, -1 without one.
int extended_error_of(const ParsedReply& reply);

// NOERROR with nothing but the zone's SOA (RFC 2308 section 2.2).
bool is_nodata(const ParsedReply& reply);
bool is_nxdomain(const ParsedReply& reply);

}  // namespace sixpn::dns::testing
