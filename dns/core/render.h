// Replies in wire and presentation form. The only file that uses ldns (render.cc), which owns the
// wire format of what we send; ldns never sees bytes from the network (it accepts far too much, and
// costs too much on hostile input). Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dns/core/answer.h"
#include "dns/core/query.h"
#include "dns/core/response.h"
#include "dns/core/zone.h"

namespace sixpn::dns {

struct Reply {
  std::string message;
  bool truncated = false;
};

// A reply of at most `limit` bytes (512..65535). What does not fit is left out by whole records
// from the end, and TC is set: the nearest addresses stay. QR, AA, RA and OPT (when the query had
// one: version 0, size 1232, DO copied, Z zero, `options` as its rdata before an extended error)
// are set here, RD and CD copied; AD and Z stay clear.
Reply render_answer(const Query& query, const Answer& answer, std::size_t limit,
                    std::string_view options = {});
// A reply without records and without AA. For opcodes other than QUERY every flag but QR is clear.
std::string render_error(const Query& query, Rcode rcode,
                         const std::optional<ExtendedError>& error = {},
                         std::string_view options = {});
// The same with TC: come back over TCP.
std::string render_truncated(const Query& query, std::string_view options);
// One TXT record of class CH (RFC 4892 section 2).
std::string render_chaos(const Query& query, std::string_view text, std::string_view options);

// Parts of replies that are put together later (response.h). The records follow a message that asks
// `question`; the SOA follows any question inside the zone.
AddressBlock render_address(const Ip6& ip);
RenderedRecords render_records(const DnsQuestion& question,
                               const std::vector<ResourceRecord>& answers,
                               const std::vector<ResourceRecord>& additional = {});
SoaTemplate render_soa(const Zone& zone);

// "web.internal. 5 IN AAAA fdaa::...", without a final newline.
std::string to_string(const ResourceRecord& record);
std::string_view to_string(Rcode rcode);  // "NXDOMAIN"
// "AAAA", "aaaa", "TYPE65280".
std::optional<RrType> parse_rr_type(std::string_view text);
std::string rr_type_name(RrType type);

}  // namespace sixpn::dns
