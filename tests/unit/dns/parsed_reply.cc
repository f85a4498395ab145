#include "parsed_reply.h"

#include <ldns/ldns.h>

#include <memory>

namespace sixpn::dns::testing {
namespace {

std::string line(ldns_rr* rr) {
  char* text = ldns_rr2str(rr);
  std::string out(text);
  LDNS_FREE(text);
  while (out.ends_with('\n')) out.pop_back();
  for (char& c : out)
    if (c == '\t') c = ' ';
  return out;
}

std::vector<std::string> lines(const ldns_rr_list* list) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < ldns_rr_list_rr_count(list); ++i)
    out.push_back(line(ldns_rr_list_rr(list, i)));
  return out;
}

}  // namespace

std::optional<ParsedReply> parse_reply(std::string_view message) {
  ldns_pkt* raw = nullptr;
  auto* bytes = reinterpret_cast<const std::uint8_t*>(message.data());
  if (ldns_wire2pkt(&raw, bytes, message.size()) != LDNS_STATUS_OK) return std::nullopt;
  std::unique_ptr<ldns_pkt, void (*)(ldns_pkt*)> pkt(raw, ldns_pkt_free);
  ParsedReply reply;
  reply.id = ldns_pkt_id(raw);
  reply.rcode = ldns_pkt_get_rcode(raw) | ldns_pkt_edns_extended_rcode(raw) << 4;
  reply.response = ldns_pkt_qr(raw);
  reply.authoritative = ldns_pkt_aa(raw);
  reply.truncated = ldns_pkt_tc(raw);
  reply.recursion_desired = ldns_pkt_rd(raw);
  reply.recursion_available = ldns_pkt_ra(raw);
  reply.authentic = ldns_pkt_ad(raw);
  reply.checking_disabled = ldns_pkt_cd(raw);
  reply.opcode = ldns_pkt_get_opcode(raw);
  auto questions = lines(ldns_pkt_question(raw));
  if (!questions.empty()) reply.question = questions[0];
  reply.answers = lines(ldns_pkt_answer(raw));
  reply.authority = lines(ldns_pkt_authority(raw));
  reply.additional = lines(ldns_pkt_additional(raw));
  reply.edns = ldns_pkt_edns(raw);
  if (!reply.edns) return reply;
  reply.edns_size = ldns_pkt_edns_udp_size(raw);
  reply.edns_version = ldns_pkt_edns_version(raw);
  reply.dnssec_ok = ldns_pkt_edns_do(raw);
  if (const ldns_rdf* options = ldns_pkt_edns_data(raw))
    reply.edns_options = {reinterpret_cast<const char*>(ldns_rdf_data(options)),
                          ldns_rdf_size(options)};
  return reply;
}

}  // namespace sixpn::dns::testing
