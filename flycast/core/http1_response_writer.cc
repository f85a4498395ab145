#include "flycast/core/http1_response_writer.h"

namespace sixpn::flycast {

// HTTP/1.0 knows none (RFC 9110 section 15.2).
void Http1ResponseWriter::interim(const ResponseHead& head, std::string& out) const {
  if (!to_http10_) write_response_head(head, {}, out);
}

void Http1ResponseWriter::head(const ResponseHead& head, std::string& out) {
  WireForm form = response_form(head, to_http10_, keeps_alive_);
  keeps_alive_ = form.keep_alive;
  body_ = {form.body.kind};
  has_head_ = true;
  write_response_head(head, form, out);
}

void Http1ResponseWriter::instead(const ResponseHead& head, bool keeps_alive,
                                  std::string& out) const {
  write_response_head(head, response_form(head, to_http10_, keeps_alive), out);
}

}  // namespace sixpn::flycast
