// What a well-formed record may say: names, ranges, addresses that fit their ids, bounds of every
// list. Applied to what this host writes and to what it receives alike. Who may write is the
// store's question.
#pragma once

#include "base/result.h"
#include "registry/core/record.h"

namespace sixpn::registry {

inline constexpr std::size_t kMaxEndpoints = 16;
inline constexpr std::size_t kMaxMetadata = 64;
inline constexpr std::size_t kMaxMetadataKeyBytes = 128;
inline constexpr std::size_t kMaxMetadataValueBytes = 1024;
inline constexpr std::size_t kMaxServices = 32;
inline constexpr std::size_t kMaxIdBytes = 160;
inline constexpr std::size_t kMaxCertificateBytes = 4096;
inline constexpr std::size_t kMaxStatementBytes = 1024;
inline constexpr std::size_t kMaxVersionBytes = 64;
inline constexpr std::size_t kTlsKeyBytes = 33;
// Of one interest record, so that it fits into a datagram. A host that uses more holds all.
inline constexpr std::size_t kMaxInterests = 192;

// Of an owned record: hosts count seconds. Room is left above for whoever must continue after it.
inline constexpr std::uint64_t kMaxRecordIncarnation = std::uint64_t{1} << 46;

// Errors: the first rule broken, as a sentence that names the field.
Result<void> check_record(const Record& record);

}  // namespace sixpn::registry
