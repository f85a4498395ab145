// What a replayed request says to the machine that gets it: fly-replay-src, fly-replay-failed,
// fly-preferred-instance-unavailable, fly-replay-cache-status, and the changes that the replaying
// app asked for (fly.md 4.5); and what such changes may be. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/time.h"
#include "flycast/core/http_message.h"
#include "flycast/core/replay_instruction.h"

namespace sixpn::flycast {

// Whether a transform may set or delete it: what frames the message and what the proxy alone says
// is not the app's to change.
bool may_transform(std::string_view name);
// A path and perhaps a query (RFC 9112 section 3.2.1), without what would end a request line.
bool is_request_path(std::string_view text);

// Fields deleted, then set, Host too; the path, if there is one, in place of the target.
void apply_transform(const ReplayTransform& transform, RequestHead& request);

// The machine that replayed a request, when, and with what state.
struct ReplaySource {
  MachineId machine;
  std::string region;  // of the machine
  WallTime time{};
  std::string state;
  friend bool operator==(const ReplaySource&, const ReplaySource&) = default;
};
// "instance=148e21dad76789;region=iad;t=1469918176385000;state=..."; t in microseconds of Unix
// time, state only where there is one, last and as it is.
std::string replay_src(const ReplaySource& source);

// Why a replay found no machine.
enum class ReplayFailure : std::uint8_t { kTimeout, kRetriesExhausted, kNoCandidate };
std::string_view to_string(ReplayFailure failure);  // "retries_exhausted"

struct FailedReplay {
  std::string instance, app, region;  // that it was for; "" where it named none
  MachineId source;
  ReplayFailure reason{};
  Duration elapsed{};
};
// "instance=...;app=...;region=...;replay_source=...;reason=timeout;elapsed_ms=10000"
std::string replay_failed(const FailedReplay& failed);

// How a cache took part in a request; not said when it was not replayed.
enum class CacheStatus : std::uint8_t { kNone, kMiss, kHit, kBypass };
std::string_view to_string(CacheStatus status);  // "miss"; "" of kNone

}  // namespace sixpn::flycast
