#include "flycast/core/http_replay.h"

#include <utility>

namespace sixpn::flycast {

HttpReplay::HttpReplay(const AppName& dialled, const std::vector<ReplayCacheRule>& rules,
                       const RequestHead& request, ReplayCache& cache, Instant now)
    : dialled_(dialled), rules_(rules), course_(read_wish(request.fields)) {
  auto found = cache.find(cache_request(request), now);
  if (found.status == CacheStatus::kHit) course_.take_cached(std::move(found.wish));
  if (found.status == CacheStatus::kBypass) course_.bypass_cache();
}

CacheRequest HttpReplay::cache_request(const RequestHead& request) const {
  const RequestHead& said = original_ ? *original_ : request;
  return {dialled_, said.host, said.target, said.fields, rules_};
}

void HttpReplay::address(RequestHead& request, MachineId machine) {
  if (is_plain()) return;
  if (!original_) original_ = request;
  request.target = original_->target;
  request.host = original_->host;
  request.fields = original_->fields;
  course_.apply(request, machine);
}

bool HttpReplay::takes(const ResponseHead& head) {
  form_ = replay_form(head.fields);
  if (form_ == ReplayForm::kNone) return false;
  head_ = head.fields;
  body_.clear();
  read_ = 0;
  return true;
}

bool HttpReplay::on_piece(std::string_view piece) {
  read_ += piece.size();
  // One byte more, for parse_replay_json to see that it is too long.
  if (form_ == ReplayForm::kJson) body_.append(piece.substr(0, kMaxReplayBody + 1 - body_.size()));
  return read_ <= kMaxReplayBody;
}

std::variant<AppName, ErrorCode> HttpReplay::find_target(const std::string& name,
                                                         const AppName& from,
                                                         const Desk& desk) const {
  if (name.empty() || name == from.app) return from;
  if (desk.snapshot == nullptr) return ErrorCode::kPE01;
  return find_replay_target(*desk.snapshot, desk.reach, from, name);
}

std::optional<HttpReplay::Failure> HttpReplay::on_end(MachineId from, std::string_view region,
                                                      bool request_kept, const RequestHead& request,
                                                      const Desk& desk, Now now) {
  auto parsed = parse_replay(head_, std::exchange(form_, ReplayForm::kNone), body_);
  body_ = {};
  if (!parsed) return Failure{ErrorCode::kPA03, parsed.error().message};
  const Answerer answerer{wish().app.value_or(dialled_), from, std::string(region)};
  bool first = course_.replays() == 0 && !course_.is_cached();
  auto target = find_target(parsed->app, answerer.app, desk);
  if (auto code = course_.replay(*parsed, answerer, target, request_kept, now))
    return Failure{*code, parsed->app.empty() ? "" : "app " + parsed->app};
  if (parsed->cache.invalidate) desk.cache.invalidate(cache_request(request));
  // One level: what a target orders in turn is not kept for those who dialled another app.
  if (first) desk.cache.keep(cache_request(request), *parsed, course_.wish(), now.mono);
  return std::nullopt;
}

bool HttpReplay::on_no_machine(bool had_candidates, const RequestHead& request, ReplayCache& cache,
                               Now now) {
  if (course_.leave_cached()) {
    cache.invalidate(cache_request(request));
    return true;
  }
  ReplayFailure reason =
      had_candidates ? ReplayFailure::kRetriesExhausted : ReplayFailure::kNoCandidate;
  if (deadline() && now.mono >= *deadline()) reason = ReplayFailure::kTimeout;
  return course_.fall_back(reason, now);
}

}  // namespace sixpn::flycast
