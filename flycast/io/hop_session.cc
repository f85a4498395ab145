#include "flycast/io/hop_session.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/io/clock.h"
#include "base/log.h"
#include "flycast/core/hop_frame.h"
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
// Read at once where a preamble is awaited: it, and what comes behind it.
constexpr std::size_t kMostWithPreamble = 64 * 1024;

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
      return pass_on(std::move(hop_));
    }
    if (rests() && next_.untouched()) return pass_on(stream_->release());
    if (!call_ || !call_->is_waiting()) return;
    call_.reset();
    refuse(HopStatus::kNotReady);
  }

  // The client's proxy goes elsewhere, with the client's first bytes: the refusal says that no
  // machine got them.
  void on_stop() override {
    if (hop() < 0) return;
    if (reply(HopStatus::kBusy, 0)) allow_clean_close(hop());
    discard_input(hop());
  }

  [[nodiscard]] bool is_quiet() const override {
    if (stream_) return stream_->is_quiet();
    return !hop_ || !has_input(hop_.get());
  }

  // Whoever asked, and what it waits for, is gone.
  [[nodiscard]] bool deals_with(HostId host) const override { return host == from_; }
  void on_host_dead(HostId host) override {
    if (deals_with(host)) state_.end(id_);
  }

  // Its first, and nothing behind it is read: it may be for a machine.
  void await_preamble() {
    deadline_.arm_after(state_.options.preamble_timeout);
    reader_.emplace(state_.loop, hop_.get(), [weak = weak_from_this()](Result<std::string> body) {
      if (auto self = weak.lock()) self->on_frame(std::move(body));
    });
    state_.add_silent_hop(state_.commons.silent, from_, id_);
  }

 private:
  // The stream, but during an exchange; -1: it has gone on.
  [[nodiscard]] int hop() const { return stream_ ? stream_->fd() : hop_.get(); }
  // Behind an exchange, it awaits the next one's preamble.
  [[nodiscard]] bool rests() const { return stream_ && !call_; }

  // `first`: what was read of it already.
  void await_next(std::string first) {
    call_.reset();
    next_ = {};
    deadline_.arm_after(state_.options.preamble_timeout);
    state_.add_silent_hop(state_.commons.resting, from_, id_);
    stream_->set_ready([weak = weak_from_this()] {
      if (auto self = weak.lock()) self->read_next();
    });
    if (first.empty() && !stream_->readable()) return;
    // In a turn of its own: who sends many at once shall not have them all within each other.
    stream_->unread(first);
    boost::asio::post(state_.loop.context(), [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->read_next();
    });
  }

  void read_next() {
    std::string_view bytes;
    while (rests() && stream_->readable()) {
      switch (stream_->read(bytes, kMostWithPreamble)) {
        case HttpStream::Got::kNothing:
          return;
        case HttpStream::Got::kEnd:
          return on_frame(Error("the connection ended", next_.untouched() ? ENODATA : ECONNRESET));
        case HttpStream::Got::kReset:
          return on_frame(Error("the connection was reset", ECONNRESET));
        case HttpStream::Got::kBytes:
          break;
      }
      auto body = next_.take(bytes);
      ahead_ = bytes;
      if (body) return on_frame(std::move(*body));
    }
  }

  void on_deadline() {
    if (!exchange_) {
      ++state_.stats.hops_malformed;
      return state_.end(id_);
    }
    if (!exchange_->has_said()) {
      exchange_->say();
      return deadline_.arm_after(kSilenceLook);
    }
    if (is_unanswered(exchange_->hop(), state_.options.hop_silence)) return state_.end(id_);
    Instant now = monotonic_now();
    HopExchange::Look look = exchange_->look_at_machine(now);
    if (look.silent) state_.on_silent_machine(end_);
    deadline_.arm_at(std::min(look.next, now + state_.options.hop_silence / kSilenceChecks));
  }

  void on_frame(Result<std::string> body) {
    deadline_.cancel();
    if (stream_) stream_->set_ready(nullptr);
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
    auto& among = stream_ ? state_.commons.resting : state_.commons.silent;
    among.with([this](SilentHops& silent) { silent.remove(from_, id_); });
  }

  // The other side kept it in reserve, and does no longer.
  void on_unused() {
    ++state_.stats.hops_unused;
    allow_clean_close(hop());
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
    if (reply(HopStatus::kOk, 0))
      state_.commons.first.add_listener(from_, stream_ ? stream_->release() : std::move(hop_));
    state_.end(id_);
  }

  void on_preamble(const Preamble& preamble) {
    nonce_ = preamble.nonce;
    is_whole_ = preamble.whole;
    if (state_.departing()) return refuse(HopStatus::kNotReady);
    if (preamble.listens) return on_listener();
    if (!take_share()) return on_over_share();
    MachineRequest request;
    request.preamble = preamble;
    request.asked_by = from_;
    request.hop_port = asking_port();
    request.speaker = hop();
    request.has_spoken = !ahead_.empty();
    request.for_relay = true;
    request.fresh = preamble.fresh;
    request.connect_timeout = state_.options.retry.connect_timeout;
    if (preamble.connect_limit.count() != 0)
      request.connect_timeout = std::min<Duration>(request.connect_timeout, preamble.connect_limit);
    request.waited_timeout = request.connect_timeout;
    request.wake_until = monotonic_now() + state_.options.retry.deadline;
    request.is_wanted = [this] { return !is_reset(hop()); };
    call_.emplace(state_, std::move(request), [weak = weak_from_this()](MachineOutcome outcome) {
      if (auto self = weak.lock()) self->on_machine(std::move(outcome));
    });
    call_->start();
  }

  // Of the other end; 0: it is not known.
  std::uint16_t asking_port() {
    if (asking_port_ == 0)
      if (auto asking = remote_endpoint(hop())) asking_port_ = asking->port;
    return asking_port_;
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
      if (is_reset(hop())) return state_.end(id_);  // who asked has gone
      return refuse(outcome.status, outcome.error);
    }
    tickets_.admission = std::move(outcome.admission);
    if (outcome.kept) return begin_exchange(std::move(outcome.kept), is_whole_);
    if (!outcome.stream) return answer_and_close(HopStatus::kOk);  // it was only to be started
    state_.commons.view.with([&](ServiceView& view) {
      view.loads.entry(end_.service, monotonic_now())->on_connected();
    });
    if (keep_as_)
      return begin_exchange(
          std::make_unique<HttpStream>(state_, std::move(outcome.stream), nullptr), false);
    if (!reply(HopStatus::kOk, 0)) return state_.end(id_);
    ++state_.stats.hops_admitted;
    if (stream_) hop_ = stream_->release();
    RelayStreams streams{id_, std::move(hop_), std::move(outcome.stream)};
    streams.client_host = from_;
    streams.machine_is_bare = true;
    state_.relay(std::move(streams), std::move(tickets_), end_);
  }

  // `may_hold`: the answer may come with the machine's. Only one that has answered before is
  // likely to be as fast as that.
  void begin_exchange(std::unique_ptr<HttpStream> machine, bool may_hold) {
    if (!may_hold && !reply(HopStatus::kOk, 0)) return state_.end(id_);
    ++state_.stats.hops_admitted;
    reader_.reset();
    if (!stream_) stream_ = std::make_unique<HttpStream>(state_, std::move(hop_), nullptr);
    exchange_ = std::make_shared<HopExchange>(
        state_, std::move(stream_), std::move(machine), *keep_as_,
        [weak = weak_from_this()](std::optional<HopExchange::Over> over) {
          if (auto self = weak.lock()) self->on_over(std::move(over));
        });
    if (may_hold)
      exchange_->say_first([weak = weak_from_this(), since = monotonic_now()] {
        auto self = weak.lock();
        return self ? self->answer(since) : std::string();
      });
    deadline_.arm_after(may_hold ? Duration(kMostReplyHeld) : kSilenceLook);
    exchange_->start(std::exchange(ahead_, {}));
  }

  [[nodiscard]] std::string answer(Instant held_since) {
    HopReply reply = reply_of(HopStatus::kOk);
    reply.held =
        std::chrono::duration_cast<std::chrono::microseconds>(monotonic_now() - held_since);
    return encode_reply(reply);
  }

  // What the other proxy says next is for the one that takes this one's place.
  void pass_on(Fd hop) {
    state_.commons.first.pass_hop(std::move(hop));
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
    stream_ = std::move(over->hop);
    if (state_.departing() && over->first.empty()) return pass_on(stream_->release());
    await_next(std::move(over->first));
  }

  void refuse(HopStatus status, int connect_errno = 0) {
    ++state_.stats.hops_refused;
    answer_and_close(status, connect_errno);
  }

  void answer_and_close(HopStatus status, int connect_errno = 0) {
    if (reply(status, connect_errno)) allow_clean_close(hop());
    discard_input(hop());  // unread, it would make a reset of the close, behind the reply
    state_.end(id_);
  }

  bool reply(HopStatus status, int connect_errno) {
    HopReply reply = reply_of(status);
    reply.connect_errno = connect_errno;
    return send_whole(hop(), encode_reply(reply));
  }

  [[nodiscard]] HopReply reply_of(HopStatus status) {
    const ServiceKey& key = end_.service;
    HopReply reply;
    reply.status = status;
    reply.load = state_.commons.admissions.open(key);
    reply.queue = state_.commons.admissions.length(key);
    reply.sequence = state_.commons.next_sequence();
    reply.exchange = status == HopStatus::kOk && keep_as_;
    reply.tells = reply.takes_ahead = true;
    reply.nonce = nonce_;
    return reply;
  }

  ProxyState& state_;
  SessionId id_;
  Fd hop_;                              // until its first exchange
  std::unique_ptr<HttpStream> stream_;  // between two
  HostId from_;
  LoopTimer deadline_;
  std::optional<FrameReader> reader_;  // of the first preamble
  HopFrame next_;                      // of any other
  std::string ahead_;                  // what was read behind the preamble: of an exchange
  std::optional<MachineCall> call_;
  std::shared_ptr<HopExchange> exchange_;     // while there is one; it has the stream
  std::uint64_t nonce_ = 0;                   // the preamble's
  bool is_whole_ = false;                     // likewise
  std::uint16_t asking_port_ = 0;             // once it was asked for
  MachineEnd end_;                            // nobody's until a machine is admitted to
  std::optional<KeptMachines::Key> keep_as_;  // the preamble asked for an exchange, and gets one
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
