#include "flycast/io/handover_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

namespace sixpn::flycast {
namespace {

constexpr std::size_t kMaxSockets = 2;
constexpr std::size_t kMaxPacket = 64;

std::optional<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) return std::nullopt;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

void set_patience(int stream) {
  timeval limit{};
  limit.tv_sec = std::chrono::duration_cast<std::chrono::seconds>(kHandoverPatience).count();
  for (int option : {SO_SNDTIMEO, SO_RCVTIMEO})
    setsockopt(stream, SOL_SOCKET, option, &limit, sizeof limit);
}

bool is_our_own(int stream) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return getsockopt(stream, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
}

// Room for the sockets of one packet.
struct Control {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxSockets * sizeof(int))> bytes{};
};

}  // namespace

Result<Fd> listen_for_successor(const std::string& path) {
  auto address = address_of(path);
  if (!address) return Error("handover socket " + path + ": the path is too long");
  Fd made(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  unlink(path.c_str());
  mode_t before = umask(0177);
  int bound = bind(made.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address);
  umask(before);
  if (bound != 0 || listen(made.get(), 1) != 0) return Error::from_errno("handover socket " + path);
  return made;
}

Fd accept_successor(int listener) {
  Fd accepted(accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!accepted || !is_our_own(accepted.get())) return {};
  set_patience(accepted.get());
  return accepted;
}

Fd find_predecessor(const std::string& path) {
  auto address = address_of(path);
  Fd made(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!address || !made) return {};
  set_patience(made.get());
  if (connect(made.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      !is_our_own(made.get()))
    return {};
  return made;
}

bool send_packet(int stream, std::string_view bytes, const std::vector<int>& sockets) {
  Control control;
  iovec part{const_cast<char*>(bytes.data()), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!sockets.empty()) {
    std::size_t size = std::min(sockets.size(), kMaxSockets) * sizeof(int);
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(size);
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(size);
    std::memcpy(CMSG_DATA(header), sockets.data(), size);
  }
  return sendmsg(stream, &message, MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

Result<HandoverPacket> receive_packet(int stream, bool wait) {
  Control control;
  std::array<char, kMaxPacket> bytes{};
  iovec part{bytes.data(), bytes.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  auto got = recvmsg(stream, &message, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  if (got < 0)
    return Error::from_errno("reading a handover", wait && errno == EAGAIN ? ETIMEDOUT : errno);
  HandoverPacket packet;
  packet.bytes.assign(bytes.data(), static_cast<std::size_t>(got));
  for (cmsghdr* header = CMSG_FIRSTHDR(&message); header != nullptr;
       header = CMSG_NXTHDR(&message, header)) {
    if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
    std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    std::array<int, kMaxSockets> taken{};
    std::memcpy(taken.data(), CMSG_DATA(header), count * sizeof(int));
    for (std::size_t i = 0; i < count; ++i) packet.sockets.emplace_back(taken[i]);
  }
  if (got == 0) return Error("the other proxy has ended", ENODATA);
  return packet;
}

}  // namespace sixpn::flycast
