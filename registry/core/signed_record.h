// SignedRecord: a Record together with the exact bytes that its writer signed. The bytes travel
// opaque: unknown fields and unknown kinds of newer versions pass through untouched and still
// verify.
//
// Where encoding the record again gives the bytes that came, which is nearly always, only the
// signature is kept: 40,000 machines are then 10 MB less (decisions/0086). To ask for the bytes
// costs an encoding, of some microseconds.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "registry/core/keys.h"
#include "registry/core/record.h"

namespace sixpn {

// Bounds, checked before a signature is verified (reference: one datagram per record).
inline constexpr std::size_t kMaxRecordBytes = 16 * 1024;

// Half of the wire's BLAKE2b-256, the other half is on the disk only: 40,000 records take 0.6 MB
// less. Who finds two records of one digest, with 2^64 hashes, can keep only his own from being
// equal.
using RecordDigest = std::array<std::uint8_t, 16>;
RecordDigest digest_of(const Hash& wire);

struct SignedRecord {
  Record record;
  RecordDigest digest{};  // equality and anti-entropy
  Signature signature{};
  std::uint32_t wire_size = 0;               // bytes
  std::unique_ptr<const std::string> bytes;  // the wire; null where encoding the record gives it

  // Encoded: body and signature.
  [[nodiscard]] std::string wire() const;
};
using SignedRecordPtr = std::shared_ptr<const SignedRecord>;

// Encodes and signs. Errors: a record over kMaxRecordBytes.
Result<SignedRecordPtr> sign_record(const Record& record, const SigningKey& key);

// Decodes without checking the signature (see verify_record). Errors: malformed bytes, too large, a
// key that does not match the value, an owned record whose writer is not its owner, bad names.
Result<SignedRecordPtr> decode_record(std::string wire);
bool verify_record(const SignedRecord& record, const PublicKey& writer_key);

}  // namespace sixpn
