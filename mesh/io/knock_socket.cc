#include "mesh/io/knock_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "base/encoding.h"
#include "base/io/sockaddr.h"
#include "mesh/core/knock.h"

namespace sixpn::mesh {
namespace {

bool is_link_local(const Ip6& ip) {
  return (ip.word(0) & 0xffc0) == 0xfe80;
}

// Where the datagram was sent to, if the kernel said so.
KnockSocket::ReturnPath read_path(msghdr& message, std::uint32_t scope) {
  KnockSocket::ReturnPath path{.scope = scope};
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr;
       part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != IPPROTO_IPV6 || part->cmsg_type != IPV6_PKTINFO) continue;
    in6_pktinfo arrival;
    std::memcpy(&arrival, CMSG_DATA(part), sizeof arrival);
    path.local = to_ip(arrival.ipi6_addr);
    if (is_link_local(path.local)) path.interface = arrival.ipi6_ifindex;
  }
  return path;
}

Result<void> set_option(int fd, int option, int value, const char* what) {
  if (::setsockopt(fd, IPPROTO_IPV6, option, &value, sizeof value) != 0)
    return Error::from_errno(what);
  return {};
}

}  // namespace

Result<KnockSocket> KnockSocket::open(std::uint16_t port) {
  Fd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP));
  if (!fd) return Error::from_errno("opening the knock's UDP socket");
  if (auto both = set_option(fd.get(), IPV6_V6ONLY, 0, "accepting IPv4 knocks"); !both)
    return std::move(both).error();
  if (auto told = set_option(fd.get(), IPV6_RECVPKTINFO, 1, "learning where knocks arrive"); !told)
    return std::move(told).error();
  sockaddr_in6 address = to_sockaddr({Ip6{}, port});
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    return Error::from_errno("listening for knocks on UDP port " + std::to_string(port));
  socklen_t size = sizeof address;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    return Error::from_errno("asking for the knock's UDP port");
  return KnockSocket(std::move(fd), ntohs(address.sin6_port));
}

std::optional<KnockSocket::Datagram> KnockSocket::receive() {
  char bytes[kKnockBytes + 1];
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo))];
  sockaddr_in6 source{};
  iovec content{bytes, sizeof bytes};
  msghdr message{};
  message.msg_name = &source;
  message.msg_namelen = sizeof source;
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  ssize_t size = ::recvmsg(fd_.get(), &message, 0);
  if (size < 0) return std::nullopt;
  return Datagram{to_endpoint(source), read_path(message, source.sin6_scope_id),
                  std::string(bytes, static_cast<std::size_t>(size))};
}

Result<void> KnockSocket::send(const IpEndpoint& to, std::string_view bytes) const {
  return send_by(to, bytes, nullptr);
}

Result<void> KnockSocket::reply(const Datagram& question, std::string_view bytes) const {
  return send_by(question.from, bytes, &question.path);
}

Result<void> KnockSocket::send_by(const IpEndpoint& to, std::string_view bytes,
                                  const ReturnPath* path) const {
  sockaddr_in6 address = to_sockaddr(to, path == nullptr ? 0 : path->scope);
  iovec content{const_cast<char*>(bytes.data()), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo))]{};
  msghdr message{};
  message.msg_name = &address;
  message.msg_namelen = sizeof address;
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  if (path != nullptr && path->local != Ip6{}) {
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* part = CMSG_FIRSTHDR(&message);
    part->cmsg_level = IPPROTO_IPV6;
    part->cmsg_type = IPV6_PKTINFO;
    part->cmsg_len = CMSG_LEN(sizeof(in6_pktinfo));
    in6_pktinfo source{};
    source.ipi6_addr = to_in6_addr(path->local);
    source.ipi6_ifindex = path->interface;
    std::memcpy(CMSG_DATA(part), &source, sizeof source);
  }
  if (::sendmsg(fd_.get(), &message, MSG_NOSIGNAL) < 0)
    return Error::from_errno("sending a knock to " + to_string(to));
  return {};
}

}  // namespace sixpn::mesh
