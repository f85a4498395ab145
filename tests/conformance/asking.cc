#include "tests/conformance/asking.h"

namespace sixpn::dns::testing {
namespace {

std::size_t u16_at(const std::string& bytes, std::size_t at) {
  return static_cast<std::size_t>(static_cast<unsigned char>(bytes[at])) << 8 |
         static_cast<unsigned char>(bytes[at + 1]);
}

bool has_only_soa(const ParsedReply& reply) {
  return reply.answers.empty() && reply.authority.size() == 1 &&
         reply.authority[0].find(" IN SOA ") != std::string::npos && reply.authoritative;
}

}  // namespace

DnsOptions Conformance::conforming_options() const {
  auto chosen = options();
  chosen.server_id = kServerId;
  chosen.threads = 2;
  return chosen;
}

ParsedReply Conformance::over_udp(const std::string& message) const {
  auto reply = udp_ask(six(), message);
  EXPECT_TRUE(reply) << "no reply";
  auto parsed = reply ? parse_reply(*reply) : std::nullopt;
  EXPECT_TRUE(parsed) << "malformed";
  return parsed.value_or(ParsedReply{});
}

ParsedReply Conformance::over_tcp(const std::string& message) const {
  TcpClient client(six());
  client.send(message);
  auto reply = client.receive();
  EXPECT_TRUE(reply) << "no reply";
  auto parsed = reply ? parse_reply(*reply) : std::nullopt;
  EXPECT_TRUE(parsed) << "malformed";
  return parsed.value_or(ParsedReply{});
}

ParsedReply Conformance::over(Transport transport, const std::string& message) const {
  return transport == Transport::kUdp ? over_udp(message) : over_tcp(message);
}

// One socket: one worker answers in the order of arrival.
bool Conformance::is_silent(const std::string& message) const {
  UdpClient client(six());
  client.send(message);
  client.send(encode({.id = 0x7777}));
  auto first = client.receive();
  return first && parse_reply(*first)->id == 0x7777;
}

std::string with_counts(std::string message, std::size_t questions, std::size_t answers,
                        std::size_t authorities, std::size_t additionals) {
  return message.replace(4, 8, u16(questions) + u16(answers) + u16(authorities) + u16(additionals));
}

std::string option(std::uint16_t code, const std::string& value) {
  return u16(code) + u16(value.size()) + value;
}

std::optional<std::string> option_of(const ParsedReply& reply, std::uint16_t code) {
  const auto& options = reply.edns_options;
  for (std::size_t at = 0; at + 4 <= options.size(); at += 4 + u16_at(options, at + 2))
    if (u16_at(options, at) == code) return options.substr(at + 4, u16_at(options, at + 2));
  return std::nullopt;
}

int extended_error_of(const ParsedReply& reply) {
  auto error = option_of(reply, kExtendedErrorOption);
  return error && error->size() >= 2 ? static_cast<int>(u16_at(*error, 0)) : -1;
}

bool is_nodata(const ParsedReply& reply) {
  return reply.rcode == kNoErrorCode && has_only_soa(reply);
}

bool is_nxdomain(const ParsedReply& reply) {
  return reply.rcode == kNxDomainCode && has_only_soa(reply);
}

}  // namespace sixpn::dns::testing
