#include "flycast/core/http_port.h"

namespace sixpn::flycast {
namespace {

HttpVersion version_of(bool is_http10) {
  return is_http10 ? HttpVersion::kHttp10 : HttpVersion::kHttp11;
}

}  // namespace

HttpPort http_port_of(const Route& route) {
  const HttpOptions& options = route.port->http;
  HttpPort port;
  port.response.pristine = options.pristine;
  for (const auto& edit : options.response_headers)
    port.response.edits.push_back({edit.name, edit.values});
  port.head_timeout = options.headers_read_timeout;
  port.idle_timeout = options.idle_timeout;
  port.counts_requests = route.service->concurrency == ConcurrencyType::kRequests;
  return port;
}

void prepare_request(RequestHead& request, const HttpArrival& arrival,
                     const std::string& request_id) {
  if (request.host.empty()) request.host = to_string(arrival.dialled);
  RequestArrival rules;
  rules.client = arrival.client;
  rules.dialled = arrival.dialled;
  rules.version = version_of(request.is_http10);
  rules.region = arrival.region;
  rules.request_id = request_id;
  apply_request_rules(request.fields, rules);
}

void prepare_response(ResponseHead& response, const HttpPort& port, const std::string& request_id) {
  apply_response_rules(response.fields, port.response, version_of(response.is_http10), request_id);
}

}  // namespace sixpn::flycast
