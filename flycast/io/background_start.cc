#include "flycast/io/background_start.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "base/io/clock.h"
#include "base/log.h"
#include "flycast/core/admission.h"
#include "flycast/core/retry.h"
#include "flycast/io/hop_call.h"
#include "registry/core/address.h"

namespace sixpn::flycast {
namespace {

class BackgroundStart : public Session, public std::enable_shared_from_this<BackgroundStart> {
 public:
  BackgroundStart(ProxyState& state, SessionId id, StartKey key, const Preamble& preamble,
                  std::vector<Sleeper> sleepers)
      : state_(state),
        id_(id),
        key_(std::move(key)),
        preamble_(preamble),
        sleepers_(std::move(sleepers)),
        retry_(state.options.retry, monotonic_now()) {}

  ~BackgroundStart() override {
    state_.commons.background_starts.with(
        [&](auto& all) { all.end(key_, started_, monotonic_now()); });
  }

  void on_departure() override { finish(false); }

  // Asks the best of those left; an owner may say no, because it was stopped minutes ago.
  void ask_next() {
    auto self = shared_from_this();
    auto next = choose_sleeper(sleepers_, state_.options.region);
    if (!next) return finish(false);
    Candidate candidate = std::move(sleepers_[*next].candidate);
    sleepers_.erase(sleepers_.begin() + static_cast<std::ptrdiff_t>(*next));
    preamble_.machine = candidate.machine;
    preamble_.last = sleepers_.empty() || asked_++ >= kMaxRestRefusals;
    ++state_.stats.background_starts;
    if (candidate.here) return start_here();
    start_elsewhere(candidate);
  }

 private:
  void start_here() {
    Admission admission = admit(state_.table, state_.options.self, preamble_);
    const auto* admitted = std::get_if<Admitted>(&admission);
    if (admitted == nullptr || state_.waker.refusal(preamble_, admitted->key)) return ask_next();
    if (!admitted->asleep) return finish(true);
    state_.waker.start_only(preamble_.machine, [weak = weak_from_this()](Result<void> outcome) {
      if (auto self = weak.lock()) self->on_answer(static_cast<bool>(outcome));
    });
  }

  void start_elsewhere(const Candidate& candidate) {
    Instant now = monotonic_now();
    ConnectRequest connect{host_address(state_.options.self),
                           SourceKind::kOwn,
                           {host_address(candidate.host), state_.options.hop_port},
                           retry_.attempt_timeout(candidate, false, now),
                           {}};
    HopRequest hop{connect, preamble_, -1, {}, retry_.wake_timeout(now)};
    call_ = std::make_unique<HopCall>(
        state_.loop, state_.commons.links, state_.rested_links, hop,
        [weak = weak_from_this()](HopOutcome outcome) {
          auto self = weak.lock();
          if (self) self->on_answer(outcome.reply && outcome.reply->status == HopStatus::kOk);
        });
  }

  void on_answer(bool started) {
    if (!started) return ask_next();
    finish(true);
  }

  // Last: it ends itself.
  void finish(bool started) {
    started_ = started;
    if (started)
      log::info("flycast", "started machine {} of {}: the others of {} are over their soft limit",
                to_string(preamble_.machine), key_.app, key_.region);
    state_.end(id_);
  }

  ProxyState& state_;
  SessionId id_;
  StartKey key_;
  Preamble preamble_;
  std::vector<Sleeper> sleepers_;
  Retry retry_;
  bool started_ = false;
  int asked_ = 0;
  std::unique_ptr<HopCall> call_;
};

}  // namespace

bool wants_another(const ServicePool& pool, std::string_view region, const Service& service,
                   Instant now) {
  if (!service.auto_start || service.soft_limit == 0) return false;
  auto members = pool.members();
  return std::all_of(members.begin(), members.end(), [&](const ServicePool::Member& one) {
    return one.candidate.region != region || one.load->estimate(now) >= service.soft_limit;
  });
}

void start_in_background(ProxyState& state, const Route& route, std::string_view region,
                         const IpEndpoint& client, const IpEndpoint& dialled) {
  std::vector<Sleeper> asleep = sleepers(state.table, route);
  std::erase_if(asleep, [&](const Sleeper& one) { return one.candidate.region != region; });
  bool starting =
      std::any_of(asleep.begin(), asleep.end(), [](const Sleeper& one) { return one.starting; });
  if (asleep.empty() || starting || state.open_everywhere() >= state.options.max_sessions) return;
  if (state.departing()) return;
  const AppRecord& app = route.app->app;
  std::uint16_t port = route.service->internal_port;
  StartKey key{app.network, app.name, port, std::string(region)};
  if (!state.commons.background_starts.with(
          [&](auto& all) { return all.begin(key, monotonic_now()); }))
    return;
  Preamble preamble{app.network, {}, client, dialled, port, Wake::kStart};
  SessionId id = state.next_id();
  auto session =
      std::make_shared<BackgroundStart>(state, id, std::move(key), preamble, std::move(asleep));
  state.keep(id, session);
  session->ask_next();
}

}  // namespace sixpn::flycast
