// The envelope of signed_record.h: record.proto's SignedRecord and RecordBody.
#include "base/encoding.h"
#include "registry/core/canonical_machine.h"
#include "registry/core/field_reader.h"
#include "registry/core/record.pb.h"
#include "registry/core/record_rules.h"
#include "registry/core/signed_record.h"
#include "registry/core/value_codec.h"

namespace sixpn {
namespace {

constexpr std::string_view kRecordTag = "sixpn record v1";
constexpr std::uint32_t kMaxKind = 255;

// The tag keeps a record from passing as another kind of statement, and the other way round.
std::string signed_bytes(std::string_view body) {
  std::string bytes(kRecordTag);
  bytes += '\0';
  bytes += body;
  return bytes;
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

Result<Record> decode_body(std::string_view bytes) {
  wire::RecordBody body;
  if (!body.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    return Error("the record's body is malformed");
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

// What a record travels in.
struct Envelope {
  std::string_view body;
  std::string_view signature;
};

// One record has one envelope: else a relay could make ever newer-looking copies of a record by
// adding bytes that no signature covers. So only what encoding the two fields gives is opened.
std::optional<Envelope> open_envelope(std::string_view wire) {
  registry::FieldReader fields(wire);
  Envelope out;
  out.body = fields.bytes(1);
  out.signature = fields.bytes(2);
  if (!fields.done() || out.signature.size() != Signature{}.size()) return std::nullopt;
  return out;
}

// Why it was not opened.
Error envelope_error(const std::string& wire) {
  wire::SignedRecord envelope;
  if (!envelope.ParseFromString(wire)) return Error("the bytes are no signed record");
  if (envelope.signature().size() != Signature{}.size())
    return Error("the record's signature is not 64 bytes");
  return Error("the record's envelope holds surplus bytes");
}

struct Decoded {
  Record record;
  bool is_canonical;  // encoding it gives the bytes that it was decoded from
};

Result<Decoded> decode_canonically(std::string_view body) {
  if (auto machine = registry::read_canonical_machine(body))
    return Decoded{std::move(*machine), true};
  auto record = decode_body(body);
  if (!record) return std::move(record).error();
  bool canonical = encode_body(*record) == body;
  return Decoded{std::move(*record), canonical};
}

}  // namespace

RecordDigest digest_of(const Hash& wire) {
  RecordDigest out;
  std::copy_n(wire.begin(), out.size(), out.begin());
  return out;
}

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
  auto envelope = open_envelope(wire);
  if (!envelope) return envelope_error(wire);
  auto decoded = decode_canonically(envelope->body);
  if (!decoded) return std::move(decoded).error();
  if (auto checked = registry::check_record(decoded->record); !checked)
    return std::move(checked).error();
  auto out = std::make_shared<SignedRecord>();
  out->record = std::move(decoded->record);
  out->digest = digest_of(hash(wire));
  out->signature = *to_array<64>(envelope->signature);
  out->wire_size = static_cast<std::uint32_t>(wire.size());
  if (!decoded->is_canonical) out->bytes = std::make_unique<const std::string>(std::move(wire));
  return SignedRecordPtr(std::move(out));
}

std::string SignedRecord::wire() const {
  if (bytes) return *bytes;
  const std::string body = encode_body(record);
  std::string out;
  out.reserve(wire_size);
  append_field(out, 1, body);
  append_field(out, 2, as_bytes(signature));
  return out;
}

bool verify_record(const SignedRecord& record, const PublicKey& writer_key) {
  if (!record.bytes)
    return verify(writer_key, signed_bytes(encode_body(record.record)), record.signature);
  auto envelope = open_envelope(*record.bytes);
  return envelope && verify(writer_key, signed_bytes(envelope->body), record.signature);
}

}  // namespace sixpn
