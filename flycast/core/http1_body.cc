#include "flycast/core/http1_body.h"

#include <algorithm>

#include "flycast/core/field_roles.h"
#include "flycast/core/http1_limits.h"

namespace sixpn::flycast {
namespace {

constexpr SectionScanner::Limits kTrailerLimits{kMaxTrailerBytes, 0, kMaxTrailers};

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void skip_blanks(std::string_view& text) {
  while (!text.empty() && (text[0] == ' ' || text[0] == '\t')) text.remove_prefix(1);
}

bool skip_token(std::string_view& text) {
  std::size_t size = 0;
  while (size < text.size() && is_token_char(text[size])) ++size;
  text.remove_prefix(size);
  return size != 0;
}

bool skip_quoted(std::string_view& text) {
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return true;
    }
  }
  return false;
}

// *( BWS ";" BWS name [ BWS "=" BWS value ] ) to the end of the line (RFC 9112 section 7.1.1).
bool are_extensions(std::string_view text) {
  while (!text.empty()) {
    skip_blanks(text);
    if (text.empty() || text[0] != ';') return false;
    text.remove_prefix(1);
    skip_blanks(text);
    if (!skip_token(text)) return false;
    std::string_view value = text;
    skip_blanks(value);
    if (value.empty() || value[0] != '=') continue;
    value.remove_prefix(1);
    skip_blanks(value);
    bool quoted = !value.empty() && value[0] == '"';
    if (!(quoted ? skip_quoted(value) : skip_token(value))) return false;
    text = value;
  }
  return true;
}

}  // namespace

BodyReader::BodyReader(const BodyFraming& framing) : scanner_(kTrailerLimits) {
  switch (framing.kind) {
    case BodyKind::kNone:
      break;
    case BodyKind::kLength:
      left_ = framing.length;
      if (left_ != 0) stage_ = Stage::kPayload;
      break;
    case BodyKind::kStreamed:
      stage_ = Stage::kChunkLine;
      chunked_ = true;
      break;
    case BodyKind::kUntilClose:
      stage_ = Stage::kUntilClose;
      break;
  }
}

BodyReader::Step BodyReader::refuse(int status, std::string_view why) {
  stage_ = Stage::kFault;
  fault_ = {status, why};
  return {State::kFault, {}};
}

BodyReader::State BodyReader::end() {
  if (stage_ == Stage::kUntilClose) stage_ = Stage::kDone;
  if (stage_ == Stage::kDone) return State::kDone;
  if (stage_ != Stage::kFault) refuse(400, "the body was cut");
  return State::kFault;
}

BodyReader::Step BodyReader::next(std::string_view& bytes) {
  while (true) {
    switch (stage_) {
      case Stage::kDone:
        return {State::kDone, {}};
      case Stage::kFault:
        return {State::kFault, {}};
      case Stage::kPayload:
      case Stage::kUntilClose:
        return next_payload(bytes);
      case Stage::kChunkLine:
        if (bytes.empty()) return {};
        if (read_chunk_line(bytes)) return {State::kFault, {}};
        break;
      case Stage::kChunkEnd:
        if (bytes.empty()) return {};
        if (read_chunk_end(bytes)) return {State::kFault, {}};
        break;
      case Stage::kTrailers:
        if (bytes.empty()) return {};
        if (read_trailers(bytes)) return {State::kFault, {}};
        break;
    }
  }
}

BodyReader::Step BodyReader::next_payload(std::string_view& bytes) {
  if (bytes.empty()) return {};
  std::string_view piece = bytes;
  if (stage_ == Stage::kPayload) {
    piece = bytes.substr(0, left_);
    left_ -= piece.size();
    if (left_ == 0) stage_ = chunked_ ? Stage::kChunkEnd : Stage::kDone;
  }
  bytes.remove_prefix(piece.size());
  return {State::kPiece, piece};
}

bool BodyReader::read_chunk_line(std::string_view& bytes) {
  std::size_t end = bytes.find('\n');
  std::size_t taken = end == std::string_view::npos ? bytes.size() : end + 1;
  std::size_t room = kMaxChunkLineBytes - std::min(held_.size(), kMaxChunkLineBytes);
  bool too_long = taken > room;
  // In the order of the bytes, so that how they were cut makes no difference.
  for (std::size_t i = 0; i < std::min(taken, room); ++i) {
    char c = bytes[i];
    bool line_end = c == '\n';
    if (after_cr_ != line_end) return refuse(400, "a bare CR or LF in a chunk's line"), true;
    after_cr_ = c == '\r';
    bool control = static_cast<unsigned char>(c) < ' ' && c != '\t';
    if ((control && !line_end && !after_cr_) || c == 0x7f)
      return refuse(400, "a control character in a chunk's line"), true;
  }
  if (too_long) return refuse(400, "a chunk's line that is too long"), true;
  std::string_view line = bytes.substr(0, taken);
  bytes.remove_prefix(taken);
  bool whole = end != std::string_view::npos;
  if (!whole || !held_.empty()) held_.append(line);
  if (!whole) return false;
  after_cr_ = false;
  if (!held_.empty()) line = held_;
  bool failed = on_chunk_line(line.substr(0, line.size() - 2));
  held_.clear();
  return failed;
}

bool BodyReader::on_chunk_line(std::string_view line) {
  std::size_t digits = 0;
  left_ = 0;
  while (digits < line.size() && hex_digit(line[digits]) >= 0) {
    left_ = left_ << 4 | static_cast<std::uint64_t>(hex_digit(line[digits]));
    if (++digits > 16) return refuse(400, "a chunk's size with too many digits"), true;
  }
  if (digits == 0) return refuse(400, "a chunk without a size"), true;
  if (left_ > kMaxBodyBytes) return refuse(400, "a chunk that is too large"), true;
  std::string_view extensions = line.substr(digits);
  extension_bytes_ += extensions.size();
  if (extension_bytes_ > kMaxExtensionBytes)
    return refuse(400, "chunk extensions that are too long"), true;
  if (!are_extensions(extensions))
    return refuse(400, "something other than extensions behind a chunk's size"), true;
  stage_ = left_ == 0 ? Stage::kTrailers : Stage::kPayload;
  return false;
}

bool BodyReader::read_chunk_end(std::string_view& bytes) {
  while (!bytes.empty()) {
    if (bytes[0] != (after_cr_ ? '\n' : '\r'))
      return refuse(400, "no line end behind a chunk"), true;
    bytes.remove_prefix(1);
    after_cr_ = !after_cr_;
    if (after_cr_) continue;
    stage_ = Stage::kChunkLine;
    return false;
  }
  return false;
}

bool BodyReader::read_trailers(std::string_view& bytes) {
  std::size_t before = held_.size();
  // Most bodies have none, and their empty line comes in one piece.
  bool direct = held_.empty() && scanner_.scan(bytes) == SectionScanner::State::kDone;
  std::string_view section = bytes;
  if (!direct) {
    held_.append(bytes.substr(0, kMaxTrailerBytes + 1 - std::min(before, kMaxTrailerBytes)));
    section = held_;
    scanner_.scan(section);
  }
  if (const HttpFault& fault = scanner_.fault()) return refuse(fault.status, fault.why), true;
  std::size_t size = scanner_.size();
  bool done = scanner_.scan(section) == SectionScanner::State::kDone;
  bytes.remove_prefix(done ? size - before : bytes.size());
  if (!done) return false;
  stage_ = Stage::kDone;
  return on_trailers(section.substr(0, size));
}

bool BodyReader::on_trailers(std::string_view section) {
  while (section.size() > 2) {
    HttpFault fault = parse_field_line(take_line(section), trailers_);
    if (fault) return refuse(fault.status, fault.why), true;
    switch (rule_of_trailer(trailers_[trailers_.size() - 1].name)) {
      case TrailerRule::kRefuse:
        return refuse(400, "a trailer that may not be one"), true;
      case TrailerRule::kDrop:
        trailers_.remove(trailers_[trailers_.size() - 1].name);
        break;
      case TrailerRule::kKeep:
        break;
    }
  }
  held_ = {};
  return false;
}

}  // namespace sixpn::flycast
