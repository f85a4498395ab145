// ReplayInstruction: what an app asks of the proxy instead of answering a request: fly-replay, as a
// response header or as a JSON body of type application/vnd.fly.replay+json (fly.md 4.5). Parsing
// alone: who may be replayed to is decided by replay_reach.h, what then happens by replay_course.h.
//
// It comes from a machine, so from outside: every fault is an Error that says what is wrong where,
// which the proxy reports as PA03. Pure; sizes are bounded by the constants here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "flycast/core/header_list.h"

namespace sixpn::flycast {

inline constexpr std::size_t kMaxReplayHeader = 4096;       // bytes of the header's value
inline constexpr std::size_t kMaxReplayBody = 64 * 1024;    // bytes of the JSON form
inline constexpr std::size_t kMaxReplayState = 2048;        // bytes
inline constexpr std::size_t kMaxTransformedHeaders = 64;   // set and deleted, each
inline constexpr std::size_t kMaxTransformedBytes = 16384;  // path, names and values together
inline constexpr Duration kMaxReplayCacheTtl = std::chrono::hours(24);
inline constexpr Duration kMaxReplayTimeout = std::chrono::minutes(10);

// Where a request goes when its replay finds no machine.
enum class ReplayFallback : std::uint8_t {
  kNone,        // nowhere: the client gets the error
  kForceSelf,   // to the machine that replayed it, or nowhere
  kPreferSelf,  // to that machine, or another of its app
};

// Changes to the request for the one that it is replayed to.
struct ReplayTransform {
  std::string path;  // path and query in place of the request's; "": unchanged
  std::vector<std::string> delete_headers;
  HeaderList set_headers;
  [[nodiscard]] bool empty() const {
    return path.empty() && delete_headers.empty() && set_headers.empty();
  }
  friend bool operator==(const ReplayTransform&, const ReplayTransform&) = default;
};

// What shall be kept for later requests.
struct ReplayCacheOrder {
  std::string host;    // of the pattern, in lower case; "": the request's own
  std::string prefix;  // path without the "/*" at its end; "" with a ttl: everything
  Duration ttl{};      // zero: nothing is to be kept
  bool invalidate = false;
  bool allow_bypass = false;
  friend bool operator==(const ReplayCacheOrder&, const ReplayCacheOrder&) = default;
};

struct ReplayInstruction {
  std::string app;                   // "": the same
  std::vector<std::string> regions;  // codes and groups, in order; none but these
  std::string instance;              // as named; "": any
  std::string prefer_instance;
  std::string state;
  bool elsewhere = false;
  std::optional<Duration> timeout;
  ReplayFallback fallback = ReplayFallback::kNone;
  ReplayTransform transform;
  ReplayCacheOrder cache;
  friend bool operator==(const ReplayInstruction&, const ReplayInstruction&) = default;
};

// In which form a response carries an instruction. A fly-replay header wins over a body.
enum class ReplayForm : std::uint8_t { kNone, kHeader, kJson };
ReplayForm replay_form(const HeaderList& response);

// The header's value: `region=ams`, `region="iad,ord";app=other`. Fields end at semicolons; where
// there is none outside quotes, also at a comma before the name of another field, as some guides
// write them. A list of regions must be quoted.
Result<ReplayInstruction> parse_replay_header(std::string_view value);
// The JSON form. Members that are not documented are errors: a misspelt one must not be lost.
Result<ReplayInstruction> parse_replay_json(std::string_view body);
// What fly-replay-cache, fly-replay-cache-ttl-secs and fly-replay-cache-allow-bypass say beside
// the header form.
Result<ReplayCacheOrder> parse_replay_cache(const HeaderList& response);

// Of a response in `form`, its body where that is kJson: header and cache headers, or JSON.
Result<ReplayInstruction> parse_replay(const HeaderList& response, ReplayForm form,
                                       std::string_view body);

// Why an instruction cannot be kept in a cache, in words; "" when it can.
std::string_view uncachable(const ReplayInstruction& instruction);

}  // namespace sixpn::flycast
