#include "flycast/core/http1_reader.h"

#include <algorithm>

#include "flycast/core/http1_limits.h"

namespace sixpn::flycast {
namespace {

// The first line counts too.
constexpr SectionScanner::Limits kRequestLimits{kMaxHeadBytes, kMaxRequestLineBytes,
                                                kMaxFields + 1};
constexpr SectionScanner::Limits kProxyLimits{kMaxHeadBytes + kMaxAddedBytes, kMaxRequestLineBytes,
                                              kMaxFields + kMaxAddedFields + 1};
constexpr SectionScanner::Limits kResponseLimits{kMaxHeadBytes + kMaxFramingBytes, 0,
                                                 kMaxFields + kMaxFramingFields + 1};

// "HTTP/1.1 200 ", ": ", line ends, and the empty line.
std::size_t written_size(const ResponseHead& head) {
  std::size_t size = 15 + head.reason.size() + head.upgrade.size() + 2;
  for (const FieldView& field : head.fields) size += field.name.size() + field.value.size() + 4;
  return size;
}

// Of what was read as `head`, in so many bytes.
HttpFault check_size(const ResponseHead& head, std::size_t bytes) {
  if (head.fields.size() > kMaxFields) return {502, "too many fields"};
  // A blank behind each colon is all that writing adds.
  bool may_be_too_large = bytes + kMaxFields > kMaxHeadBytes;
  if (may_be_too_large && written_size(head) > kMaxHeadBytes)
    return {502, "its fields are too large"};
  return {};
}

ReadEvent step_of(BodyReader& body, std::string_view& bytes, std::string_view& piece) {
  BodyReader::Step step = body.next(bytes);
  switch (step.state) {
    case BodyReader::State::kMore:
      return ReadEvent::kMore;
    case BodyReader::State::kPiece:
      piece = step.piece;
      return ReadEvent::kPiece;
    case BodyReader::State::kDone:
      return ReadEvent::kEnd;
    case BodyReader::State::kFault:
      break;
  }
  return ReadEvent::kFault;
}

}  // namespace

SectionScanner::State HeadReader::next(std::string_view& bytes, std::string_view& head) {
  using State = SectionScanner::State;
  if (whole_) {
    held_ = {};
    scanner_ = SectionScanner(limits_);
    whole_ = false;
  }
  std::size_t before = held_.size();
  if (before == 0) {
    State state = scanner_.scan(bytes);
    if (state == State::kDone) {
      whole_ = true;
      head = bytes.substr(0, scanner_.size());
      bytes.remove_prefix(head.size());
    }
    if (state != State::kMore) return state;
    held_ = bytes;
    bytes = {};
    return state;
  }
  held_.append(bytes.substr(0, limits_.bytes + 1 - std::min(before, limits_.bytes)));
  State state = scanner_.scan(held_);
  if (state == State::kMore) bytes = {};
  if (state != State::kDone) return state;
  whole_ = true;
  bytes.remove_prefix(scanner_.size() - before);
  head = std::string_view(held_).substr(0, scanner_.size());
  return state;
}

RequestReader::RequestReader() : RequestReader(kRequestLimits) {}

RequestReader RequestReader::of_proxy() {
  return RequestReader(kProxyLimits);
}

ReadEvent RequestReader::refuse(const HttpFault& fault) {
  fault_ = fault;
  return ReadEvent::kFault;
}

ReadEvent RequestReader::next(std::string_view& bytes) {
  if (fault_) return ReadEvent::kFault;
  if (ended_) {
    ended_ = false;
    body_.reset();
    head_ = {};
  }
  return body_ ? read_body(bytes) : read_head(bytes);
}

ReadEvent RequestReader::read_head(std::string_view& bytes) {
  // One empty line before a request is forgiven (RFC 9112 section 2.2).
  while (!begun_ && !skipped_empty_line_ && !bytes.empty()) {
    if (!after_cr_ && bytes[0] != '\r') break;
    if (after_cr_ && bytes[0] != '\n') return refuse({400, "a bare CR"});
    bytes.remove_prefix(1);
    skipped_empty_line_ = after_cr_;
    after_cr_ = !after_cr_;
  }
  if (bytes.empty()) return ReadEvent::kMore;
  begun_ = true;
  std::string_view head;
  switch (lines_.next(bytes, head)) {
    case SectionScanner::State::kMore:
      return ReadEvent::kMore;
    case SectionScanner::State::kFault:
      return refuse(lines_.fault());
    case SectionScanner::State::kDone:
      break;
  }
  begun_ = skipped_empty_line_ = false;
  if (HttpFault fault = parse_request_head(head, head_)) return refuse(fault);
  body_ = std::make_unique<BodyReader>(head_.body);
  return ReadEvent::kHead;
}

ReadEvent RequestReader::read_body(std::string_view& bytes) {
  ReadEvent event = step_of(*body_, bytes, piece_);
  if (event == ReadEvent::kFault) return refuse(body_->fault());
  ended_ = event == ReadEvent::kEnd;
  return event;
}

ResponseReader::ResponseReader(const ResponseContext& context)
    : context_(context), lines_(kResponseLimits) {}

ReadEvent ResponseReader::refuse(const HttpFault& fault) {
  fault_ = {502, fault.why};
  return ReadEvent::kFault;
}

ReadEvent ResponseReader::next(std::string_view& bytes) {
  if (fault_) return ReadEvent::kFault;
  if (!in_body_) return read_head(bytes);
  ReadEvent event = step_of(body_, bytes, piece_);
  return event == ReadEvent::kFault ? refuse(body_.fault()) : event;
}

ReadEvent ResponseReader::read_head(std::string_view& bytes) {
  if (bytes.empty()) return ReadEvent::kMore;
  begun_ = true;
  std::string_view head;
  switch (lines_.next(bytes, head)) {
    case SectionScanner::State::kMore:
      return ReadEvent::kMore;
    case SectionScanner::State::kFault:
      return refuse(lines_.fault());
    case SectionScanner::State::kDone:
      break;
  }
  head_ = {};
  if (HttpFault fault = parse_response_head(head, context_, head_)) return refuse(fault);
  if (HttpFault fault = check_size(head_, head.size())) return refuse(fault);
  if (head_.status == 101) return ReadEvent::kSwitched;
  if (is_interim(head_.status)) {
    if (++interims_ > kMaxInterimResponses) return refuse({502, "too many interim responses"});
    return ReadEvent::kInterim;
  }
  in_body_ = true;
  body_ = BodyReader(head_.body);
  return ReadEvent::kHead;
}

ReadEvent ResponseReader::end() {
  if (fault_) return ReadEvent::kFault;
  if (!in_body_)
    return refuse({502, begun_ ? "its response was cut" : "it closed without a response"});
  if (body_.end() == BodyReader::State::kDone) return ReadEvent::kEnd;
  return refuse({502, "its response was cut"});
}

}  // namespace sixpn::flycast
