// RequestReader and ResponseReader: one direction of an HTTP/1 connection as a row of messages.
// Bytes go in as they come; out come heads, pieces of bodies and ends, one per call. However the
// bytes were cut, the same comes out. A fault is final: the connection cannot be understood any
// further.
//
// They hold an unfinished head and nothing else; what they hand out lives until the next call.
// Called by HttpSession and its upstream, and by fuzzers. Pure. Limits: http1_limits.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "flycast/core/http1_body.h"
#include "flycast/core/http1_head.h"

namespace sixpn::flycast {

enum class ReadEvent : std::uint8_t {
  kMore,      // all bytes are taken
  kHead,      // head() is a message's
  kInterim,   // head() is that of a 1xx response other than 101 (responses only)
  kPiece,     // piece() is some of its body
  kEnd,       // it is whole; trailers() are its. What is left of the bytes is the next one's
  kSwitched,  // a 101: what is left, and what comes, is of another protocol (responses only)
  kFault,     // fault()
};

// Collects one head.
class HeadReader {
 public:
  explicit HeadReader(const SectionScanner::Limits& limits) : limits_(limits), scanner_(limits) {}
  // Takes from `bytes`. When done, `head` is the section, until the next call.
  SectionScanner::State next(std::string_view& bytes, std::string_view& head);
  [[nodiscard]] const HttpFault& fault() const { return scanner_.fault(); }
  [[nodiscard]] bool begun() const { return !held_.empty(); }

 private:
  SectionScanner::Limits limits_;
  SectionScanner scanner_;
  std::string held_;
  bool whole_ = false;  // held_ was handed out
};

class RequestReader {
 public:
  RequestReader();  // of clients
  // Of what this proxy wrote itself: with as much more of a head as it adds.
  static RequestReader of_proxy();
  ReadEvent next(std::string_view& bytes);

  [[nodiscard]] RequestHead& head() { return head_; }  // may be moved from
  [[nodiscard]] std::string_view piece() const { return piece_; }
  [[nodiscard]] const HeaderList& trailers() const { return body_->trailers(); }
  [[nodiscard]] const HttpFault& fault() const { return fault_; }
  // Nothing of a request was read, or all of one.
  [[nodiscard]] bool idle() const { return (!body_ || ended_) && !begun_; }

 private:
  explicit RequestReader(const SectionScanner::Limits& limits) : lines_(limits) {}
  ReadEvent refuse(const HttpFault& fault);
  ReadEvent read_head(std::string_view& bytes);
  ReadEvent read_body(std::string_view& bytes);

  HeadReader lines_;
  RequestHead head_;
  std::unique_ptr<BodyReader> body_;  // while one is read
  bool ended_ = false;                // body_ is kept for its trailers
  bool begun_ = false;
  bool skipped_empty_line_ = false;
  bool after_cr_ = false;
  std::string_view piece_;
  HttpFault fault_;
};

class ResponseReader {
 public:
  // The method must outlive the head.
  explicit ResponseReader(const ResponseContext& context);
  ReadEvent next(std::string_view& bytes);
  // The machine closed: kEnd for a body until the close, else kFault.
  ReadEvent end();

  [[nodiscard]] ResponseHead& head() { return head_; }  // may be moved from
  [[nodiscard]] std::string_view piece() const { return piece_; }
  [[nodiscard]] const HeaderList& trailers() const { return body_.trailers(); }
  [[nodiscard]] const HttpFault& fault() const { return fault_; }
  // Not a byte of a response has come.
  [[nodiscard]] bool untouched() const { return !begun_; }

 private:
  ReadEvent refuse(const HttpFault& fault);
  ReadEvent read_head(std::string_view& bytes);

  ResponseContext context_;
  HeadReader lines_;
  ResponseHead head_;
  BodyReader body_;
  bool in_body_ = false;
  bool begun_ = false;
  int interims_ = 0;
  std::string_view piece_;
  HttpFault fault_;
};

}  // namespace sixpn::flycast
