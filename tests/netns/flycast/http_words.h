// Words of HTTP/1 that the tests of HTTP ports say and read, byte by byte.
#pragma once

#include <string>

#include "tests/netns/flycast/stage.h"

namespace sixpn::flycast {

// Until the empty line, and that many bytes of a body.
inline std::string read_message(Tcp& from, std::size_t body = 0) {
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    std::string byte = from.read_exactly(1);
    if (byte.empty()) return head + "<cut>";
    head += byte;
  }
  return head + from.read_exactly(body);
}

inline std::string ok(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace sixpn::flycast
