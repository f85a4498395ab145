// What a well-formed service may say: ranges, names, bounds of every list. Part of record_rules.h,
// which applies it to what this host writes and to what it receives alike; config/ uses the same
// bounds for its messages. Pure.
#pragma once

#include <string_view>

#include "base/result.h"
#include "registry/core/service.h"

namespace sixpn::registry {

inline constexpr std::size_t kMaxPortsPerService = 64;
inline constexpr std::size_t kMaxHandlersPerPort = 8;
inline constexpr std::size_t kMaxGroupsPerService = 32;
inline constexpr std::size_t kMaxChecksPerService = 16;
inline constexpr std::size_t kMaxAppChecks = 16;  // beside those of its services
inline constexpr std::size_t kMaxCheckNameBytes = 63;
inline constexpr std::size_t kMaxHeadersPerCheck = 16;
inline constexpr std::size_t kMaxCommandWords = 32;
inline constexpr std::size_t kMaxHeaderEdits = 32;
inline constexpr std::size_t kMaxHeaderEditValues = 8;
inline constexpr std::size_t kMaxReplayCacheRules = 16;
inline constexpr std::size_t kMaxAlpn = 8;
inline constexpr std::size_t kMaxAlpnBytes = 255;          // RFC 7301 section 3.1
inline constexpr std::size_t kMaxServiceTextBytes = 1024;  // a path, a header's value, a word
inline constexpr Duration kMinCheckTime = std::chrono::seconds(1);
inline constexpr Duration kMaxCheckTime = std::chrono::seconds(60);
// Of the app's own checks (Fly's bounds, where it has any).
inline constexpr Duration kMinAppCheckInterval = std::chrono::seconds(2);
inline constexpr Duration kMinAppCheckTimeout = std::chrono::milliseconds(1);
inline constexpr Duration kMaxAppCheckTime = std::chrono::hours(1);
inline constexpr Duration kMinReplayCacheTtl = std::chrono::seconds(10);
inline constexpr Duration kMaxServiceTime = std::chrono::hours(24);

// A header's name: an RFC 9110 token.
bool is_header_name(std::string_view name);
// A header's value as we may write it: visible ASCII, blanks and tabs inside, UTF-8's bytes.
bool is_header_value(std::string_view value);
// A path with an optional query, in origin form: begins with '/', visible ASCII only.
bool is_request_path(std::string_view path);

// The name of a check: 1 to 63 letters, digits and "-_.".
bool is_check_name(std::string_view name);

// Errors: the first rule broken, as a sentence.
Result<void> check_service(const Service& service);
Result<void> check_app_check(const AppCheck& check);

}  // namespace sixpn::registry
