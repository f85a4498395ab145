#include "flycast/io/client_session.h"

#include <fmt/format.h>

#include "base/io/clock.h"
#include "base/log.h"
#include "flycast/io/dialer.h"
#include "flycast/io/failure_code.h"
#include "flycast/io/http_session.h"
#include "flycast/io/sockets.h"
#include "flycast/io/tls_relay.h"
#include "flycast/io/tls_session.h"
#include "registry/core/address.h"

namespace sixpn::flycast {
namespace {

// What the client asked for was wrong; not: there was no machine for it.
bool is_unknown(DialError error) {
  return error == DialError::kNoSuchAddress || error == DialError::kNoServiceOnPort ||
         error == DialError::kUnsupportedHandler;
}

class ClientSession : public Session {
 public:
  ClientSession(ProxyState& state, SessionId id, ClientStream client, DialRequest request,
                ClientTicket ticket, bool is_known)
      : state_(state),
        id_(id),
        client_(std::move(client)),
        from_(request.client),
        dialled_(request.dialled),
        ticket_(std::move(ticket)),
        is_known_(is_known),
        dialer_(state, wanted_while_open(std::move(request)),
                [this](DialOutcome outcome) { on_dialled(std::move(outcome)); }) {}

  void start() { dialer_.start(); }
  void on_departure() override { dialer_.on_departure(); }
  [[nodiscard]] bool deals_with(HostId host) const override { return dialer_.is_asking(host); }
  void on_host_dead(HostId host) override { dialer_.on_host_dead(host); }

 private:
  DialRequest wanted_while_open(DialRequest request) {
    // Of a port that may turn out to be HTTP or TLS, no byte may reach a machine unread.
    if (is_known_ && !client_.tls) request.early_from = client_.fd.get();
    request.for_relay = !client_.tls;
    request.is_wanted = [this] { return !is_reset(client_.fd.get()); };
    return request;
  }

  // Last: the relay takes this session's place, or it ends.
  void on_dialled(DialOutcome outcome) {
    if (const auto* failure = std::get_if<DialFailure>(&outcome)) return reset(*failure);
    // Nobody knew at first, for the registry was not read.
    if (!is_known_ && state_.table.is_tls(network_of(from_.ip), dialled_))
      return start_tls_session(state_, id_, std::move(client_), from_, dialled_,
                               std::move(ticket_));
    if (!is_known_ && state_.table.is_http(network_of(from_.ip), dialled_))
      return start_http_session(state_, id_, std::move(client_), from_, dialled_,
                                std::move(ticket_));
    Dialled& dialled = std::get<Dialled>(outcome);
    ++state_.stats.relayed;
    dialled.tickets.client = std::move(ticket_);
    if (client_.tls)
      return start_tls_relay(state_, id_, std::move(client_),
                             {std::move(dialled.stream), dialled.hop_host(), dialled.idle_timeout,
                              std::move(dialled.tickets)});
    discard_input(client_.fd.get(), dialled.early_bytes);
    if (client_.bytes) client_.bytes->add_in(dialled.early_bytes);
    RelayStreams streams{id_, std::move(client_.fd), std::move(dialled.stream)};
    streams.machine_host = dialled.hop_host();
    streams.machine_is_bare = dialled.here;
    streams.idle_timeout = dialled.idle_timeout;
    streams.bytes = std::move(client_.bytes);
    std::optional<MachineEnd> end;
    if (dialled.here) end = dialled.end;
    state_.relay(std::move(streams), std::move(dialled.tickets), end);
  }

  void reset(const DialFailure& failure) {
    if (failure.error != DialError::kAbandoned) {
      ++(is_unknown(failure.error) ? state_.stats.unknown_destination : state_.stats.gave_up);
      log_reset(failure);
    }
    state_.end(id_);
  }

  void log_reset(const DialFailure& failure) {
    auto held_back = state_.give_up_log.pass(monotonic_now());
    if (!held_back) return;
    log::warn(
        "flycast", "reset a connection of {} to {} ({}) after {} attempts: {}{}",
        to_string(from_.ip), to_string(dialled_), failure.app.empty() ? "unknown app" : failure.app,
        failure.attempts, error_text(code_of(failure.error, false), failure.why),
        *held_back == 0 ? "" : fmt::format(" ({} more such lines were held back)", *held_back));
  }

  ProxyState& state_;
  SessionId id_;
  ClientStream client_;
  IpEndpoint from_;
  IpEndpoint dialled_;
  ClientTicket ticket_;
  bool is_known_;
  Dialer dialer_;
};

}  // namespace

void start_client_session(ProxyState& state, SessionId id, ClientStream client,
                          const IpEndpoint& from, const IpEndpoint& dialled, ClientTicket ticket,
                          bool is_known) {
  DialRequest request;
  request.client = from;
  request.dialled = dialled;
  auto session = std::make_shared<ClientSession>(state, id, std::move(client), std::move(request),
                                                 std::move(ticket), is_known);
  state.keep(id, session);
  session->start();
}

}  // namespace sixpn::flycast
