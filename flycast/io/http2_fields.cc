#include "flycast/io/http2_fields.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "flycast/io/http2_codec.h"

namespace sixpn::flycast::http2 {

nghttp2_option* make_option() {
  nghttp2_option* option = nullptr;
  nghttp2_option_new(&option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_max_outbound_ack(option, kMaxHttp2Acks);
  nghttp2_option_set_max_settings(option, kMaxHttp2SettingsEntries);
  nghttp2_option_set_max_continuations(option, kMaxHttp2Continuations);
  nghttp2_option_set_max_send_header_block_length(option, kMaxHeaderBlock);
  return option;
}

ssize_t read_body(nghttp2_session* session, std::int32_t stream, OutgoingBody& body,
                  std::uint8_t* into, std::size_t room, std::uint32_t* flags) {
  std::size_t size = std::min(room, body.size());
  std::memcpy(into, body.bytes.data() + body.at, size);
  body.at += size;
  bool all = body.at == body.bytes.size();
  if (all) {
    body.bytes.clear();
    body.at = 0;
  }
  if (all && body.ended) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!body.trailers.empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      Fields fields(body.trailers.size());
      fields.add(body.trailers);
      nghttp2_submit_trailer(session, stream, fields.data(), fields.size());
    }
    return static_cast<ssize_t>(size);
  }
  if (size != 0) return static_cast<ssize_t>(size);
  body.deferred = true;
  return NGHTTP2_ERR_DEFERRED;
}

void resume_body(nghttp2_session* session, std::int32_t stream, OutgoingBody& body) {
  if (std::exchange(body.deferred, false)) nghttp2_session_resume_data(session, stream);
}

}  // namespace sixpn::flycast::http2
