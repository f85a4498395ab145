#include "flycast/io/http2_request.h"

#include <utility>

#include "flycast/core/field_roles.h"
#include "flycast/core/http1_limits.h"
#include "flycast/core/http1_syntax.h"
#include "flycast/core/replay_headers.h"

namespace sixpn::flycast {
namespace {

// What a field costs besides its text (RFC 9113 section 6.5.2).
constexpr std::size_t kFieldOverhead = 32;

// What else a line of HTTP/1 holds: "METHOD /target HTTP/1.1" and its end.
constexpr std::size_t kLineOverhead = 12;

// Of one connection (section 8.2.2); te may say trailers.
bool is_forbidden(std::string_view name, std::string_view value) {
  for (std::string_view each :
       {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"})
    if (name == each) return true;
  return name == "te" && !same_name(value, "trailers");
}

bool is_target(std::string_view target, std::string_view method) {
  return is_request_path(target) || (target == "*" && method == "OPTIONS");
}

}  // namespace

void Http2RequestBuilder::add_pseudo(std::string_view name, std::string_view value) {
  if (name == ":method") head_.method = value;
  if (name == ":path") head_.target = value;
  if (name == ":scheme") malformed_ |= value != "http" && value != "https";
  if (name != ":authority") return;
  has_authority_ = true;
  authority_ = value;
}

void Http2RequestBuilder::add(std::string_view name, std::string_view value) {
  bytes_ += name.size() + value.size() + kFieldOverhead;
  if (++fields_ > kMaxFields || bytes_ > kMaxHeadBytes) return;
  if (name.starts_with(':')) return add_pseudo(name, value);
  malformed_ |= is_forbidden(name, value) || imitates_framing(name) || !is_field_value(value);
  if (role_of(name) == FieldRole::kHop) return;
  if (name == "cookie") {
    if (!cookies_.empty()) cookies_ += "; ";
    cookies_ += value;
  } else if (name == "host") {
    malformed_ |= std::exchange(has_host_field_, true);
    host_field_ = value;
  } else if (name == "content-length") {
    auto length = parse_length(value);
    malformed_ |= !length || (has_length_ && length_ != *length);
    has_length_ = true;
    length_ = length.value_or(0);
  } else if (name == "expect") {
    head_.expects_continue = same_name(value, "100-continue");
  } else {
    head_.fields.add(name, value);
  }
}

Http2RequestBuilder::Verdict Http2RequestBuilder::finish(bool ended, RequestHead& into) {
  if (fields_ > kMaxFields || bytes_ > kMaxHeadBytes) return Verdict::kTooLarge;
  if (malformed_ || !is_token(head_.method)) return Verdict::kMalformed;
  if (head_.method == "CONNECT" || head_.method.size() > kMaxMethodBytes)
    return Verdict::kNotServed;
  if (head_.method.size() + head_.target.size() + kLineOverhead > kMaxRequestLineBytes)
    return Verdict::kTooLong;
  if (!is_target(head_.target, head_.method)) return Verdict::kMalformed;
  // Two names for one thing must agree (section 8.3.1).
  if (has_authority_ && has_host_field_ && !same_name(authority_, host_field_))
    return Verdict::kMalformed;
  head_.host = has_authority_ ? authority_ : host_field_;
  if (!is_authority(head_.host)) return Verdict::kMalformed;
  if (ended && has_length_ && length_ != 0) return Verdict::kMalformed;
  bool has_body = !ended || has_length_;
  if (has_body && head_.method == "TRACE") return Verdict::kMalformed;  // RFC 9110 section 9.3.8
  if (!cookies_.empty()) head_.fields.add("cookie", cookies_);
  if (has_length_) {
    head_.body = {BodyKind::kLength, length_};
  } else if (!ended) {
    head_.body.kind = BodyKind::kStreamed;
  }
  if (ended) head_.expects_continue = false;
  head_.is_http2 = true;
  into = std::move(head_);
  return Verdict::kGood;
}

}  // namespace sixpn::flycast
