#include "flycast/io/http_failure.h"

#include <fmt/format.h>

#include "base/log.h"

namespace sixpn::flycast {
namespace {

std::string_view reason_of(int status) {
  switch (status) {
    case 301:
      return "Moved Permanently";
    case 400:
      return "Bad Request";
    case 408:
      return "Request Timeout";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 417:
      return "Expectation Failed";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

ProxyResponse make_response(int status, std::string body) {
  ProxyResponse made;
  made.head.status = status;
  made.head.reason = reason_of(status);
  made.head.fields.add("Content-Type", "text/plain; charset=utf-8");
  made.head.fields.add("Cache-Control", "no-store");
  made.head.body = {BodyKind::kLength, body.size()};
  made.body = std::move(body);
  return made;
}

// "[fdaa::1]:80" -> "[fdaa::1]"
std::string_view without_port(std::string_view host) {
  std::size_t colon = host.rfind(':');
  bool is_port = colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos;
  return is_port ? host.substr(0, colon) : host;
}

}  // namespace

ProxyResponse refusal(const HttpFault& fault) {
  std::string body(reason_of(fault.status));
  body.append(": ").append(fault.why).append("\n");
  return make_response(fault.status, std::move(body));
}

ProxyResponse failure(ErrorCode code, std::string_view why) {
  const ErrorEntry& entry = entry_of(code);
  ProxyResponse made = make_response(entry.status, error_body(code, why));
  made.head.fields.add(kErrorHeader, entry.name);
  return made;
}

ProxyResponse redirect_to_https(const RequestHead& request) {
  std::string location = "https://" + std::string(without_port(request.host));
  location += request.target == "*" ? "/" : request.target;
  ProxyResponse made = make_response(301, "Moved Permanently: " + location + "\n");
  made.head.fields.add("Location", location);
  return made;
}

void log_no_response(const FailedRequest& request, std::string_view why, std::uint64_t held_back) {
  log::warn("flycast", "no response to a request of {} to {} ({}, {}): {}{}",
            to_string(request.client), to_string(request.dialled),
            request.app.empty() ? "unknown app" : request.app, request.id, why,
            held_back == 0 ? "" : fmt::format(" ({} more such lines were held back)", held_back));
}

}  // namespace sixpn::flycast
