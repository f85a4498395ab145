#include "flycast/io/sockets.h"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <string>

#include "base/io/sockaddr.h"

namespace sixpn::flycast {
namespace {

constexpr int kBacklog = 4096;
constexpr int kKeepaliveIdleSeconds = 30;
constexpr int kKeepaliveIntervalSeconds = 10;
constexpr int kKeepaliveProbes = 3;
// How much the kernel holds that it has not sent: past it we stop reading the other side.
constexpr int kUnsentBytes = 128 * 1024;
// What was written is sent for the first time within this.
constexpr Duration kFirstSending = std::chrono::milliseconds(50);

int set_option(int socket, int level, int name, int value) {
  return setsockopt(socket, level, name, &value, sizeof value);
}

int set_linger(int socket, bool reset_on_close) {
  linger option{reset_on_close ? 1 : 0, 0};
  return setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, sizeof option);
}

// On a listener these pass to what it accepts.
bool set_stream_options(int socket) {
  // Urgent bytes stay in the stream: a relay that skipped them would lose them.
  return set_linger(socket, true) == 0 && set_option(socket, SOL_SOCKET, SO_OOBINLINE, 1) == 0 &&
         set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1) == 0;
}

bool set_lasting_options(int socket) {
  return set_option(socket, SOL_SOCKET, SO_KEEPALIVE, 1) == 0 &&
         set_option(socket, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdleSeconds) == 0 &&
         set_option(socket, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalSeconds) == 0 &&
         set_option(socket, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes) == 0 &&
         set_option(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentBytes) == 0;
}

Result<Fd> make_socket(Lasting lasting) {
  Fd made(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!made || !set_stream_options(made.get())) return Error::from_errno("socket");
  if (lasting == Lasting::kNow && !set_lasting_options(made.get()))
    return Error::from_errno("socket");
  return made;
}

Result<Fd> listen_with(const IpEndpoint& at, int address_option) {
  auto made = make_socket(Lasting::kNow);
  if (!made) return made;
  int listener = made->get();
  sockaddr_in6 address = to_sockaddr(at);
  if (set_option(listener, IPPROTO_IPV6, address_option, 1) != 0 ||
      set_option(listener, IPPROTO_IPV6, IPV6_V6ONLY, 1) != 0 ||
      set_option(listener, SOL_SOCKET, SO_REUSEADDR, 1) != 0 ||
      bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, kBacklog) != 0)
    return Error::from_errno("listening on " + to_string(at));
  return made;
}

template <class Call>
std::optional<IpEndpoint> endpoint_by(Call call, int stream) {
  sockaddr_in6 address{};
  socklen_t length = sizeof address;
  if (call(stream, reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
      address.sin6_family != AF_INET6)
    return std::nullopt;
  return to_endpoint(address);
}

}  // namespace

Result<Fd> listen_transparent(const IpEndpoint& at) {
  return listen_with(at, IPV6_TRANSPARENT);
}

Result<Fd> listen_on(const IpEndpoint& at) {
  return listen_with(at, IPV6_FREEBIND);
}

Result<Fd> accept_stream(int listener) {
  Fd accepted(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  if (!accepted) return Error::from_errno("accept");
  return accepted;
}

Result<Fd> open_stream(const Ip6& source, SourceKind kind, Lasting lasting) {
  auto made = make_socket(lasting);
  if (!made) return made;
  int stream = made->get();
  sockaddr_in6 address = to_sockaddr({source, 0});
  int option = kind == SourceKind::kTransparent ? IPV6_TRANSPARENT : IPV6_FREEBIND;
  // The port is chosen at connect, when the destination is known too: else one client address would
  // be good for some 28,000 connections to all machines together.
  if (set_option(stream, IPPROTO_IPV6, option, 1) != 0 ||
      set_option(stream, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1) != 0 ||
      bind(stream, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return Error::from_errno("binding to " + to_string(source));
  return made;
}

void make_lasting(int stream) {
  set_lasting_options(stream);
}

int begin_connect(int stream, const IpEndpoint& remote) {
  sockaddr_in6 address = to_sockaddr(remote);
  auto again = [&] {
    return connect(stream, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  };
  if (again()) return 0;
  if (errno != EINPROGRESS) return errno;
  // A neighbour on the same kernel answers within the call; asking again tells, and is cheaper than
  // to wait for an event.
  if (again()) return 0;
  return errno == EALREADY ? EINPROGRESS : errno;
}

void speak_at_once(int stream) {
  set_option(stream, IPPROTO_TCP, TCP_QUICKACK, 0);
}

std::optional<IpEndpoint> local_endpoint(int stream) {
  return endpoint_by(getsockname, stream);
}

std::optional<IpEndpoint> remote_endpoint(int stream) {
  return endpoint_by(getpeername, stream);
}

int take_error(int stream) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(stream, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

bool is_reset(int stream) {
  tcp_info state{};
  socklen_t length = sizeof state;
  if (getsockopt(stream, IPPROTO_TCP, TCP_INFO, &state, &length) != 0) return true;
  return state.tcpi_state == TCP_CLOSE;
}

void allow_clean_close(int stream) {
  set_linger(stream, false);
}

void allow_bulk(int stream) {
  set_option(stream, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0);  // 0: the system's, which is no limit
}

bool has_input(int stream) {
  int bytes = 0;
  return ioctl(stream, SIOCINQ, &bytes) == 0 && bytes > 0;
}

std::size_t peek_input(int stream, char* into, std::size_t size) {
  auto got = recv(stream, into, size, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 ? 0 : static_cast<std::size_t>(got);
}

void set_least_input(int stream, int bytes) {
  set_option(stream, SOL_SOCKET, SO_RCVLOWAT, bytes);
}

bool has_ended(int stream) {
  pollfd asked{stream, POLLRDHUP, 0};
  return poll(&asked, 1, 0) > 0;
}

bool send_whole(int stream, std::string_view bytes) {
  auto sent = send(stream, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent == static_cast<ssize_t>(bytes.size());
}

void discard_input(int stream, std::size_t size) {
  while (size > 0) {
    auto gone = recv(stream, nullptr, size, MSG_TRUNC | MSG_DONTWAIT);
    if (gone <= 0) return;
    size -= static_cast<std::size_t>(gone);
  }
}

int unacknowledged(int stream) {
  int bytes = 0;
  return ioctl(stream, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

bool is_unanswered(int stream, Duration limit) {
  tcp_info state{};
  socklen_t length = sizeof state;
  if (getsockopt(stream, IPPROTO_TCP, TCP_INFO, &state, &length) != 0) return false;
  return state.tcpi_retransmits > 0 && std::chrono::milliseconds(state.tcpi_last_ack_recv) >= limit;
}

// tcpi_retransmits does not count loss probes. What was sent later than it was written was sent
// again, or waited for a window: then either nothing is in flight, or the packet that opened the
// window was an acknowledgement.
bool acknowledges_nothing(int stream, Duration limit, Duration since_written) {
  tcp_info state{};
  socklen_t length = sizeof state;
  if (getsockopt(stream, IPPROTO_TCP, TCP_INFO, &state, &length) != 0) return false;
  if (std::chrono::milliseconds(state.tcpi_last_ack_recv) < limit) return false;
  bool probed =
      state.tcpi_unacked > 0 &&
      std::chrono::milliseconds(state.tcpi_last_data_sent) + kFirstSending < since_written;
  return state.tcpi_retransmits > 0 || probed;
}

}  // namespace sixpn::flycast
