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
  port.h2_backend = options.h2_backend;
  port.counts_requests = route.service->concurrency == ConcurrencyType::kRequests;
  port.compress = options.compress;
  port.force_https = route.port->force_https;
  return port;
}

HttpArrival::HttpArrival(const Ip6& client, const IpEndpoint& dialled, std::string_view region,
                         bool tls)
    : chain_(to_string(client)),
      client_chars_(chain_.size()),
      port_(dialled.port),
      region_(region),
      tls_(tls) {
  chain_.append(", ").append(to_string(dialled.ip));
}

RequestArrival HttpArrival::of(HttpVersion version, std::string_view request_id) const {
  RequestArrival arrival;
  arrival.chain = chain_;
  arrival.client = arrival.chain.substr(0, client_chars_);
  arrival.port = port_;
  arrival.version = version;
  arrival.tls = tls_;
  arrival.region = region_;
  arrival.request_id = request_id;
  return arrival;
}

std::string HttpArrival::host() const {
  return "[" + chain_.substr(client_chars_ + 2) + "]:" + std::to_string(port_);
}

void prepare_request(RequestHead& request, const HttpArrival& arrival,
                     const std::string& request_id) {
  if (request.host.empty()) request.host = arrival.host();
  HttpVersion version = request.is_http2 ? HttpVersion::kHttp2 : version_of(request.is_http10);
  apply_request_rules(request.fields, arrival.of(version, request_id));
}

void prepare_response(ResponseHead& response, const HttpPort& port, const std::string& request_id) {
  apply_response_rules(response.fields, port.response, version_of(response.is_http10), request_id);
}

}  // namespace sixpn::flycast
