#include "flycast/io/tls_session.h"

#include "base/io/clock.h"
#include "base/log.h"
#include "flycast/core/tls_offer.h"
#include "flycast/io/client_session.h"
#include "flycast/io/http_session.h"
#include "flycast/io/http_stream.h"
#include "flycast/io/postgres_session.h"
#include "flycast/io/sockets.h"
#include "registry/core/address.h"
#include "registry/core/service_ports.h"

namespace sixpn::flycast {
namespace {

class TlsSession : public Session, public std::enable_shared_from_this<TlsSession> {
 public:
  TlsSession(ProxyState& state, SessionId id, ClientStream client, const IpEndpoint& from,
             const IpEndpoint& dialled, ClientTicket ticket)
      : state_(state),
        id_(id),
        from_(from),
        dialled_(dialled),
        ticket_(std::move(ticket)),
        client_(state, std::move(client), [this] { turn(); }),
        began_(monotonic_now()),
        timer_(state.loop, [this] { fail("the handshake was not done in time"); }) {
    ++state_.commons.tls_handshakes;
  }
  ~TlsSession() override { --state_.commons.tls_handshakes; }

  void start() {
    if (!client_.valid()) return state_.end(id_);
    timer_.arm_after(state_.options.tls_handshake_timeout);
    turn();
  }

 private:
  void turn() {
    auto self = shared_from_this();
    client_.flush();
    switch (client_.shake_hands()) {
      case TlsServer::State::kHandshake:
        return;
      case TlsServer::State::kFailed:
        return fail(client_.tls().error().empty() ? "the client went away" : client_.tls().error());
      case TlsServer::State::kOpen:
        return go_on();
    }
  }

  // Last: another session takes this one's place.
  void go_on() {
    timer_.cancel();
    // What the client did not take of the handshake is behind nobody: it waits for more of it.
    if (client_.held() != 0) return fail("the client takes nothing");
    ++state_.stats.tls_handshakes;
    if (client_.tls().was_resumed()) ++state_.stats.tls_resumed;
    if (HandshakeMeter* meter = find_meter())
      meter->times[client_.tls().version()].add(monotonic_now() - began_);
    ClientStream inside = client_.release_client();
    if (state_.table.is_http(network_of(from_.ip), dialled_))
      return start_http_session(state_, id_, std::move(inside), from_, dialled_,
                                std::move(ticket_));
    start_client_session(state_, id_, std::move(inside), from_, dialled_, std::move(ticket_), true);
  }

  void fail(std::string_view why) {
    ++state_.stats.tls_failed;
    if (HandshakeMeter* meter = find_meter()) ++meter->errors[client_.tls().server_name()];
    timer_.cancel();
    if (auto held_back = state_.give_up_log.pass(monotonic_now()))
      log::info("flycast", "no TLS with {} at {}: {} ({} such lines held back)",
                to_string(from_.ip), to_string(dialled_), why, *held_back);
    // The alert that says why must not be lost in a reset.
    discard_input(client_.fd());
    allow_clean_close(client_.fd());
    state_.end(id_);
  }

  // Of the app that stands at the address now.
  HandshakeMeter* find_meter() {
    auto routed = state_.table.route(network_of(from_.ip), dialled_);
    const Route* route = std::get_if<Route>(&routed);
    if (route == nullptr) return nullptr;
    return state_.meters.handshakes(route->app->app.network, route->app->app.name);
  }

  ProxyState& state_;
  SessionId id_;
  IpEndpoint from_;
  IpEndpoint dialled_;
  ClientTicket ticket_;
  HttpStream client_;
  Instant began_;
  LoopTimer timer_;
};

Result<std::unique_ptr<TlsServer>> make_server(ProxyState& state, const IpEndpoint& from,
                                               const IpEndpoint& dialled) {
  auto offer = tls_offer(state.table, network_of(from.ip), dialled);
  if (!offer) return Error("the port ends no TLS any more");
  std::shared_ptr<const TlsContext> context;
  auto credentials = state.commons.tls.with([&](TlsCertificates& all) {
    context = all.context(monotonic_now());
    return all.credentials(*state.table.snapshot(), *offer, wall_now());
  });
  if (!credentials) return std::move(credentials).error();
  if (!context->valid()) return Error("OpenSSL has no memory");
  return std::make_unique<TlsServer>(*context, std::move(*offer), *credentials);
}

}  // namespace

void start_tls_session(ProxyState& state, SessionId id, ClientStream client, const IpEndpoint& from,
                       const IpEndpoint& dialled, ClientTicket ticket) {
  auto routed = state.table.route(network_of(from.ip), dialled);
  const Route* route = std::get_if<Route>(&routed);
  auto start =
      route != nullptr && asks_for_tls(*route->port) ? start_postgres_session : start_tls_handshake;
  start(state, id, std::move(client), from, dialled, std::move(ticket));
}

void start_tls_handshake(ProxyState& state, SessionId id, ClientStream client,
                         const IpEndpoint& from, const IpEndpoint& dialled, ClientTicket ticket) {
  if (state.commons.tls_handshakes >= state.options.max_tls_handshakes) {
    ++state.stats.over_tls_limit;
    return state.end(id);
  }
  auto server = make_server(state, from, dialled);
  if (!server) {
    ++state.stats.tls_uncertified;
    if (auto held_back = state.limit_log.pass(monotonic_now()))
      log::warn("flycast", "reset a connection of {} to {}: {} ({} more such lines were held back)",
                to_string(from.ip), to_string(dialled), server.error().message, *held_back);
    return state.end(id);
  }
  client.tls = std::move(*server);
  auto session =
      std::make_shared<TlsSession>(state, id, std::move(client), from, dialled, std::move(ticket));
  state.keep(id, session);
  session->start();
}

}  // namespace sixpn::flycast
