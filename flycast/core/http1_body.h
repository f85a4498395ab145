// BodyReader: takes a body off the bytes of a connection, in pieces of any size: by length, chunked
// (RFC 9112 section 7.1) or until the close. What it hands out points into the bytes it was given;
// it holds at most one chunk line and the trailers. Chunk extensions are checked and dropped.
// Pure. Limits: http1_limits.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "flycast/core/http1_syntax.h"
#include "flycast/core/http_message.h"

namespace sixpn::flycast {

class BodyReader {
 public:
  enum class State : std::uint8_t {
    kMore,   // all bytes are taken, the body goes on
    kPiece,  // `piece` is some of the body: call again
    kDone,   // the body has ended; the bytes that are left are not of it
    kFault,  // fault() says why; nothing more can be read
  };
  struct Step {
    State state = State::kMore;
    std::string_view piece;
  };

  BodyReader() : BodyReader(BodyFraming{}) {}
  explicit BodyReader(const BodyFraming& framing);

  // Takes from the front of `bytes`.
  Step next(std::string_view& bytes);
  // The connection ended. kDone for a body until the close, or one already done; else cut: kFault.
  State end();

  [[nodiscard]] const HttpFault& fault() const { return fault_; }
  // Of a chunked body that is done. Empty for others.
  [[nodiscard]] const HeaderList& trailers() const { return trailers_; }

 private:
  enum class Stage : std::uint8_t {
    kPayload,
    kUntilClose,
    kChunkLine,
    kChunkEnd,  // the CRLF behind a chunk
    kTrailers,
    kDone,
    kFault,
  };

  Step refuse(int status, std::string_view why);
  Step next_payload(std::string_view& bytes);
  bool read_chunk_line(std::string_view& bytes);  // true: a fault
  bool on_chunk_line(std::string_view line);
  bool read_chunk_end(std::string_view& bytes);
  bool read_trailers(std::string_view& bytes);
  bool on_trailers(std::string_view section);

  Stage stage_ = Stage::kDone;
  bool chunked_ = false;
  bool after_cr_ = false;
  std::uint64_t left_ = 0;  // of the payload or chunk
  std::size_t extension_bytes_ = 0;
  std::string held_;  // an unfinished chunk line or trailer section
  SectionScanner scanner_;
  HeaderList trailers_;
  HttpFault fault_;
};

}  // namespace sixpn::flycast
