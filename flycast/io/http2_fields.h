// What both HTTP/2 codecs need to hand fields to nghttp2 and to read its views: private to them
// (http2_codec.cc, http2_machine_codec.cc), the only files that include nghttp2.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "flycast/core/header_list.h"
#include "flycast/core/http1_limits.h"

namespace sixpn::flycast::http2 {

// What both sides allow their peers; for nghttp2_option_del().
nghttp2_option* make_option();

// What a field costs besides its text (RFC 9113 section 6.5.2).
inline constexpr std::size_t kFieldOverhead = 32;
// Of a head that is sent, as nghttp2 estimates it (text and 12 bytes for each field): its own limit
// is 64 KiB, which is what a client may send before the proxy adds to it.
inline constexpr std::size_t kMaxHeaderBlock = 2 * kMaxHeadBytes;

inline std::string_view view(const std::uint8_t* bytes, std::size_t size) {
  return {reinterpret_cast<const char*>(bytes), size};
}

// One field for nghttp2, which copies it. The text must live until then.
inline nghttp2_nv make_field(const std::string& name, std::string_view value) {
  auto bytes = [](std::string_view text) {
    return const_cast<std::uint8_t*>(reinterpret_cast<const std::uint8_t*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

// Fields of a list, in lower case; the values must outlive it.
class Fields {
 public:
  // `count`: as many are added at most.
  explicit Fields(std::size_t count) { names_.reserve(count); }
  void add(std::string_view name, std::string_view value) {
    names_.push_back(lower_case(name));
    fields_.push_back(make_field(names_.back(), value));
    list_size_ += name.size() + value.size() + kFieldOverhead;
  }
  void add(const HeaderList& list) {
    for (const FieldView& field : list) add(field.name, field.value);
  }
  [[nodiscard]] const nghttp2_nv* data() const { return fields_.data(); }
  [[nodiscard]] std::size_t size() const { return fields_.size(); }
  // As SETTINGS_MAX_HEADER_LIST_SIZE counts it.
  [[nodiscard]] std::size_t list_size() const { return list_size_; }

 private:
  std::vector<std::string> names_;  // never grows beyond what is reserved
  std::vector<nghttp2_nv> fields_;
  std::size_t list_size_ = 0;
};

// The same of a frame.
inline std::size_t list_size(const nghttp2_headers& head) {
  std::size_t size = head.nvlen * kFieldOverhead;
  for (const nghttp2_nv& each : std::span(head.nva, head.nvlen))
    size += each.namelen + each.valuelen;
  return size;
}

// A message's body on its way out, as nghttp2 asks for it.
struct OutgoingBody {
  std::string bytes;  // from `at` on
  std::size_t at = 0;
  bool ended = false;  // nothing is added any more
  bool deferred = false;
  HeaderList trailers;

  [[nodiscard]] std::size_t size() const { return bytes.size() - at; }
};
// For nghttp2's callback: how many bytes of `body` are in `into`, or NGHTTP2_ERR_DEFERRED.
ssize_t read_body(nghttp2_session* session, std::int32_t stream, OutgoingBody& body,
                  std::uint8_t* into, std::size_t room, std::uint32_t* flags);
// There is more of it.
void resume_body(nghttp2_session* session, std::int32_t stream, OutgoingBody& body);

}  // namespace sixpn::flycast::http2
