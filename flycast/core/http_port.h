// HttpPort: what a port's record asks of the requests and responses that pass it, and their
// preparation for the other side: the fields of header_rules.h, the edits of the record. Pure.
#pragma once

#include <string>

#include "base/ip.h"
#include "base/rng.h"
#include "base/time.h"
#include "flycast/core/header_rules.h"
#include "flycast/core/http_message.h"
#include "flycast/core/service_table.h"

namespace sixpn::flycast {

struct HttpPort {
  ResponseRules response;
  Duration head_timeout{};  // 0: the proxy's own
  Duration idle_timeout{};
  bool counts_requests = false;  // its limits do, not connections
  bool compress = false;
  bool h2_backend = false;  // the machine speaks HTTP/2
  bool force_https = false;
};
HttpPort http_port_of(const Route& route);

// Who asks, through which proxy, as the fields say it: written once per connection of a client.
class HttpArrival {
 public:
  // `region`, of the proxy, must outlive it. `tls`: the client spoke it to the proxy.
  HttpArrival(const Ip6& client, const IpEndpoint& dialled, std::string_view region,
              bool tls = false);
  [[nodiscard]] RequestArrival of(HttpVersion version, std::string_view request_id) const;
  [[nodiscard]] bool is_tls() const { return tls_; }
  [[nodiscard]] std::string host() const;  // what was dialled, for a request that names no host

 private:
  std::string chain_;  // client, then what it dialled
  std::size_t client_chars_;
  std::uint16_t port_;
  std::string_view region_;
  bool tls_;
};
// Makes a client's request the machine's. `request_id` as make_request_id gives it.
void prepare_request(RequestHead& request, const HttpArrival& arrival,
                     const std::string& request_id);
// Makes a machine's response the client's.
void prepare_response(ResponseHead& response, const HttpPort& port, const std::string& request_id);

}  // namespace sixpn::flycast
