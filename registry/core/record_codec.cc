// The envelope of signed_record.h: record.proto's SignedRecord and RecordBody.
#include "base/encoding.h"
#include "registry/core/record.pb.h"
#include "registry/core/record_rules.h"
#include "registry/core/signed_record.h"
#include "registry/core/value_codec.h"

namespace sixpn {
namespace {

constexpr std::string_view kRecordTag = "sixpn record v1";
constexpr std::uint32_t kMaxKind = 255;

// The tag keeps a record from passing as another kind of statement, and the other way round.
std::string signed_bytes(const std::string& body) {
  std::string bytes(kRecordTag);
  bytes += '\0';
  return bytes + body;
}

std::string encode_body(const Record& record) {
  wire::RecordBody body;
  body.set_kind(static_cast<std::uint32_t>(record.key.kind));
  body.set_id(record.key.id);
  body.set_writer(record.writer.value);
  body.set_major(record.stamp.major);
  body.set_minor(record.stamp.minor);
  body.set_tombstone(record.tombstone);
  body.set_deleted_ms(unix_ms(record.deleted));
  body.set_org(record.org);
  body.set_network(record.network.value);
  body.set_value(registry::encode_value(record.value));
  return body.SerializeAsString();
}

Result<Record> decode_body(const std::string& bytes) {
  wire::RecordBody body;
  if (!body.ParseFromString(bytes)) return Error("the record's body is malformed");
  if (body.kind() > kMaxKind) return Error("the record's kind is out of range");
  Record record;
  record.key = {static_cast<RecordKind>(body.kind()), body.id()};
  record.writer = HostId{body.writer()};
  record.stamp = {body.major(), body.minor()};
  record.tombstone = body.tombstone();
  record.deleted = from_unix_ms(body.deleted_ms());
  record.org = body.org();
  record.network = NetworkId{body.network()};
  if (record.tombstone) {
    if (!body.value().empty()) return Error("a tombstone carries no value");
    return record;
  }
  auto value = registry::decode_value(record.key.kind, body.value());
  if (!value) return std::move(value).error();
  record.value = std::move(*value);
  return record;
}

// Appends a length-delimited field (protobuf encoding, wire type 2).
void append_field(std::string& out, unsigned number, std::string_view bytes) {
  out += static_cast<char>(number << 3U | 2U);
  for (std::size_t left = bytes.size();; left >>= 7U) {
    out += static_cast<char>((left & 0x7fU) | (left > 0x7f ? 0x80U : 0U));
    if (left <= 0x7f) break;
  }
  out += bytes;
}

// Whether `wire` is what encoding these fields gives, and nothing else.
bool is_canonical(std::string_view wire, const std::string& body, const std::string& signature) {
  std::string canonical;
  canonical.reserve(wire.size());
  if (!body.empty()) append_field(canonical, 1, body);
  append_field(canonical, 2, signature);
  return canonical == wire;
}

}  // namespace

Result<SignedRecordPtr> sign_record(const Record& record, const SigningKey& key) {
  wire::SignedRecord envelope;
  envelope.set_body(encode_body(record));
  envelope.set_signature(std::string(as_bytes(key.sign(signed_bytes(envelope.body())))));
  // What this host writes passes the same rules as what it receives.
  return decode_record(envelope.SerializeAsString()).within(to_string(record.key));
}

Result<SignedRecordPtr> decode_record(std::string wire) {
  if (wire.size() > kMaxRecordBytes)
    return Error("the record is longer than " + std::to_string(kMaxRecordBytes) + " bytes");
  wire::SignedRecord envelope;
  if (!envelope.ParseFromString(wire)) return Error("the bytes are no signed record");
  if (envelope.signature().size() != Signature{}.size())
    return Error("the record's signature is not 64 bytes");
  // One record has one envelope: else a relay could make ever newer-looking copies of a record by
  // adding bytes that no signature covers.
  if (!is_canonical(wire, envelope.body(), envelope.signature()))
    return Error("the record's envelope holds surplus bytes");
  auto record = decode_body(envelope.body());
  if (!record) return std::move(record).error();
  if (auto checked = registry::check_record(*record); !checked) return std::move(checked).error();
  auto out = std::make_shared<SignedRecord>();
  out->record = std::move(*record);
  out->digest = hash(wire);
  out->wire = std::move(wire);
  return SignedRecordPtr(std::move(out));
}

bool verify_record(const SignedRecord& record, const PublicKey& writer_key) {
  wire::SignedRecord envelope;
  if (!envelope.ParseFromString(record.wire)) return false;
  auto signature = to_array<64>(envelope.signature());
  return signature && verify(writer_key, signed_bytes(envelope.body()), *signature);
}

}  // namespace sixpn
