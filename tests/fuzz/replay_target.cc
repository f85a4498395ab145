// What apps order and clients wish: fly-replay in both forms, its cache, the headers that route.
#include <string>

#include "flycast/core/http1_head.h"
#include "flycast/core/replay_cache.h"
#include "flycast/core/replay_course.h"
#include "flycast/core/routing_wish.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sixpn::fuzz {
namespace {

using namespace sixpn::flycast;

constexpr NetworkId kNetwork{1};
constexpr MachineId kMachine{0x148e21dad76789};

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// The header form of an instruction that has one.
std::string header_of(const ReplayInstruction& i) {
  std::string regions;
  for (const std::string& region : i.regions) regions += (regions.empty() ? "" : ",") + region;
  std::string text = i.elsewhere ? "elsewhere=true" : "elsewhere=false";
  if (!regions.empty()) text += ";region=" + quoted(regions);
  if (!i.instance.empty()) text += ";instance=" + i.instance;
  if (!i.prefer_instance.empty()) text += ";prefer_instance=" + i.prefer_instance;
  if (!i.app.empty()) text += ";app=" + i.app;
  if (i.timeout) text += ";timeout=" + std::to_string(i.timeout->count()) + "us";
  if (i.fallback == ReplayFallback::kForceSelf) text += ";fallback=force_self";
  if (i.fallback == ReplayFallback::kPreferSelf) text += ";fallback=prefer_self";
  return text + ";state=" + quoted(i.state);
}

// Whatever an app orders, what the next machine is sent is one request, the one that was meant.
void check_course(const ReplayInstruction& instruction) {
  const AppName app{kNetwork, "web"};
  ReplayCourse course({});
  auto error = course.replay(instruction, {app, kMachine, "iad"}, app, true, Now{});
  SIXPN_PROMISE(!error);
  RequestHead head;
  head.method = "GET";
  head.target = "/a?b";
  head.host = "web.flycast";
  head.fields = {{"Cookie", "a=b"}};
  for (int step = 0; step < 2; ++step) {
    RequestHead sent = head;
    course.apply(sent, MachineId{5});
    std::string wire;
    write_request_head(sent, wire);
    RequestHead received;
    SIXPN_PROMISE(!parse_request_head(wire, received));
    SIXPN_PROMISE(received == sent);
    SIXPN_PROMISE(step == 1 || sent.fields.contains("fly-replay-src"));
    bool fell = course.fall_back(ReplayFailure::kTimeout, Now{});
    SIXPN_PROMISE(fell == (step == 0 && instruction.fallback != ReplayFallback::kNone));
    if (!fell) return;
  }
}

void check_instruction(const ReplayInstruction& instruction) {
  SIXPN_PROMISE(instruction.state.size() <= kMaxReplayState);
  SIXPN_PROMISE(instruction.regions.size() <= kMaxWishedRegions);
  SIXPN_PROMISE(instruction.transform.delete_headers.size() <= kMaxTransformedHeaders);
  SIXPN_PROMISE(instruction.transform.set_headers.size() <= kMaxTransformedHeaders);
  check_course(instruction);
}

void header_form(std::string_view value) {
  auto parsed = parse_replay_header(value);
  if (!parsed) {
    SIXPN_PROMISE(!parsed.error().message.empty());
    return;
  }
  check_instruction(*parsed);
  std::string anew = header_of(*parsed);
  if (anew.size() > kMaxReplayHeader) return;
  auto again = parse_replay_header(anew);
  SIXPN_PROMISE(again && *again == *parsed);
}

void json_form(std::string_view body) {
  auto parsed = parse_replay_json(body);
  if (!parsed) {
    SIXPN_PROMISE(!parsed.error().message.empty());
    return;
  }
  check_instruction(*parsed);
}

// Lines: a host, a path, a cookie field, a pattern. What is kept for a request is found by it, and
// after it is invalidated no more.
void cache(std::string_view bytes) {
  std::string_view lines[4];
  for (auto& line : lines) {
    std::size_t end = std::min(bytes.find('\n'), bytes.size());
    line = bytes.substr(0, end);
    bytes.remove_prefix(std::min(end + 1, bytes.size()));
  }
  const HeaderList headers{{"cookie", lines[2]}};
  const std::vector<ReplayCacheRule> rules = {
      {"/", std::chrono::seconds(10), false, "s", false},
      {"/a", std::chrono::seconds(10), true, "cookie", true},
  };
  CacheRequest request{{kNetwork, "web"}, lines[0], lines[1], headers, rules};
  ReplayInstruction instruction;
  auto order =
      parse_replay_cache({{"fly-replay-cache", lines[3]}, {"fly-replay-cache-ttl-secs", "10"}});
  if (order) instruction.cache = *order;
  ReplayCache kept({.bytes = 20000, .bytes_per_app = 10000});
  bool refused = !kept.keep(request, instruction, {}, Instant{}).empty();
  bool found = kept.find(request, Instant{}).status == CacheStatus::kHit;
  bool ordered = order && order->ttl != Duration::zero() && !refused;
  if (ordered && lines[3].size() + lines[0].size() < 5000) SIXPN_PROMISE(found);
  SIXPN_PROMISE(kept.bytes() <= 10000 && (found || kept.size() == 0));
  kept.invalidate(request);
  SIXPN_PROMISE(kept.find(request, Instant{}).status == CacheStatus::kNone);
}

void wish(std::string_view value) {
  for (const char* name : {"fly-prefer-region", "fly-force-region", "fly-prefer-instance-id",
                           "fly-force-instance-id"}) {
    RoutingWish read = read_wish({{name, value}});
    SIXPN_PROMISE(read.regions.size() <= kMaxWishedRegions);
    auto tier = tier_of(read, kMachine, "iad");
    bool forced = read.only_regions || read.only_machine;
    SIXPN_PROMISE(forced ? !tier || *tier > 0 : tier.has_value());
  }
}

}  // namespace

// The first byte says which of them the rest is.
void replay(std::string_view bytes) {
  if (bytes.empty()) return;
  auto choice = static_cast<unsigned char>(bytes[0]) % 4;
  bytes.remove_prefix(1);
  if (choice == 0) return header_form(bytes);
  if (choice == 1) return json_form(bytes);
  if (choice == 2) return cache(bytes);
  wish(bytes);
}

}  // namespace sixpn::fuzz
