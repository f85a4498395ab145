#include "flycast/io/http2_machine_codec.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <string>
#include <utility>

#include "flycast/core/field_roles.h"
#include "flycast/core/http1_limits.h"
#include "flycast/core/http1_syntax.h"
#include "flycast/io/http2_fields.h"

namespace sixpn::flycast {
namespace {

using http2::Fields;
using http2::kFieldOverhead;
using http2::view;

constexpr std::int32_t kNoStream = -1;

}  // namespace

struct Http2MachineCodec::Impl {
  explicit Impl(Events given) : events(std::move(given)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_option* option = http2::make_option();
    nghttp2_session_client_new2(&session, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kHttp2StreamWindow},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(kMaxHeadBytes)},
    };
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kHttp2ConnectionWindow);
  }
  ~Impl() { nghttp2_session_del(session); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  static Impl& of(void* user) { return *static_cast<Impl*>(user); }

  // ---------------------------------------------------------------- what the machine says

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Impl& impl = of(user);
    if (frame->hd.stream_id != impl.stream) return 0;
    impl.head = {};
    impl.trailers = {};
    impl.head_bytes = 0;
    impl.head_fields = 0;
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* user) {
    Impl& impl = of(user);
    if (frame->hd.stream_id != impl.stream) return 0;
    bool taken = impl.add(view(name, name_size), view(value, value_size));
    return taken ? 0 : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  // False: no message may hold it, or there are too many.
  bool add(std::string_view name, std::string_view value) {
    if (has_head) return trailers.add(name, value);
    head_bytes += name.size() + value.size() + kFieldOverhead;
    if (head_bytes > kMaxHeadBytes || !is_field_value(value)) return false;
    if (name == ":status") {
      head.status = static_cast<int>(parse_length(value).value_or(0));
      return head.status >= 100 && head.status <= 999;
    }
    if (++head_fields > kMaxFields || imitates_framing(name)) return false;
    if (name == "content-length") {
      auto length = parse_length(value);
      head.body = {BodyKind::kLength, length.value_or(0)};
      return length.has_value();
    }
    head.fields.add(name, value);
    return true;
  }

  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*,
                               std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Impl& impl = of(user);
    if (frame->hd.type == NGHTTP2_GOAWAY) impl.leaves = true;
    if (frame->hd.stream_id != impl.stream) return 0;
    bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS && !impl.has_head) impl.on_response_head(ends);
    bool is_message = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (is_message && ends) impl.events.on_end(impl.trailers.fields());
    return 0;
  }

  void on_response_head(bool ends) {
    if (is_interim(head.status)) return events.on_interim(std::exchange(head, {}));
    has_head = true;
    bool absent = has_no_body(method, head.status);
    if (absent && head.body.kind == BodyKind::kLength && head.status != 204)
      head.fields.add("content-length", std::to_string(head.body.length));
    if (ends || absent) {
      head.body = {};
    } else if (head.body.kind == BodyKind::kNone) {
      head.body.kind = BodyKind::kStreamed;
    } else if (head.fields.contains("trailer")) {
      head.body = {BodyKind::kStreamed, 0};  // HTTP/1 has no trailers behind a known length
    }
    events.on_head(std::exchange(head, {}));
  }

  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                     std::size_t size, void* user) {
    Impl& impl = of(user);
    if (id != impl.stream) {
      nghttp2_session_consume(impl.session, id, size);
      return 0;
    }
    impl.unconsumed += size;
    impl.events.on_body(view(bytes, size));
    return 0;
  }

  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t error, void* user) {
    Impl& impl = of(user);
    if (id != impl.stream) return 0;
    nghttp2_session_consume_connection(impl.session, std::exchange(impl.unconsumed, 0));
    impl.stream = kNoStream;
    impl.out = {};
    impl.events.on_closed(error);
    return 0;
  }

  static ssize_t read_body(nghttp2_session* session, std::int32_t id, std::uint8_t* into,
                           std::size_t room, std::uint32_t* flags, nghttp2_data_source*,
                           void* user) {
    if (id != of(user).stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return http2::read_body(session, id, of(user).out, into, room, flags);
  }

  Events events;
  nghttp2_session* session = nullptr;
  std::int32_t stream = kNoStream;
  std::string method;
  http2::OutgoingBody out;
  ResponseHead head;
  Http2Trailers trailers;
  std::size_t request_size = 0;  // of the head of the last one, as settings count it
  std::size_t head_bytes = 0;
  std::size_t head_fields = 0;  // but :status
  bool has_head = false;        // the final one: what comes now are trailers
  bool leaves = false;          // the machine takes no further request
  std::size_t unconsumed = 0;
};

Http2MachineCodec::Http2MachineCodec(Events events)
    : impl_(std::make_unique<Impl>(std::move(events))) {}
Http2MachineCodec::~Http2MachineCodec() = default;

bool Http2MachineCodec::feed(std::string_view bytes) {
  auto taken = nghttp2_session_mem_recv(
      impl_->session, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (taken < 0) nghttp2_session_terminate_session(impl_->session, NGHTTP2_PROTOCOL_ERROR);
  // It ends by our own word as soon as that is queued, by the machine's when its streams are over.
  bool ended_here = !impl_->leaves && nghttp2_session_check_request_allowed(impl_->session) == 0;
  return taken >= 0 && !ended_here && nghttp2_session_want_read(impl_->session) != 0;
}

std::string_view Http2MachineCodec::next_output() {
  const std::uint8_t* bytes = nullptr;
  auto size = nghttp2_session_mem_send(impl_->session, &bytes);
  return size <= 0 ? std::string_view() : view(bytes, static_cast<std::size_t>(size));
}

bool Http2MachineCodec::is_over() const {
  return impl_->leaves || nghttp2_session_check_request_allowed(impl_->session) == 0;
}

void Http2MachineCodec::request(const RequestHead& head) {
  const std::string length = std::to_string(head.body.length);
  Fields fields(head.fields.size() + 7);
  fields.add(":method", head.method);
  fields.add(":scheme", "http");
  fields.add(":authority", head.host);
  fields.add(":path", head.target);
  fields.add(head.fields);
  if (head.body.kind == BodyKind::kLength) fields.add("content-length", length);
  if (head.expects_continue) fields.add("expect", "100-continue");
  fields.add("te", "trailers");
  impl_->request_size = fields.list_size();
  if (is_too_large()) return;
  impl_->method = head.method;
  impl_->has_head = false;
  impl_->out = {};
  nghttp2_data_provider body{{.ptr = nullptr}, Impl::read_body};
  impl_->stream =
      nghttp2_submit_request(impl_->session, nullptr, fields.data(), fields.size(),
                             head.body.kind == BodyKind::kNone ? nullptr : &body, nullptr);
}

bool Http2MachineCodec::is_too_large() const {
  return impl_->request_size >
         nghttp2_session_get_remote_settings(impl_->session, NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE);
}

void Http2MachineCodec::send_body(std::string_view piece) {
  if (!is_busy()) return;
  impl_->out.bytes.append(piece);
  http2::resume_body(impl_->session, impl_->stream, impl_->out);
}

void Http2MachineCodec::end_body(const HeaderList& trailers) {
  if (!is_busy()) return;
  impl_->out.ended = true;
  impl_->out.trailers = trailers;
  http2::resume_body(impl_->session, impl_->stream, impl_->out);
}

void Http2MachineCodec::reset(Http2Error error) {
  if (!is_busy()) return;
  nghttp2_submit_rst_stream(impl_->session, NGHTTP2_FLAG_NONE, impl_->stream,
                            static_cast<std::uint32_t>(error));
}

void Http2MachineCodec::consume(std::size_t bytes) {
  if (!is_busy()) return;  // it was all given back when the stream closed
  impl_->unconsumed -= std::min(impl_->unconsumed, bytes);
  nghttp2_session_consume(impl_->session, impl_->stream, bytes);
}

std::size_t Http2MachineCodec::buffered() const {
  return impl_->out.size();
}

bool Http2MachineCodec::is_busy() const {
  return impl_->stream > 0;
}

}  // namespace sixpn::flycast
