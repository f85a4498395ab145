#include "dns/io/sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <string>

#include "base/io/sockaddr.h"

namespace sixpn::dns {
namespace {

constexpr int kListenBacklog = 256;
constexpr int kUdpBufferBytes = 1 << 20;

bool set_option(const Fd& socket, int level, int option, int value) {
  return setsockopt(socket.get(), level, option, &value, sizeof value) == 0;
}

Error bind_error(const char* transport, const IpEndpoint& endpoint, int code) {
  auto what = std::string("cannot listen on ") + transport + " " + to_string(endpoint);
  if (code == EADDRINUSE) what += " (does another resolver hold this port?)";
  if (code == EACCES) what += " (ports below 1024 need root or CAP_NET_BIND_SERVICE)";
  return Error::from_errno(what, code);
}

// The address that stands for all, of IPv6 or IPv4.
bool is_any(const Ip6& ip) {
  return ip == Ip6{} || ip == Ip6::from_words({0, 0, 0, 0, 0, 0xffff, 0, 0});
}

enum class Sharing { kAlone, kWithOurs };

Result<Fd> bind_socket(int type, const IpEndpoint& endpoint, Sharing sharing, Receives receives) {
  const char* transport = type == SOCK_STREAM ? "TCP" : "UDP";
  Fd socket(::socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return Error::from_errno(std::string("cannot open a ") + transport + " socket");
  bool prepared = set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, !endpoint.ip.is_v4_mapped()) &&
                  set_option(socket, IPPROTO_IPV6, IPV6_FREEBIND, 1);
  if (type == SOCK_STREAM) prepared = prepared && set_option(socket, SOL_SOCKET, SO_REUSEADDR, 1);
  // A worker each has its own socket for one address.
  if (sharing == Sharing::kWithOurs)
    prepared = prepared && set_option(socket, SOL_SOCKET, SO_REUSEPORT, 1);
  if (receives == Receives::kDiverted)
    prepared = prepared && set_option(socket, IPPROTO_IPV6, IPV6_TRANSPARENT, 1);
  if (type == SOCK_DGRAM && (is_any(endpoint.ip) || receives == Receives::kDiverted))
    prepared = prepared && set_option(socket, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
  auto address = to_sockaddr(endpoint);
  if (!prepared || bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return bind_error(transport, endpoint, errno);
  return socket;
}

}  // namespace

Result<Fd> bind_udp(const IpEndpoint& endpoint, Receives receives) {
  auto socket = bind_socket(SOCK_DGRAM, endpoint, Sharing::kWithOurs, receives);
  if (!socket) return socket;
  // Best effort: the kernel caps it at net.core.rmem_max.
  set_option(*socket, SOL_SOCKET, SO_RCVBUF, kUdpBufferBytes);
  // Likewise: each reply is a flow of its own, and a label for it would be hashed for nothing.
  set_option(*socket, IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0);
  return socket;
}

Result<Fd> listen_tcp(const IpEndpoint& endpoint, Receives receives) {
  auto socket = bind_socket(SOCK_STREAM, endpoint, Sharing::kWithOurs, receives);
  if (socket && listen(socket->get(), kListenBacklog) != 0)
    return bind_error("TCP", endpoint, errno);
  return socket;
}

Result<IpEndpoint> check_tcp_free(const IpEndpoint& endpoint) {
  auto socket = bind_socket(SOCK_STREAM, endpoint, Sharing::kAlone, Receives::kOwn);
  if (!socket) return std::move(socket).error();
  return local_endpoint(*socket);
}

bool is_told_address(const Fd& socket) {
  int told = 0;
  socklen_t size = sizeof told;
  return getsockopt(socket.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO, &told, &size) == 0 && told != 0;
}

IpEndpoint local_endpoint(const Fd& socket) {
  sockaddr_in6 address{};
  socklen_t size = sizeof address;
  if (getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return to_endpoint(address);
}

}  // namespace sixpn::dns
