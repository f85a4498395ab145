#include "registry/io/gossip_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>

#include "base/io/sockaddr.h"
#include "registry/core/address.h"
#include "registry/core/gossip_codec.h"

// linux/in6.h has it, and clashes with netinet/in.h.
#ifndef IPV6_FREEBIND
#define IPV6_FREEBIND 78
#endif

namespace sixpn::registry {
namespace {

// Per wake-up, so that a flood leaves room for timers.
constexpr int kMaxDatagramsPerRound = 64;

}  // namespace

Result<std::unique_ptr<GossipSocket>> GossipSocket::open(EventLoop& loop, const Ip6& address,
                                                         std::uint16_t port,
                                                         OnDatagram on_datagram) {
  std::string where = to_string(IpEndpoint{address, port});
  Fd socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno("making a UDP socket");
  int on = 1;
  auto enable = [&](int option) {
    return ::setsockopt(socket.get(), IPPROTO_IPV6, option, &on, sizeof on) == 0;
  };
  if (!enable(IPV6_V6ONLY) || !enable(IPV6_FREEBIND))
    return Error::from_errno("preparing the gossip socket");
  sockaddr_in6 local = to_sockaddr({address, port});
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) != 0)
    return Error::from_errno("binding gossip to UDP " + where);
  return std::unique_ptr<GossipSocket>(
      new GossipSocket(loop, std::move(socket), port, std::move(on_datagram)));
}

GossipSocket::GossipSocket(EventLoop& loop, Fd socket, std::uint16_t port, OnDatagram on_datagram)
    : socket_(std::move(socket)),
      port_(port),
      on_datagram_(std::move(on_datagram)),
      watch_(loop, socket_.get(), [this] { on_readable(); }) {}

bool GossipSocket::send(HostId to, std::string_view bytes) {
  sockaddr_in6 peer = to_sockaddr({host_address(to), port_});
  auto sent = ::sendto(socket_.get(), bytes.data(), bytes.size(), 0,
                       reinterpret_cast<const sockaddr*>(&peer), sizeof peer);
  return sent == static_cast<ssize_t>(bytes.size());
}

void GossipSocket::on_readable() {
  std::array<char, kMaxDatagramBytes + 1> buffer;
  for (int i = 0; i < kMaxDatagramsPerRound; ++i) {
    sockaddr_in6 source{};
    socklen_t length = sizeof source;
    auto size = ::recvfrom(socket_.get(), buffer.data(), buffer.size(), MSG_TRUNC,
                           reinterpret_cast<sockaddr*>(&source), &length);
    // Nothing left, or an error of an earlier send (ICMP): the next round will tell.
    if (size < 0) return;
    auto from = host_from_address(to_ip(source.sin6_addr));
    if (!from || static_cast<std::size_t>(size) > kMaxDatagramBytes) {
      ++strangers_;
      continue;
    }
    on_datagram_(*from, {buffer.data(), static_cast<std::size_t>(size)});
  }
}

}  // namespace sixpn::registry
