#include "dns/core/foreign_query.h"

#include <algorithm>
#include <cstring>

#include "dns/core/fast_hash.h"
#include "dns/core/lower_bytes.h"
#include "dns/core/wire_reader.h"

namespace sixpn::dns {
namespace {

constexpr std::uint32_t kEdnsDnssecOk = 0x8000;

// The uncompressed name that comes next, in both spellings.
bool read_name(WireReader& reader, ForeignQuery& out) {
  std::string_view rest = reader.rest().substr(0, kMaxNameBytes);
  std::size_t at = 0;
  while (at < rest.size() && rest[at] != '\0') {
    auto length = static_cast<unsigned char>(rest[at]);
    if (length > kMaxLabelBytes) return false;
    at += 1U + length;
  }
  if (at >= rest.size()) return false;
  out.name_size = static_cast<std::uint8_t>(at + 1);
  std::memcpy(out.spelled_bytes.data(), rest.data(), out.name_size);
  copy_lower(out.spelled(), out.lower_bytes.data());
  reader.bytes(out.name_size);
  return true;
}

bool read_additionals(WireReader& reader, std::uint16_t count, ForeignQuery& out,
                      std::size_t& payload) {
  for (; count > 0 && reader.ok(); --count) {
    reader.skip_name();
    auto type = reader.u16();
    auto klass = reader.u16();
    auto ttl = reader.u32();
    reader.bytes(reader.u16());
    if (type != kTypeOpt || !reader.ok()) continue;
    out.edns = true;
    payload = klass;
    if ((ttl & kEdnsDnssecOk) != 0) out.flags |= ForeignQuery::kDnssecOk;
  }
  return reader.ok();
}

}  // namespace

bool read_foreign_query(std::string_view message, Transport transport, ForeignQuery& out) {
  WireReader reader(message);
  out.id = reader.u16();
  auto flags = reader.u16();
  bool one_question = reader.u16() == 1;
  bool no_records = reader.u16() == 0 && reader.u16() == 0;
  auto additionals = reader.u16();
  if (!reader.ok() || (flags & kFlagResponse) != 0 || !one_question || !no_records) return false;
  if (!read_name(reader, out)) return false;
  out.type = reader.u16();
  if (reader.u16() != kClassIn || !reader.ok()) return false;
  out.flags = 0;
  if ((flags & kFlagRecursionDesired) != 0) out.flags |= ForeignQuery::kRecursionDesired;
  if ((flags & kFlagCheckingDisabled) != 0) out.flags |= ForeignQuery::kCheckingDisabled;
  out.edns = false;
  std::size_t payload = kMinUdpBytes;
  if (!read_additionals(reader, additionals, out, payload)) return false;
  out.limit = static_cast<std::uint16_t>(transport == Transport::kTcp
                                             ? kMaxMessageBytes
                                             : std::clamp(payload, kMinUdpBytes, kMaxUdpBytes));
  return true;
}

ForeignQuery make_foreign_query(const Name& name, RrType type) {
  ForeignQuery query;
  query.type = type;
  query.limit = kMaxMessageBytes;
  query.flags = ForeignQuery::kRecursionDesired;
  query.edns = true;
  query.name_size = static_cast<std::uint8_t>(name.wire().size());
  std::memcpy(query.spelled_bytes.data(), name.wire().data(), name.wire().size());
  copy_lower(query.spelled(), query.lower_bytes.data());
  return query;
}

std::uint64_t hash_of(const ForwardKey& key) {
  std::uint64_t rest = std::uint64_t{key.group} << 24 | std::uint64_t{key.flags} << 16 | key.type;
  return fold_multiply(fast_hash(key.name) ^ rest, kHashSeed | 1);
}

}  // namespace sixpn::dns
