#include "tests/unit/flycast/http1_transcript.h"

#include <fmt/format.h>

namespace sixpn::flycast {
namespace {

std::string text_of(const HeaderList& fields) {
  std::string text;
  for (std::size_t i = 0; i < fields.size(); ++i)
    text += fmt::format(" [{}: {}]", fields[i].name, fields[i].value);
  return text;
}

std::string text_of(const BodyFraming& body) {
  switch (body.kind) {
    case BodyKind::kNone:
      return "";
    case BodyKind::kLength:
      return fmt::format(" len={}", body.length);
    case BodyKind::kStreamed:
      return " chunked";
    case BodyKind::kUntilClose:
      return " until-close";
  }
  return "?";
}

std::string text_of(const HttpFault& fault) {
  return fmt::format("{} {}", fault.status, fault.why);
}

// Pieces of a body are joined: how they were cut is no part of the message.
class Writer {
 public:
  void piece(std::string_view bytes) { body_ += bytes; }
  void part(const std::string& part) {
    flush();
    text_ += text_.empty() ? part : "; " + part;
  }
  void end(const HeaderList& trailers) {
    has_body_ = true;
    flush();
    text_ += text_of(trailers);
  }
  std::string text() {
    flush();
    return text_;
  }

 private:
  void flush() {
    if (!body_.empty() || has_body_) text_ += fmt::format(" \"{}\"", body_);
    body_.clear();
    has_body_ = false;
  }
  std::string text_;
  std::string body_;
  bool has_body_ = false;
};

// Feeds `bytes` in cuts to `next` until it says that nothing more is wanted.
template <class Next>
void feed(std::string_view bytes, const Cut& cut, Next next) {
  std::string_view unread = bytes;
  std::size_t given = 0;
  while (given < bytes.size()) {
    given += std::max<std::size_t>(1, std::min(cut(bytes.size() - given), bytes.size() - given));
    std::size_t consumed = bytes.size() - unread.size();
    std::string copy(bytes.substr(consumed, given - consumed));  // so that a stale view is seen
    std::string_view window = copy;
    bool more = next(window);
    unread.remove_prefix(copy.size() - window.size());
    if (!more) return;
  }
}

}  // namespace

Cut all_at_once() {
  return [](std::size_t left) { return left; };
}

Cut one_by_one() {
  return [](std::size_t) { return std::size_t{1}; };
}

std::string text_of(const RequestHead& head) {
  return fmt::format("{} {} h={}{}{}{}{}{}{}", head.method, head.target, head.host,
                     text_of(head.fields), text_of(head.body),
                     head.upgrade.empty() ? "" : " upgrade=" + head.upgrade,
                     head.is_http10 ? " 1.0" : "", head.keep_alive ? "" : " close",
                     head.expects_continue ? " expects" : "");
}

std::string text_of(const ResponseHead& head) {
  return fmt::format("{} {}{}{}{}{}{}", head.status, head.reason, text_of(head.fields),
                     text_of(head.body), head.upgrade.empty() ? "" : " upgrade=" + head.upgrade,
                     head.is_http10 ? " 1.0" : "", head.keep_alive ? "" : " close");
}

std::string transcript_of_requests(std::string_view bytes, const Cut& cut) {
  RequestReader reader;
  Writer writer;
  feed(bytes, cut, [&](std::string_view& window) {
    while (true) {
      switch (reader.next(window)) {
        case ReadEvent::kMore:
          return true;
        case ReadEvent::kHead:
          writer.part(text_of(reader.head()));
          break;
        case ReadEvent::kPiece:
          writer.piece(reader.piece());
          break;
        case ReadEvent::kEnd:
          writer.end(reader.trailers());
          break;
        case ReadEvent::kFault:
          writer.part(text_of(reader.fault()));
          return false;
        case ReadEvent::kInterim:
        case ReadEvent::kSwitched:
          writer.part("impossible");
          return false;
      }
    }
  });
  if (reader.fault()) return writer.text();
  if (!reader.idle()) writer.part("unfinished");
  return writer.text();
}

std::string transcript_of_response(std::string_view bytes, const ResponseContext& context,
                                   bool closed, const Cut& cut) {
  ResponseReader reader(context);
  Writer writer;
  bool over = false;
  std::size_t left = 0;
  feed(bytes, cut, [&](std::string_view& window) {
    while (!over) {
      ReadEvent event = reader.next(window);
      switch (event) {
        case ReadEvent::kMore:
          return true;
        case ReadEvent::kHead:
        case ReadEvent::kInterim:
        case ReadEvent::kSwitched:
          writer.part(text_of(reader.head()));
          over = event == ReadEvent::kSwitched;
          break;
        case ReadEvent::kPiece:
          writer.piece(reader.piece());
          break;
        case ReadEvent::kEnd:
          writer.end(reader.trailers());
          over = true;
          break;
        case ReadEvent::kFault:
          writer.part(text_of(reader.fault()));
          over = true;
          break;
      }
    }
    left = window.size();
    return false;
  });
  static_cast<void>(left);  // how much of what follows was read already depends on the cut
  if (over) return writer.text();
  if (!closed) {
    // A response without a body is whole with its head, before any further byte.
    std::string_view none;
    if (!reader.untouched() && reader.next(none) == ReadEvent::kEnd) {
      writer.end(reader.trailers());
    } else {
      writer.part("unfinished");
    }
  } else if (reader.end() == ReadEvent::kEnd) {
    writer.end(reader.trailers());
  } else {
    writer.part(text_of(reader.fault()));
  }
  return writer.text();
}

std::string rewritten_requests(std::string_view bytes) {
  RequestReader reader;
  std::string out;
  std::string message;
  bool chunked = false;
  while (true) {
    switch (reader.next(bytes)) {
      case ReadEvent::kHead:
        message.clear();
        chunked = reader.head().body.kind == BodyKind::kStreamed;
        if (reader.head().host.empty()) reader.head().host = "dialled";  // an older client's
        write_request_head(reader.head(), message);
        break;
      case ReadEvent::kPiece:
        if (chunked) write_chunk_size(reader.piece().size(), message);
        message += reader.piece();
        if (chunked) message += "\r\n";
        break;
      case ReadEvent::kEnd:
        if (chunked) write_last_chunk(reader.trailers(), message);
        out += message;
        break;
      default:
        return out;
    }
  }
}

std::string rewritten_response(std::string_view bytes, const ResponseContext& context, bool closed,
                               bool& whole) {
  ResponseReader reader(context);
  std::string out;
  WireForm form;
  whole = false;
  while (true) {
    ReadEvent event = reader.next(bytes);
    if (event == ReadEvent::kMore && bytes.empty() && closed) event = reader.end();
    switch (event) {
      case ReadEvent::kHead:
      case ReadEvent::kInterim:
      case ReadEvent::kSwitched:
        form = response_form(reader.head(), false, reader.head().keep_alive);
        write_response_head(reader.head(), form, out);
        if (event == ReadEvent::kSwitched) return whole = true, out;
        break;
      case ReadEvent::kPiece:
        if (form.body.kind == BodyKind::kStreamed) write_chunk_size(reader.piece().size(), out);
        out += reader.piece();
        if (form.body.kind == BodyKind::kStreamed) out += "\r\n";
        break;
      case ReadEvent::kEnd:
        if (form.body.kind == BodyKind::kStreamed) write_last_chunk(reader.trailers(), out);
        return whole = true, out;
      case ReadEvent::kMore:
      case ReadEvent::kFault:
        return out;
    }
  }
}

}  // namespace sixpn::flycast
