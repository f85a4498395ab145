#include "flycast/core/replay_fields.h"

#include <algorithm>

#include "base/duration_text.h"
#include "flycast/core/http1_syntax.h"
#include "flycast/core/region_group.h"
#include "flycast/core/routing_wish.h"
#include "registry/core/record.h"
#include "registry/core/service_rules.h"

namespace sixpn::flycast {
namespace {

constexpr std::size_t kMaxShownText = 40;

std::string quoted(std::string_view text) {
  std::string shown = "'";
  for (char c : text.substr(0, kMaxShownText))
    shown += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  return shown + (text.size() > kMaxShownText ? "...'" : "'");
}

Result<void> set_regions(ReplayInstruction& instruction, std::string_view list) {
  do {
    std::size_t end = std::min(list.find(','), list.size());
    std::string_view region = trimmed(list.substr(0, end));
    if (!is_region_wish(region))
      return Error("region: " + quoted(region) +
                   " is neither three letters nor a group of regions");
    if (instruction.regions.size() == kMaxWishedRegions)
      return Error("region: more than " + std::to_string(kMaxWishedRegions));
    instruction.regions.emplace_back(region);
    list.remove_prefix(end);
    if (list.empty()) return {};
    list.remove_prefix(1);
  } while (true);
}

// Not more than that it is no bytes of a header: what is no machine is not found, and told so.
Result<void> set_machine(std::string& machine, std::string_view name, std::string_view value) {
  bool plain = std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
  if (!plain || value.empty() || value.size() > kMaxMachineText)
    return Error(std::string(name) + ": " + quoted(value) + " is no machine's id");
  machine = value;
  return {};
}

Result<void> set_app(ReplayInstruction& instruction, std::string_view value) {
  if (!is_dns_label(value)) return Error("app: " + quoted(value) + " is no app's name");
  instruction.app = value;
  return {};
}

Result<void> set_state(ReplayInstruction& instruction, std::string_view value) {
  if (value.size() > kMaxReplayState)
    return Error("state: more than " + std::to_string(kMaxReplayState) + " bytes");
  // It travels in a header of the replayed request.
  if (!is_field_value(value)) return Error("state: " + quoted(value) + " cannot stand in a header");
  instruction.state = value;
  return {};
}

Result<void> set_timeout(ReplayInstruction& instruction, std::string_view value) {
  auto timeout = parse_duration(value);
  if (!timeout || *timeout <= Duration::zero() || *timeout > kMaxReplayTimeout)
    return Error("timeout: expected a duration such as 10s or 800ms, at most " +
                 sixpn::to_string(kMaxReplayTimeout) + ", found " + quoted(value));
  instruction.timeout = *timeout;
  return {};
}

std::size_t size_of(const ReplayTransform& transform) {
  std::size_t bytes = transform.path.size();
  for (const std::string& name : transform.delete_headers) bytes += name.size();
  for (const FieldView& field : transform.set_headers)
    bytes += field.name.size() + field.value.size();
  return bytes;
}

Result<void> set_fallback(ReplayInstruction& instruction, std::string_view value) {
  if (value != "force_self" && value != "prefer_self")
    return Error("fallback: expected force_self or prefer_self, found " + quoted(value));
  instruction.fallback =
      value == "force_self" ? ReplayFallback::kForceSelf : ReplayFallback::kPreferSelf;
  return {};
}

}  // namespace

bool is_text_field(std::string_view name) {
  for (std::string_view each :
       {"region", "instance", "prefer_instance", "app", "state", "timeout", "fallback"})
    if (name == each) return true;
  return false;
}

Result<void> set_text_field(ReplayInstruction& instruction, std::string_view name,
                            std::string_view value) {
  if (name == "region") return set_regions(instruction, value);
  if (name == "instance") return set_machine(instruction.instance, name, value);
  if (name == "prefer_instance") return set_machine(instruction.prefer_instance, name, value);
  if (name == "app") return set_app(instruction, value);
  if (name == "state") return set_state(instruction, value);
  if (name == "timeout") return set_timeout(instruction, value);
  if (name == "fallback") return set_fallback(instruction, value);
  return Error(quoted(name) + " is no field of fly-replay");
}

Result<void> set_cache_pattern(ReplayCacheOrder& cache, std::string_view pattern) {
  const Error wrong(
      "cache pattern: expected a path such as /some/path/* or host/some/path/*, found " +
      quoted(pattern));
  std::size_t slash = pattern.find('/');
  if (slash == std::string_view::npos || pattern.size() > kMaxReplayHeader) return wrong;
  std::string_view host = pattern.substr(0, slash);
  for (char c : host) {
    bool of_a_name = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '.';
    if (!of_a_name) return wrong;
    cache.host += c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  }
  std::string_view path = pattern.substr(slash);
  if (path.ends_with("/*")) path.remove_suffix(2);
  while (path.ends_with('/')) path.remove_suffix(1);
  bool clean = std::all_of(path.begin(), path.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f && c != '*' && c != '?' && c != '#';
  });
  if (!clean) return wrong;
  cache.prefix = path;
  return {};
}

Result<void> set_cache_ttl(ReplayCacheOrder& cache, std::int64_t seconds) {
  auto least =
      std::chrono::duration_cast<std::chrono::seconds>(registry::kMinReplayCacheTtl).count();
  if (seconds < least)
    return Error("cache ttl: " + std::to_string(seconds) + " s is less than " +
                 std::to_string(least) + " s");
  auto most = std::chrono::duration_cast<std::chrono::seconds>(kMaxReplayCacheTtl).count();
  cache.ttl = std::chrono::seconds(std::min<std::int64_t>(seconds, most));
  return {};
}

Result<void> check_instruction(const ReplayInstruction& instruction) {
  const ReplayInstruction& i = instruction;
  if (size_of(i.transform) > kMaxTransformedBytes)
    return Error("transform: more than " + std::to_string(kMaxTransformedBytes) + " bytes");
  if (!i.instance.empty() && !i.prefer_instance.empty())
    return Error("instance and prefer_instance exclude each other");
  bool somewhere = !i.app.empty() || !i.regions.empty() || !i.instance.empty() ||
                   !i.prefer_instance.empty() || i.elsewhere;
  if (!somewhere && !i.cache.invalidate && i.transform.empty())
    return Error("it names neither app, region, instance, prefer_instance nor elsewhere");
  return {};
}

}  // namespace sixpn::flycast
