#include "flycast/io/session_start.h"

#include <memory>
#include <utility>
#include <variant>

#include "flycast/io/client_session.h"
#include "flycast/io/http_session.h"
#include "flycast/io/tls_session.h"
#include "registry/core/address.h"
#include "registry/core/service_ports.h"

namespace sixpn::flycast {

void start_session(ProxyState& state, Fd stream, const IpEndpoint& from, const IpEndpoint& dialled,
                   ClientTicket ticket) {
  auto routed = state.table.route(network_of(from.ip), dialled);
  const Route* route = std::get_if<Route>(&routed);
  ClientStream client{std::move(stream)};
  if (route != nullptr) {
    auto meter = state.meters.app(route->app->app.network, route->app->app.name);
    if (meter && !meter->bytes) meter->bytes = std::make_shared<ClientBytes>();
    if (meter) client.bytes = meter->bytes;
    ticket.keep(Meters::connection(std::move(meter)));
  }
  SessionId id = state.next_id();
  if (route != nullptr && ends_tls(*route->port))
    return start_tls_session(state, id, std::move(client), from, dialled, std::move(ticket));
  if (route != nullptr && speaks_http(*route->port))
    return start_http_session(state, id, std::move(client), from, dialled, std::move(ticket));
  start_client_session(state, id, std::move(client), from, dialled, std::move(ticket),
                       route != nullptr);
}

}  // namespace sixpn::flycast
