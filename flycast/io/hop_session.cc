#include "flycast/io/hop_session.h"

#include <algorithm>
#include <cerrno>
#include <optional>

#include "base/io/clock.h"
#include "base/log.h"
#include "flycast/core/preamble.h"
#include "flycast/io/frame_reader.h"
#include "flycast/io/hop_exchange.h"
#include "flycast/io/machine_call.h"
#include "flycast/io/machine_drain.h"
#include "flycast/io/sockets.h"

namespace sixpn::flycast {
namespace {

// How often within hop_silence the other proxy's silence is looked at during an exchange.
constexpr int kSilenceChecks = 3;

class HopSession : public Session, public std::enable_shared_from_this<HopSession> {
 public:
  HopSession(ProxyState& state, SessionId id, Fd hop, HostId from)
      : state_(state), id_(id), hop_(std::move(hop)), from_(from), deadline_(state.loop, [this] {
          on_deadline();
        }) {}

  ~HopSession() override { leave_silent(); }

  // What waits here is to be asked for again.
  void on_departure() override {
    if (reader_ && reader_->is_untouched()) {
      reader_.reset();
      return pass_on();
    }
    if (!call_ || !call_->is_waiting()) return;
    call_.reset();
    refuse(HopStatus::kNotReady);
  }

  // The client's proxy goes elsewhere, with the client's first bytes: the refusal says that no
  // machine got them.
  void on_stop() override {
    if (hop_ && reply(HopStatus::kBusy, 0)) allow_clean_close(hop_.get());
    if (hop_) discard_input(hop_.get());
  }

  [[nodiscard]] bool is_quiet() const override { return !hop_ || !has_input(hop_.get()); }

  // Whoever asked, and what it waits for, is gone.
  [[nodiscard]] bool deals_with(HostId host) const override { return host == from_; }
  void on_host_dead(HostId host) override {
    if (deals_with(host)) state_.end(id_);
  }

  // `first`: what was read of the preamble already.
  void await_preamble(std::string first = {}) {
    deadline_.arm_after(state_.options.preamble_timeout);
    reader_.emplace(
        state_.loop, hop_.get(),
        [weak = weak_from_this()](Result<std::string> body) {
          if (auto self = weak.lock()) self->on_frame(std::move(body));
        },
        std::move(first));
    state_.add_silent_hop(waits_among(), from_, id_);
  }

 private:
  void on_deadline() {
    if (!exchange_) {
      ++state_.stats.hops_malformed;
      return state_.end(id_);
    }
    if (is_unanswered(exchange_->hop(), state_.options.hop_silence)) return state_.end(id_);
    Instant now = monotonic_now();
    HopExchange::Look look = exchange_->look_at_machine(now);
    if (look.silent) state_.on_silent_machine(end_);
    deadline_.arm_at(std::min(look.next, now + state_.options.hop_silence / kSilenceChecks));
  }

  void on_frame(Result<std::string> body) {
    deadline_.cancel();
    ahead_ = reader_->take_rest();
    leave_silent();
    if (!body && body.error().code == ENODATA) return on_unused();
    if (!body) return on_malformed(body.error());
    auto preamble = decode_preamble(*body);
    if (!preamble) return on_malformed(preamble.error());
    if (!ahead_.empty() && !preamble->ahead)
      return on_malformed(Error("bytes behind a hop frame", EPROTO));
    on_preamble(*preamble);
  }

  void leave_silent() {
    waits_among().with([this](SilentHops& silent) { silent.remove(from_, id_); });
  }
  [[nodiscard]] Guarded<SilentHops>& waits_among() {
    return has_served_ ? state_.commons.resting : state_.commons.silent;
  }

  // The other side kept it in reserve, and does no longer.
  void on_unused() {
    ++state_.stats.hops_unused;
    allow_clean_close(hop_.get());
    state_.end(id_);
  }

  void on_malformed(const Error& error) {
    ++state_.stats.hops_malformed;
    if (auto held_back = state_.limit_log.pass(monotonic_now()))
      log::warn("flycast", "reset a hop connection of host {}: {}", to_string(from_),
                error.message);
    state_.end(id_);
  }

  // It is told of silent machines from here on, and is no session.
  void on_listener() {
    if (reply(HopStatus::kOk, 0)) state_.commons.first.add_listener(from_, std::move(hop_));
    state_.end(id_);
  }

  void on_preamble(const Preamble& preamble) {
    nonce_ = preamble.nonce;
    if (state_.departing()) return refuse(HopStatus::kNotReady);
    if (preamble.listens) return on_listener();
    if (!take_share()) return on_over_share();
    MachineRequest request;
    request.preamble = preamble;
    request.asked_by = from_;
    if (auto asking = remote_endpoint(hop_.get())) request.hop_port = asking->port;
    request.speaker = hop_.get();
    request.for_relay = true;
    request.fresh = preamble.fresh;
    request.connect_timeout = state_.options.retry.connect_timeout;
    if (preamble.connect_limit.count() != 0)
      request.connect_timeout = std::min<Duration>(request.connect_timeout, preamble.connect_limit);
    request.waited_timeout = request.connect_timeout;
    request.wake_until = monotonic_now() + state_.options.retry.deadline;
    request.is_wanted = [this] { return !is_reset(hop_.get()); };
    call_.emplace(state_, std::move(request), [weak = weak_from_this()](MachineOutcome outcome) {
      if (auto self = weak.lock()) self->on_machine(std::move(outcome));
    });
    call_->start();
  }

  // What this host's own proxy, in whose place this one is, asks for is its clients'.
  bool take_share() {
    if (from_ == state_.options.self) return true;
    auto ticket = state_.commons.host_shares.admit(from_, state_.left());
    if (ticket) tickets_.asker = std::move(*ticket);
    return ticket.has_value();
  }

  void on_over_share() {
    ++state_.stats.over_host_share;
    if (auto held_back = state_.share_log.pass(monotonic_now()))
      log::warn(
          "flycast",
          "sent a connection of host {} elsewhere: it has {} of {} here, {} are left ({} more "
          "such lines were held back)",
          to_string(from_), state_.commons.host_shares.open(from_), state_.options.max_sessions,
          state_.left(), *held_back);
    refuse(HopStatus::kBusy);
  }

  void on_machine(MachineOutcome outcome) {
    end_ = outcome.end;
    keep_as_ = std::move(outcome.keep_as);
    if (outcome.status != HopStatus::kOk) {
      if (is_reset(hop_.get())) return state_.end(id_);  // who asked has gone
      return refuse(outcome.status, outcome.error);
    }
    tickets_.admission = std::move(outcome.admission);
    if (outcome.kept) return begin_exchange(std::move(outcome.kept));
    if (!outcome.stream) return answer_and_close(HopStatus::kOk);  // it was only to be started
    state_.commons.view.with([&](ServiceView& view) {
      view.loads.entry(end_.service, monotonic_now())->on_connected();
    });
    if (keep_as_)
      return begin_exchange(
          std::make_unique<HttpStream>(state_, std::move(outcome.stream), nullptr));
    if (!reply(HopStatus::kOk, 0)) return state_.end(id_);
    ++state_.stats.hops_admitted;
    RelayStreams streams{id_, std::move(hop_), std::move(outcome.stream)};
    streams.client_host = from_;
    streams.machine_is_bare = true;
    state_.relay(std::move(streams), std::move(tickets_), end_);
  }

  void begin_exchange(std::unique_ptr<HttpStream> machine) {
    if (!reply(HopStatus::kOk, 0)) return state_.end(id_);
    ++state_.stats.hops_admitted;
    reader_.reset();
    has_served_ = true;
    exchange_ = std::make_shared<HopExchange>(
        state_, std::move(hop_), std::move(machine), *keep_as_,
        [weak = weak_from_this()](std::optional<HopExchange::Over> over) {
          if (auto self = weak.lock()) self->on_over(std::move(over));
        });
    deadline_.arm_after(kSilenceLook);
    exchange_->start(std::exchange(ahead_, {}));
  }

  // What the other proxy says next is for the one that takes this one's place.
  void pass_on() {
    state_.commons.first.pass_hop(std::move(hop_));
    state_.end(id_);
  }

  // Last: the session ends, or awaits the next preamble. Its place at the machine is free.
  void on_over(std::optional<HopExchange::Over> over) {
    auto ended = std::move(exchange_);
    SessionTickets tickets = std::exchange(tickets_, {});
    if (over && over->untaken)
      start_machine_drain(state_, std::move(over->untaken), *keep_as_, std::move(tickets));
    tickets = {};
    if (!over) return state_.end(id_);
    hop_ = std::move(over->hop);
    if (state_.departing() && over->first.empty()) return pass_on();
    await_preamble(std::move(over->first));
  }

  void refuse(HopStatus status, int connect_errno = 0) {
    ++state_.stats.hops_refused;
    answer_and_close(status, connect_errno);
  }

  void answer_and_close(HopStatus status, int connect_errno = 0) {
    if (reply(status, connect_errno)) allow_clean_close(hop_.get());
    discard_input(hop_.get());  // unread, it would make a reset of the close, behind the reply
    state_.end(id_);
  }

  bool reply(HopStatus status, int connect_errno) {
    const ServiceKey& key = end_.service;
    HopReply reply{status, state_.commons.admissions.open(key), connect_errno,
                   state_.commons.admissions.length(key), state_.commons.next_sequence()};
    reply.exchange = status == HopStatus::kOk && keep_as_;
    reply.tells = reply.takes_ahead = true;
    reply.nonce = nonce_;
    return send_whole(hop_.get(), encode_reply(reply));
  }

  ProxyState& state_;
  SessionId id_;
  Fd hop_;
  HostId from_;
  LoopTimer deadline_;
  std::optional<FrameReader> reader_;
  std::string ahead_;  // what was read behind the preamble: of an exchange
  std::optional<MachineCall> call_;
  std::shared_ptr<HopExchange> exchange_;     // while there is one; it has the stream
  std::uint64_t nonce_ = 0;                   // the preamble's
  MachineEnd end_;                            // nobody's until a machine is admitted to
  std::optional<KeptMachines::Key> keep_as_;  // the preamble asked for an exchange, and gets one
  bool has_served_ = false;                   // an exchange: where it waits for the next, it rests
  SessionTickets tickets_;
};

}  // namespace

void start_hop_session(ProxyState& state, Fd hop, HostId from) {
  SessionId id = state.next_id();
  auto session = std::make_shared<HopSession>(state, id, std::move(hop), from);
  state.keep(id, session);
  session->await_preamble();
}

}  // namespace sixpn::flycast
