#include "mesh/io/netlink_socket.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <thread>
#include <utility>
#include <vector>

#include "base/fd.h"
#include "mesh/io/netlink_attributes.h"

namespace sixpn::mesh {
namespace {

constexpr std::size_t kReceiveBuffer = 64 * 1024;

void set_option(mnl_socket* socket, int option) {
  int on = 1;
  // Old kernels lack strict checking; then the dumps are filtered only by us.
  static_cast<void>(mnl_socket_setsockopt(socket, option, &on, sizeof on));
}

// The kernel's explanation in an error message (NLMSGERR_ATTR_MSG), "" when there is none.
std::string extended_ack(const nlmsghdr* message) {
  if ((message->nlmsg_flags & NLM_F_ACK_TLVS) == 0) return "";
  const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
  std::size_t offset = sizeof(nlmsgerr);
  if ((message->nlmsg_flags & NLM_F_CAPPED) == 0) offset += error->msg.nlmsg_len - NLMSG_HDRLEN;
  if (mnl_nlmsg_get_payload_len(message) < offset) return "";
  std::string words;
  for_each_attribute(message, offset, [&](int type, const nlattr* attribute) {
    if (type == NLMSGERR_ATTR_MSG) words = text_of(attribute);
  });
  return words;
}

Result<void> read_ack(const nlmsghdr* message, const std::string& what) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(nlmsgerr)) return Error(what + ": short answer");
  const auto* error = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
  if (error->error == 0) return {};
  Error failure = Error::from_errno(what, -error->error);
  std::string words = extended_ack(message);
  if (!words.empty()) failure.message += " (" + words + ")";
  return failure;
}

// The end of a dump carries its error, if any.
Result<void> read_done(const nlmsghdr* message, const std::string& what) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(int)) return {};
  int error = *static_cast<const int*>(mnl_nlmsg_get_payload(message));
  if (error < 0) return Error::from_errno(what, -error);
  return {};
}

}  // namespace

// ---- NetlinkMessage
// --------------------------------------------------------------------------------

NetlinkMessage::NetlinkMessage(std::uint16_t type, std::uint16_t flags) {
  message_ = mnl_nlmsg_put_header(buffer_.data());
  message_->nlmsg_type = type;
  message_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
}

void* NetlinkMessage::extra_header(std::size_t size) {
  return mnl_nlmsg_put_extra_header(message_, size);
}

void NetlinkMessage::put(std::uint16_t attribute, std::uint32_t value) {
  put_bytes(attribute, &value, sizeof value);
}

void NetlinkMessage::put_byte(std::uint16_t attribute, std::uint8_t value) {
  put_bytes(attribute, &value, sizeof value);
}

void NetlinkMessage::put(std::uint16_t attribute, const std::string& text) {
  put_bytes(attribute, text.c_str(), text.size() + 1);
}

void NetlinkMessage::put(std::uint16_t attribute, const Ip6& ip) {
  put_bytes(attribute, ip.bytes.data(), ip.bytes.size());
}

void NetlinkMessage::put_bytes(std::uint16_t attribute, const void* bytes, std::size_t size) {
  bool fits = mnl_attr_put_check(message_, kSize, attribute, size, bytes);
  assert(fits && "a request over NetlinkMessage::kSize");
  static_cast<void>(fits);
}

void NetlinkMessage::nest(std::uint16_t attribute, const std::function<void()>& fill) {
  nlattr* start = mnl_attr_nest_start(message_, attribute);
  fill();
  mnl_attr_nest_end(message_, start);
}

// ---- NetlinkSocket
// ---------------------------------------------------------------------------------

Result<NetlinkSocket> NetlinkSocket::open(int bus) {
  mnl_socket* socket = mnl_socket_open2(bus, SOCK_CLOEXEC);
  if (socket == nullptr) return Error::from_errno("opening a netlink socket");
  NetlinkSocket owned(socket);
  if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0)
    return Error::from_errno("binding a netlink socket");
  timeval limit{5, 0};
  setsockopt(mnl_socket_get_fd(socket), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  set_option(socket, NETLINK_EXT_ACK);
  set_option(socket, NETLINK_GET_STRICT_CHK);
  return owned;
}

Result<NetlinkSocket> NetlinkSocket::open_in(const std::string& netns_path) {
  Result<NetlinkSocket> socket = Error("not opened");
  auto entered = run_in_netns(netns_path, [&]() -> Result<void> {
    socket = open(NETLINK_ROUTE);
    return {};
  });
  if (!entered) return std::move(entered).error();
  return socket;
}

NetlinkSocket::NetlinkSocket(mnl_socket* socket) : socket_(socket) {}

NetlinkSocket::NetlinkSocket(NetlinkSocket&& other) noexcept
    : socket_(std::exchange(other.socket_, nullptr)), sequence_(other.sequence_) {}

NetlinkSocket& NetlinkSocket::operator=(NetlinkSocket&& other) noexcept {
  std::swap(socket_, other.socket_);
  std::swap(sequence_, other.sequence_);
  return *this;
}

NetlinkSocket::~NetlinkSocket() {
  if (socket_ != nullptr) mnl_socket_close(socket_);
}

int NetlinkSocket::fd() const {
  return mnl_socket_get_fd(socket_);
}

Result<void> NetlinkSocket::exchange(NetlinkMessage& message, const std::string& what,
                                     bool& interrupted,
                                     const std::function<void(const nlmsghdr*)>& on_message) {
  nlmsghdr* request = message.raw();
  request->nlmsg_seq = ++sequence_;
  if (mnl_socket_sendto(socket_, request, request->nlmsg_len) < 0) return Error::from_errno(what);
  std::vector<char> buffer(kReceiveBuffer);
  for (;;) {
    ssize_t got = mnl_socket_recvfrom(socket_, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error::from_errno(what);
    int left = static_cast<int>(got);
    for (auto* at = reinterpret_cast<const nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(at, left);
         at = mnl_nlmsg_next(at, &left)) {
      if (at->nlmsg_seq != sequence_) continue;  // an answer to a request that timed out
      if ((at->nlmsg_flags & NLM_F_DUMP_INTR) != 0) interrupted = true;
      if (at->nlmsg_type == NLMSG_ERROR) return read_ack(at, what);
      if (at->nlmsg_type == NLMSG_DONE) return read_done(at, what);
      on_message(at);
    }
  }
}

Result<void> NetlinkSocket::request(NetlinkMessage& message, const std::string& what) {
  return query(message, what, [](const nlmsghdr*) {});
}

Result<void> NetlinkSocket::query(NetlinkMessage& message, const std::string& what,
                                  const std::function<void(const nlmsghdr*)>& on_message) {
  bool interrupted = false;
  return exchange(message, what, interrupted, on_message);
}

Result<void> NetlinkSocket::dump(NetlinkMessage& message, const std::string& what,
                                 const std::function<void()>& on_start,
                                 const std::function<void(const nlmsghdr*)>& on_message) {
  for (int attempt = 0; attempt < kMaxDumpTries; ++attempt) {
    bool interrupted = false;
    on_start();
    auto done = exchange(message, what, interrupted, on_message);
    if (!done || !interrupted) return done;
  }
  return Error(what + ": the kernel's tables change too fast to be read", EAGAIN);
}

Result<void> NetlinkSocket::join(unsigned group) {
  if (mnl_socket_setsockopt(socket_, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) < 0)
    return Error::from_errno("joining a netlink group");
  return {};
}

void NetlinkSocket::enlarge_receive_buffer(int bytes) {
  // Without the right to force it the system's limit holds: overflow is handled anyway.
  if (setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) < 0)
    setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

Result<bool> NetlinkSocket::receive(const std::function<void(const nlmsghdr*)>& on_message) {
  std::vector<char> buffer(kReceiveBuffer);
  ssize_t got = recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got < 0) return Error::from_errno("reading netlink notifications");
  int left = static_cast<int>(got);
  for (auto* at = reinterpret_cast<const nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(at, left);
       at = mnl_nlmsg_next(at, &left))
    on_message(at);
  return true;
}

Result<void> run_in_netns(const std::string& netns_path,
                          const std::function<Result<void>()>& task) {
  Fd netns(::open(netns_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!netns) return Error::from_errno("network namespace " + netns_path);
  Result<void> result;
  std::thread([&] {
    if (setns(netns.get(), CLONE_NEWNET) < 0) {
      result = Error::from_errno("entering network namespace " + netns_path);
    } else {
      result = task();
    }
  }).join();
  return result;
}

}  // namespace sixpn::mesh
