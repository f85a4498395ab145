#include "flycast/core/replay_course.h"

#include <utility>

namespace sixpn::flycast {
namespace {

std::string listed(const std::vector<std::string>& regions) {
  std::string list;
  for (const std::string& region : regions) list += (list.empty() ? "" : ",") + region;
  return list;
}

RoutingWish wish_of(const ReplayInstruction& instruction, const AppName& target,
                    const Answerer& from) {
  RoutingWish wish;
  wish.app = target;
  wish.regions = instruction.regions;
  wish.only_regions = !instruction.regions.empty();
  wish.only_machine = !instruction.instance.empty();
  wish.machine = wish.only_machine ? instruction.instance : instruction.prefer_instance;
  if (instruction.elsewhere) wish.not_these.push_back(from.machine);
  return wish;
}

}  // namespace

void ReplayCourse::take_cached(RoutingWish wish) {
  wish_ = std::move(wish);
  cached_ = true;
}

bool ReplayCourse::leave_cached() {
  if (!std::exchange(cached_, false)) return false;
  wish_ = own_wish_;
  return true;
}

std::optional<ErrorCode> ReplayCourse::replay(const ReplayInstruction& instruction,
                                              const Answerer& from,
                                              const std::variant<AppName, ErrorCode>& target,
                                              bool request_kept, Now now) {
  if (is_fallback() || replays_ == kMaxReplays) return ErrorCode::kPA02;
  if (const auto* code = std::get_if<ErrorCode>(&target)) return *code;
  if (!request_kept) return ErrorCode::kPA01;
  const AppName& app = std::get<AppName>(target);
  ++replays_;
  cached_ = false;
  wish_ = wish_of(instruction, app, from);
  deadline_.reset();
  if (instruction.timeout) deadline_ = now.mono + *instruction.timeout;
  source_ = ReplaySource{from.machine, from.region, now.wall, instruction.state};
  transform_ = instruction.transform;
  step_ = {instruction.fallback, from, {}, now.mono};
  step_.target = {.instance = wish_.machine,
                  .app = app.app,
                  .region = listed(wish_.regions),
                  .source = from.machine};
  return std::nullopt;
}

bool ReplayCourse::fall_back(ReplayFailure reason, Now now) {
  if (is_fallback() || step_.fallback == ReplayFallback::kNone) return false;
  failed_ = step_.target;
  failed_->reason = reason;
  failed_->elapsed = now.mono - step_.began;
  wish_ = RoutingWish{};
  wish_.app = step_.from.app;
  wish_.machine = to_string(step_.from.machine);
  wish_.only_machine = step_.fallback == ReplayFallback::kForceSelf;
  deadline_.reset();
  source_.reset();
  transform_ = {};
  return true;
}

void ReplayCourse::apply(RequestHead& request, MachineId machine) const {
  apply_transform(transform_, request);
  HeaderList& fields = request.fields;
  if (source_) fields.set("fly-replay-src", replay_src(*source_));
  if (failed_) fields.set("fly-replay-failed", replay_failed(*failed_));
  if (auto wanted = missed(wish_, machine))
    fields.set("fly-preferred-instance-unavailable", *wanted);
  if (!cached_ && replays_ == 0) return;
  CacheStatus status = bypassed_ ? CacheStatus::kBypass : CacheStatus::kMiss;
  fields.set("fly-replay-cache-status", to_string(cached_ ? CacheStatus::kHit : status));
}

}  // namespace sixpn::flycast
