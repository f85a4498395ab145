// KnockSocket: one UDP socket for IPv6 and IPv4 (as mapped addresses) that answers from the address
// it was asked at, as firewalls on the way expect (RFC 3542 section 6.2). Never blocks. Used by
// KnockService, on its loop; the descriptor is for that loop to watch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.h"
#include "base/ip.h"
#include "base/result.h"

namespace sixpn::mesh {

class KnockSocket {
 public:
  // How an answer goes back the way its question came.
  struct ReturnPath {
    Ip6 local;
    std::uint32_t interface = 0;  // set for link-local addresses only
    std::uint32_t scope = 0;
  };
  struct Datagram {
    IpEndpoint from;
    ReturnPath path;
    std::string bytes;  // one more than the largest knock when it was larger
  };

  // [::]:port, any free one for 0. Errors: the port is taken, no IPv6.
  static Result<KnockSocket> open(std::uint16_t port);

  // Nothing when no datagram waits.
  std::optional<Datagram> receive();
  Result<void> send(const IpEndpoint& to, std::string_view bytes) const;
  Result<void> reply(const Datagram& question, std::string_view bytes) const;

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  KnockSocket(Fd fd, std::uint16_t port) : fd_(std::move(fd)), port_(port) {}
  Result<void> send_by(const IpEndpoint& to, std::string_view bytes, const ReturnPath* path) const;

  Fd fd_;
  std::uint16_t port_ = 0;
};

}  // namespace sixpn::mesh
