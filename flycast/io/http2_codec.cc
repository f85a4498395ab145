#include "flycast/io/http2_codec.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "flycast/core/field_roles.h"
#include "flycast/core/http1_limits.h"
#include "flycast/io/http2_fields.h"
#include "flycast/io/http2_request.h"
#include "flycast/io/http2_windows.h"

namespace sixpn::flycast {
namespace {

using http2::view;

// Gaps between the ids of streams that are remembered; honest clients leave none.
constexpr std::size_t kMaxSkipped = 32;

constexpr std::string_view kResets = "too many streams were reset";
constexpr std::string_view kIdleFrames = "too many frames that move nothing";
constexpr std::string_view kFlood = "too many settings, unread answers, or CONTINUATION frames";

// Of a return value of nghttp2_session_mem_recv().
bool is_flood(ssize_t taken) {
  return taken == NGHTTP2_ERR_FLOODED || taken == NGHTTP2_ERR_TOO_MANY_SETTINGS ||
         taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
}

struct Stream {
  Http2RequestBuilder request;
  Http2Trailers trailers;  // of the request
  bool has_head = false;   // what comes now are trailers
  bool malformed = false;
  bool unheard = false;        // it was refused: what follows of it is thrown away
  std::size_t unconsumed = 0;  // bytes of its body that hold the window closed
  std::size_t opened = 0;      // of that, beyond the first
  std::size_t heads = 0;       // of the response, and not in frames yet
  http2::OutgoingBody out;     // of the response
  std::uint64_t sent = 0;      // of it
};

}  // namespace

struct Http2Codec::Impl {
  explicit Impl(Events given) : events(std::move(given)) {
    nghttp2_session_callbacks* callbacks = nullptr;
    nghttp2_session_callbacks_new(&callbacks);
    set_callbacks(callbacks);
    nghttp2_option* option = http2::make_option();
    nghttp2_session_server_new2(&session, callbacks, this, option);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    windows.begin(session);
  }
  ~Impl() { nghttp2_session_del(session); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  static void set_callbacks(nghttp2_session_callbacks* callbacks) {
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_not_sent);
  }

  static Impl& of(void* user) { return *static_cast<Impl*>(user); }
  Stream* find(Http2StreamId id) {
    auto found = streams.find(id);
    return found == streams.end() ? nullptr : &found->second;
  }

  // ---------------------------------------------------------------- what the client says

  // A stream that was skipped is closed (section 5.1.1): its HEADERS are an error of the
  // connection, which nghttp2 overlooks.
  static int on_begin_frame(nghttp2_session*, const nghttp2_frame_hd* frame, void* user) {
    Impl& impl = of(user);
    if (frame->type != NGHTTP2_HEADERS) return 0;
    for (const auto& [first, last] : impl.skipped)
      if (first <= frame->stream_id && frame->stream_id <= last)
        nghttp2_session_terminate_session(impl.session, NGHTTP2_PROTOCOL_ERROR);
    return 0;
  }

  static int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Impl& impl = of(user);
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    Http2StreamId id = frame->hd.stream_id;
    if (id > impl.newest + 2) impl.skipped.emplace_back(impl.newest + 2, id - 2);
    if (impl.skipped.size() > kMaxSkipped) impl.skipped.pop_front();
    impl.newest = id;
    impl.streams.try_emplace(id);
    return 0;
  }

  static int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                       std::size_t name_size, const std::uint8_t* value, std::size_t value_size,
                       std::uint8_t, void* user) {
    Stream* stream = of(user).find(frame->hd.stream_id);
    if (stream == nullptr) return 0;
    if (!stream->has_head) {
      stream->request.add(view(name, name_size), view(value, value_size));
    } else if (!stream->trailers.add(view(name, name_size), view(value, value_size))) {
      stream->malformed = true;
    }
    return 0;
  }

  // A field that no message may hold: the whole message is malformed (section 8.2.1).
  static int on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*,
                               std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void*) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }

  static int on_frame(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Impl& impl = of(user);
    bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    switch (frame->hd.type) {
      case NGHTTP2_HEADERS:
        return impl.on_headers(frame->hd.stream_id, ends);
      case NGHTTP2_DATA:
        if (ends) impl.on_request_end(frame->hd.stream_id);
        return ends || frame->hd.length != 0 || impl.count_idle_frame()
                   ? 0
                   : impl.calm_down(kIdleFrames);
      case NGHTTP2_RST_STREAM:
        return impl.count_reset() ? 0 : impl.calm_down(kResets);
      case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) impl.windows.settle();
        [[fallthrough]];
      case NGHTTP2_PING:
      case NGHTTP2_PRIORITY:
        return impl.count_idle_frame() ? 0 : impl.calm_down(kIdleFrames);
      default:
        return 0;
    }
  }

  bool count_reset() { return resets.try_take(kHttp2ResetLimit, now); }
  bool count_idle_frame() { return idle_frames.try_take(kHttp2IdleFrameLimit, now); }
  int calm_down(std::string_view why) {
    reproach = why;
    nghttp2_session_terminate_session(session, NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
  }

  int on_headers(Http2StreamId id, bool ends) {
    Stream* stream = find(id);
    if (stream == nullptr) return 0;
    if (stream->has_head) {
      if (stream->malformed) return reset(id, NGHTTP2_PROTOCOL_ERROR);
      if (ends) on_request_end(id);
      return 0;
    }
    stream->has_head = true;
    RequestHead head;
    auto verdict = stream->request.finish(ends, head);
    stream->unheard = verdict != Http2RequestBuilder::Verdict::kGood;
    switch (verdict) {
      case Http2RequestBuilder::Verdict::kMalformed:
        return reset(id, NGHTTP2_PROTOCOL_ERROR);
      case Http2RequestBuilder::Verdict::kTooLarge:
        return refuse(id, "431");
      case Http2RequestBuilder::Verdict::kTooLong:
        return refuse(id, "414");
      case Http2RequestBuilder::Verdict::kNotServed:
        return refuse(id, "501");
      case Http2RequestBuilder::Verdict::kGood:
        break;
    }
    events.on_request(id, std::move(head));
    if (ends) on_request_end(id);
    return 0;
  }

  void on_request_end(Http2StreamId id) {
    Stream* stream = find(id);
    if (stream != nullptr && !stream->unheard) events.on_end(id, stream->trailers.fields());
  }

  static int on_data(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* bytes,
                     std::size_t size, void* user) {
    Impl& impl = of(user);
    Stream* stream = impl.find(id);
    impl.windows.on_data(size);
    if (stream == nullptr || !stream->has_head || stream->unheard) {
      impl.windows.consume(id, size);
      return 0;
    }
    stream->unconsumed += size;
    impl.events.on_body(id, view(bytes, size));
    return 0;
  }

  static int on_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
    Impl& impl = of(user);
    Stream* stream = impl.find(id);
    if (stream == nullptr) return 0;
    impl.windows.on_close(stream->unconsumed, stream->opened);
    bool heard = stream->has_head && !stream->unheard;
    impl.buffered -= stream->out.size() + stream->heads;
    impl.streams.erase(id);
    if (heard) impl.events.on_closed(id);
    return 0;
  }

  // A client that makes us reset its streams costs as much as one that resets them itself.
  static int on_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Impl& impl = of(user);
    impl.on_head_gone(frame);
    bool fault = frame->hd.type == NGHTTP2_RST_STREAM &&
                 frame->rst_stream.error_code != NGHTTP2_NO_ERROR &&
                 frame->rst_stream.error_code != NGHTTP2_REFUSED_STREAM;
    if (fault && !impl.count_reset()) impl.calm_down(kResets);
    bool answered = (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
                    (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    // It need not send the rest of a request that was answered (section 8.1).
    if (answered && nghttp2_session_get_stream_remote_close(impl.session, frame->hd.stream_id) == 0)
      impl.reset(frame->hd.stream_id, NGHTTP2_NO_ERROR);
    return 0;
  }

  // A head that is too large to be sent: its stream would wait for it for ever.
  static int on_not_sent(nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
    of(user).on_head_gone(frame);
    bool is_open = of(user).find(frame->hd.stream_id) != nullptr;  // else it was not sent for that
    if (frame->hd.type == NGHTTP2_HEADERS && is_open)
      of(user).reset(frame->hd.stream_id, NGHTTP2_INTERNAL_ERROR);
    return 0;
  }

  // Trailers, which are not counted, come behind all heads.
  void on_head_gone(const nghttp2_frame* frame) {
    Stream* stream = frame->hd.type == NGHTTP2_HEADERS ? find(frame->hd.stream_id) : nullptr;
    if (stream == nullptr) return;
    std::size_t gone = std::min(stream->heads, http2::list_size(frame->headers));
    stream->heads -= gone;
    buffered -= gone;
  }

  // ---------------------------------------------------------------- what is said to it

  int reset(Http2StreamId id, std::uint32_t error) const {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, error);
    return 0;
  }

  // Answered here: nobody else hears of the request.
  int refuse(Http2StreamId id, const std::string& status) {
    const std::string name = ":status";
    const nghttp2_nv field = http2::make_field(name, status);
    nghttp2_submit_response(session, id, &field, 1, nullptr);
    return 0;
  }

  static ssize_t read_body(nghttp2_session*, std::int32_t id, std::uint8_t* into, std::size_t room,
                           std::uint32_t* flags, nghttp2_data_source*, void* user) {
    Impl& impl = of(user);
    Stream* stream = impl.find(id);
    if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    ssize_t size = http2::read_body(impl.session, id, stream->out, into, room, flags);
    if (size > 0) {
      stream->sent += static_cast<std::size_t>(size);
      impl.buffered -= static_cast<std::size_t>(size);
    }
    return size;
  }

  Events events;
  nghttp2_session* session = nullptr;
  std::map<Http2StreamId, Stream> streams;
  Http2StreamId newest = -1;
  std::deque<std::pair<Http2StreamId, Http2StreamId>> skipped;  // first and last
  TokenBucket resets;
  TokenBucket idle_frames;
  Instant now{};
  http2::ReceiveWindows windows;
  std::size_t buffered = 0;  // in all streams' `out` and heads
  std::string_view reproach;
};

Http2Codec::Http2Codec(Events events) : impl_(std::make_unique<Impl>(std::move(events))) {}
Http2Codec::~Http2Codec() = default;

bool Http2Codec::feed(std::string_view bytes, Instant now) {
  impl_->now = now;
  auto taken = nghttp2_session_mem_recv(
      impl_->session, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  if (is_flood(taken)) {
    impl_->calm_down(kFlood);
  } else if (taken < 0) {
    nghttp2_session_terminate_session(impl_->session, NGHTTP2_PROTOCOL_ERROR);
  }
  return taken >= 0 && nghttp2_session_want_read(impl_->session) != 0;
}

std::string_view Http2Codec::next_output() {
  const std::uint8_t* bytes = nullptr;
  auto size = nghttp2_session_mem_send(impl_->session, &bytes);
  return size <= 0 ? std::string_view() : view(bytes, static_cast<std::size_t>(size));
}

bool Http2Codec::is_over() const {
  return nghttp2_session_want_read(impl_->session) == 0 &&
         nghttp2_session_want_write(impl_->session) == 0;
}

void Http2Codec::respond(Http2StreamId id, const ResponseHead& head, bool ended) {
  Stream* stream = impl_->find(id);
  if (stream == nullptr) return;
  const std::string status = std::to_string(head.status), length = std::to_string(head.body.length);
  http2::Fields fields(head.fields.size() + 2);
  fields.add(":status", status);
  fields.add(head.fields);
  if (head.body.kind == BodyKind::kLength) fields.add("content-length", length);
  stream->heads += fields.list_size();
  impl_->buffered += fields.list_size();
  if (is_interim(head.status)) {
    nghttp2_submit_headers(impl_->session, NGHTTP2_FLAG_NONE, id, nullptr, fields.data(),
                           fields.size(), nullptr);
    return;
  }
  stream->out.ended = ended;
  nghttp2_data_provider body{{.ptr = nullptr}, Impl::read_body};
  nghttp2_submit_response(impl_->session, id, fields.data(), fields.size(),
                          ended ? nullptr : &body);
}

void Http2Codec::send_body(Http2StreamId id, std::string_view piece) {
  Stream* stream = impl_->find(id);
  if (stream == nullptr || piece.empty()) return;
  stream->out.bytes.append(piece);
  impl_->buffered += piece.size();
  http2::resume_body(impl_->session, id, stream->out);
}

void Http2Codec::end_body(Http2StreamId id, const HeaderList& trailers) {
  Stream* stream = impl_->find(id);
  if (stream == nullptr) return;
  stream->out.ended = true;
  stream->out.trailers = trailers;
  http2::resume_body(impl_->session, id, stream->out);
}

void Http2Codec::reset(Http2StreamId id, Http2Error error) {
  impl_->reset(id, static_cast<std::uint32_t>(error));
}

void Http2Codec::consume(Http2StreamId id, std::size_t bytes) {
  Stream* stream = impl_->find(id);
  if (stream == nullptr) return;
  stream->unconsumed -= std::min(stream->unconsumed, bytes);
  impl_->windows.consume(id, bytes);
}

bool Http2Codec::widen(Http2StreamId id) {
  Stream* stream = impl_->find(id);
  return stream != nullptr && impl_->windows.widen(id, stream->opened);
}

std::size_t Http2Codec::buffered(Http2StreamId id) const {
  const Stream* stream = impl_->find(id);
  return stream == nullptr ? 0 : stream->out.size() + stream->heads;
}

std::uint64_t Http2Codec::sent(Http2StreamId id) const {
  const Stream* stream = impl_->find(id);
  return stream == nullptr ? 0 : stream->sent;
}

std::size_t Http2Codec::buffered() const {
  return impl_->buffered;
}

std::string_view Http2Codec::reproach() const {
  return impl_->reproach;
}

void Http2Codec::shut_down() {
  nghttp2_submit_shutdown_notice(impl_->session);
  nghttp2_submit_goaway(impl_->session, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(impl_->session), NGHTTP2_NO_ERROR,
                        nullptr, 0);
}

std::size_t Http2Codec::streams() const {
  return impl_->streams.size();
}

}  // namespace sixpn::flycast
