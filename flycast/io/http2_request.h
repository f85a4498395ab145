// Http2RequestBuilder: a RequestHead from the fields of an HTTP/2 request as they come, and the
// rules of RFC 9113 section 8 that are not about frames: which pseudo-fields, what they hold, what
// may not travel on. A part of Http2Codec; no foreign library. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "flycast/core/http_message.h"

namespace sixpn::flycast {

class Http2RequestBuilder {
 public:
  enum class Verdict : std::uint8_t {
    kGood,
    kMalformed,  // RFC 9113 section 8.1.1: the stream ends in PROTOCOL_ERROR
    kTooLarge,   // more fields or bytes than http1_limits.h allows: 431
    kTooLong,    // so of method and target: 414
    kNotServed,  // CONNECT, or no method that anybody knows: 501
  };

  // Pseudo-fields too.
  void add(std::string_view name, std::string_view value);
  // All were added. `ended`: no body follows.
  Verdict finish(bool ended, RequestHead& into);

 private:
  void add_pseudo(std::string_view name, std::string_view value);

  RequestHead head_;
  std::string cookies_;
  std::string host_field_;
  std::string authority_;
  bool has_authority_ = false;
  bool has_host_field_ = false;
  bool has_length_ = false;
  std::uint64_t length_ = 0;
  bool malformed_ = false;
  std::size_t bytes_ = 0;
  std::size_t fields_ = 0;
};

}  // namespace sixpn::flycast
