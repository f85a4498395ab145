#include "flycast/core/replay_headers.h"

#include <algorithm>

#include "flycast/core/header_rules.h"

namespace sixpn::flycast {

bool may_transform(std::string_view name) {
  return may_edit(name) && !is_proxys_own(name);
}

bool is_request_path(std::string_view text) {
  return text.starts_with('/') && std::all_of(text.begin(), text.end(), [](char c) {
           return c > 0x20 && c < 0x7f && c != '#';
         });
}

void apply_transform(const ReplayTransform& transform, RequestHead& request) {
  if (!transform.path.empty()) request.target = transform.path;
  for (const std::string& name : transform.delete_headers) request.fields.remove(name);
  for (const FieldView& field : transform.set_headers) {
    if (same_name(field.name, "host"))
      request.host = field.value;
    else
      request.fields.set(field.name, field.value);
  }
}

std::string replay_src(const ReplaySource& source) {
  std::string text = "instance=" + to_string(source.machine) + ";region=" + source.region +
                     ";t=" + std::to_string(unix_ms(source.time) * 1000);
  if (!source.state.empty()) text += ";state=" + source.state;
  return text;
}

std::string_view to_string(ReplayFailure failure) {
  switch (failure) {
    case ReplayFailure::kTimeout:
      return "timeout";
    case ReplayFailure::kRetriesExhausted:
      return "retries_exhausted";
    case ReplayFailure::kNoCandidate:
      return "no_candidate";
  }
  return "unknown";
}

std::string replay_failed(const FailedReplay& failed) {
  auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(failed.elapsed).count();
  std::string text = "instance=" + failed.instance + ";app=" + failed.app +
                     ";region=" + failed.region + ";replay_source=" + to_string(failed.source);
  return text.append(";reason=")
      .append(to_string(failed.reason))
      .append(";elapsed_ms=")
      .append(std::to_string(elapsed));
}

std::string_view to_string(CacheStatus status) {
  switch (status) {
    case CacheStatus::kNone:
      return "";
    case CacheStatus::kMiss:
      return "miss";
    case CacheStatus::kHit:
      return "hit";
    case CacheStatus::kBypass:
      return "bypass";
  }
  return "unknown";
}

}  // namespace sixpn::flycast
