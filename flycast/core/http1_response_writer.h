// Http1ResponseWriter: a response on its way to a client of HTTP/1, as that client's version and
// the request ask for it: which form its body has, whether the connection goes on behind it, and
// how far it has come. Values in, text out; who sends that says what went. Pure. Called by
// HttpSession.
#pragma once

#include <string>
#include <string_view>

#include "flycast/core/http1_head.h"

namespace sixpn::flycast {

class Http1ResponseWriter {
 public:
  Http1ResponseWriter() = default;  // to no request that was understood
  explicit Http1ResponseWriter(const RequestHead& request)
      : to_http10_(request.is_http10), keeps_alive_(request.keep_alive) {}

  void interim(const ResponseHead& head, std::string& out) const;
  void head(const ResponseHead& head, std::string& out);
  // A piece of the body stands between what before() and behind() write.
  void before(std::string_view piece, std::string& out) const { body_.before(piece.size(), out); }
  void behind(std::string& out) const { body_.behind(out); }
  void end(const HeaderList& trailers, std::string& out) const { body_.end(trailers, out); }
  // Another one in its place, of which nothing went yet.
  void instead(const ResponseHead& head, bool keeps_alive, std::string& out) const;

  // Once what was written has gone: a response that has begun cannot become another one.
  void on_sent() { begun_ = begun_ || has_head_; }
  [[nodiscard]] bool begun() const { return begun_; }

  // The connection carries no further request: to be said before the head.
  void close_behind() { keeps_alive_ = false; }
  [[nodiscard]] bool keeps_alive() const { return keeps_alive_; }

 private:
  bool to_http10_ = false;
  bool keeps_alive_ = false;
  BodyWriter body_;
  bool has_head_ = false;
  bool begun_ = false;
};

}  // namespace sixpn::flycast
