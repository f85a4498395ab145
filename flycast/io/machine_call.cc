#include "flycast/io/machine_call.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/io/clock.h"
#include "flycast/core/admission.h"
#include "flycast/io/sockets.h"
#include "flycast/io/stream_connector.h"

namespace sixpn::flycast {

struct MachineCall::Impl : std::enable_shared_from_this<MachineCall::Impl> {
  Impl(ProxyState& proxy, MachineRequest asked, Done on_done)
      : state(proxy), request(std::move(asked)), done(std::move(on_done)) {}

  void start() {
    auto self = shared_from_this();  // the callback may destroy the call
    const Preamble& preamble = request.preamble;
    HostId from = asker();
    Admission admission = admit(state.table, from, preamble, state.options.replay);
    if (const auto* refusal = std::get_if<HopStatus>(&admission)) return finish(*refusal);
    admitted = std::get<Admitted>(std::move(admission));
    outcome.end = {preamble.network, admitted.key, request.asked_by, request.hop_port};
    // A header of the PROXY protocol speaks of one client's connection.
    if (preamble.exchange && admitted.greeting.empty())
      outcome.keep_as = {preamble.client.ip, admitted.source, admitted.machine};
    // Frames are not for a machine that speaks with its client.
    if (preamble.ahead && !outcome.keep_as) return finish(HopStatus::kNotReady);
    if (preamble.wake == Wake::kStart && !admitted.asleep) return finish(HopStatus::kOk);
    if (auto ticket = state.commons.admissions.admit(admitted.key, admitted.hard_limit))
      return join(std::move(*ticket), request.connect_timeout);
    if (preamble.may_wait) place = wait_in_line();
    if (!place) finish(HopStatus::kLimit);
  }

  // What this host's own clients ask, and what a proxy asks in whose place this one is, is one's.
  [[nodiscard]] HostId asker() const {
    return request.asked_by == HostId{} ? state.options.self : request.asked_by;
  }

  std::unique_ptr<Admissions::Place> wait_in_line() {
    return state.commons.admissions.join(
        state.loop, admitted.key, admitted.hard_limit, asker(),
        [weak = weak_from_this()](std::optional<AdmissionTicket> granted) {
          if (auto self = weak.lock()) self->on_turn(std::move(granted));
        });
  }

  void on_turn(std::optional<AdmissionTicket> granted) {
    place.reset();
    if (!granted || (request.is_wanted && !request.is_wanted())) return finish(HopStatus::kLimit);
    join(std::move(*granted), request.waited_timeout);
  }

  void join(AdmissionTicket ticket, Duration timeout) {
    outcome.admission = std::move(ticket);
    ConnectRequest connect{admitted.source, SourceKind::kTransparent, admitted.machine, timeout,
                           admitted.greeting};
    if (request.for_relay && !outcome.keep_as) connect.lasting = Lasting::kLater;
    bool sleeps = admitted.asleep || state.waker.is_waking(admitted.key);
    if (outcome.keep_as && !request.fresh && !sleeps)
      outcome.kept = state.kept_machines.take(*outcome.keep_as);
    if (outcome.kept) {
      ++state.stats.reused;
      return finish(HopStatus::kOk);
    }
    connect.speaks_at_once =
        request.has_spoken || (request.speaker >= 0 && has_input(request.speaker));
    if (sleeps) return wake(std::move(connect));
    BegunConnect begun = begin_connect(connect);
    if (begun.error != EINPROGRESS) return on_connected({std::move(begun.stream), begun.error});
    connector.emplace(state.loop, connect, std::move(begun.stream),
                      [weak = weak_from_this()](ConnectOutcome connected) {
                        if (auto self = weak.lock()) self->on_connected(std::move(connected));
                      });
    watch.emplace(state.begun_connects, outcome.end.network, admitted.key.machine,
                  [this] { on_ended(); });
  }

  // Its port is closed by then, if nothing can say so any more.
  void on_ended() {
    auto self = shared_from_this();  // the callback may destroy the call
    connector.reset();
    on_connected({Fd(), ECONNREFUSED});
  }

  void wake(ConnectRequest connect) {
    const Preamble& preamble = request.preamble;
    if (admitted.asleep) {
      if (auto refusal = state.waker.refusal(preamble, admitted.key)) return finish(*refusal);
      if (preamble.wake == Wake::kStart) return start_only();
      connect.timeout = std::max(request.wake_until - monotonic_now(), Duration::zero());
    }
    ++state.stats.woken;
    outcome.woken = true;
    waking.emplace(state.waker, WakeRequest{preamble.network, admitted.key, std::move(connect)},
                   [weak = weak_from_this()](WakeOutcome woken) {
                     if (auto self = weak.lock()) self->on_woken(std::move(woken));
                   });
  }

  void start_only() {
    starting = true;
    state.waker.start_only(request.preamble.machine,
                           [weak = weak_from_this()](const Result<void>& started) {
                             auto self = weak.lock();
                             if (!self) return;
                             self->outcome.admission = {};
                             self->finish(started ? HopStatus::kOk : HopStatus::kStartFailed);
                           });
  }

  void on_woken(WakeOutcome woken) {
    if (woken.status != HopStatus::kStartFailed)
      return on_connected({std::move(woken.stream), woken.error});
    ++state.stats.starts_failed;
    finish(HopStatus::kStartFailed);
  }

  void on_connected(ConnectOutcome connected) {
    watch.reset();
    if (connected.error != 0) {
      state.on_no_connection(outcome.end, connected.error);
      outcome.error = connected.error;
      return finish(HopStatus::kConnectFailed);
    }
    outcome.stream = std::move(connected.stream);
    finish(HopStatus::kOk);
  }

  // Last: the callback may destroy the call.
  void finish(HopStatus status) {
    outcome.status = status;
    if (status != HopStatus::kOk) outcome.admission = {};
    Done report = std::exchange(done, nullptr);
    if (report) report(std::move(outcome));
  }

  ProxyState& state;
  MachineRequest request;
  Done done;
  Admitted admitted;
  MachineOutcome outcome;
  std::unique_ptr<Admissions::Place> place;
  std::optional<StreamConnector> connector;
  std::optional<BegunConnects::Watch> watch;  // of its machine, meanwhile
  std::optional<WakeCall> waking;
  bool starting = false;  // and no more is asked of it
};

MachineCall::MachineCall(ProxyState& state, MachineRequest request, Done done)
    : impl_(std::make_shared<Impl>(state, std::move(request), std::move(done))) {}

// Ends also what holds the call from inside for a moment.
MachineCall::~MachineCall() {
  impl_->done = nullptr;
}

void MachineCall::start() {
  impl_->start();
}

bool MachineCall::is_waiting() const {
  return impl_->done && (impl_->place || impl_->waking || impl_->starting);
}

}  // namespace sixpn::flycast
