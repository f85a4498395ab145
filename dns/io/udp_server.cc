#include "dns/io/udp_server.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <vector>

#include "dns/core/codes.h"

namespace sixpn::dns {
namespace {

constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(in6_pktinfo));

// One slot of a batch: a message header with its address, control data and bytes, wired together
// once.
struct Slot {
  sockaddr_in6 address{};
  iovec bytes{};
  alignas(cmsghdr) std::array<char, kControlBytes> control{};
};

void wire(msghdr& header, Slot& slot) {
  header.msg_name = &slot.address;
  header.msg_namelen = sizeof slot.address;
  header.msg_iov = &slot.bytes;
  header.msg_iovlen = 1;
  header.msg_control = slot.control.data();
  header.msg_controllen = slot.control.size();
}

UdpPath path_of(msghdr& header, const Slot& slot) {
  UdpPath path;
  std::memcpy(path.source.ip.bytes.data(), &slot.address.sin6_addr, path.source.ip.bytes.size());
  path.source.port = ntohs(slot.address.sin6_port);
  path.scope = slot.address.sin6_scope_id;
  for (auto* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != IPPROTO_IPV6 || part->cmsg_type != IPV6_PKTINFO) continue;
    in6_pktinfo asked{};
    std::memcpy(&asked, CMSG_DATA(part), sizeof asked);
    std::memcpy(path.asked.bytes.data(), &asked.ipi6_addr, path.asked.bytes.size());
  }
  return path;
}

// Fills a slot for sending `message` along `path`; the message must outlive the send.
void address_reply(msghdr& header, Slot& slot, const UdpPath& path, std::string_view message) {
  slot.address = {};
  slot.address.sin6_family = AF_INET6;
  slot.address.sin6_port = htons(path.source.port);
  slot.address.sin6_scope_id = path.scope;
  std::memcpy(&slot.address.sin6_addr, path.source.ip.bytes.data(), path.source.ip.bytes.size());
  slot.bytes = {const_cast<char*>(message.data()), message.size()};
  wire(header, slot);
  in6_pktinfo from{};
  std::memcpy(&from.ipi6_addr, path.asked.bytes.data(), path.asked.bytes.size());
  auto* part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = IPPROTO_IPV6;
  part->cmsg_type = IPV6_PKTINFO;
  part->cmsg_len = CMSG_LEN(sizeof from);
  std::memcpy(CMSG_DATA(part), &from, sizeof from);
}

}  // namespace

struct UdpServer::Impl {
  Impl(EventLoop& loop, Fd fd, OnDatagram handler)
      : socket(std::move(fd)),
        on_datagram(std::move(handler)),
        buffers(kBatch * kMaxQueryBytes),
        watch(loop, socket.get(), [this] { on_readable(); }) {}

  void on_readable() {
    for (int batch = 0; batch < kMaxBatches; ++batch)
      if (receive_batch() < kBatch) return;
  }

  // How many datagrams came.
  std::size_t receive_batch() {
    std::array<mmsghdr, kBatch> headers{};
    for (std::size_t i = 0; i < kBatch; ++i) {
      slots[i].bytes = {buffers.data() + i * kMaxQueryBytes, kMaxQueryBytes};
      wire(headers[i].msg_hdr, slots[i]);
    }
    int received = recvmmsg(socket.get(), headers.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (received <= 0) return 0;  // nothing there, or an error of one datagram: wait for the next
    replies.clear();
    for (std::size_t i = 0; i < static_cast<std::size_t>(received); ++i) take(headers[i], slots[i]);
    send_replies();
    return static_cast<std::size_t>(received);
  }

  void take(mmsghdr& header, const Slot& slot) {
    std::string_view message(static_cast<const char*>(slot.bytes.iov_base), header.msg_len);
    // What did not fit is no query of anybody's: its header alone earns a FORMERR.
    if ((header.msg_hdr.msg_flags & MSG_TRUNC) != 0) message = message.substr(0, kHeaderBytes);
    auto path = path_of(header.msg_hdr, slot);
    if (auto reply = on_datagram(message, path)) replies.push_back({path, std::move(*reply)});
  }

  void send_replies() {
    std::array<mmsghdr, kBatch> headers{};
    for (std::size_t i = 0; i < replies.size(); ++i)
      address_reply(headers[i].msg_hdr, slots[i], replies[i].path, replies[i].message);
    std::size_t next = 0;
    while (next < replies.size()) {
      auto count = static_cast<unsigned>(replies.size() - next);
      int sent = sendmmsg(socket.get(), headers.data() + next, count, MSG_DONTWAIT);
      if (sent > 0) {
        next += static_cast<std::size_t>(sent);
        continue;
      }
      ++failures;  // the first of the rest was not taken: go on behind it
      ++next;
    }
  }

  struct Reply {
    UdpPath path;
    std::string message;
  };

  Fd socket;
  OnDatagram on_datagram;
  std::vector<char> buffers;
  std::array<Slot, kBatch> slots;
  std::vector<Reply> replies;
  std::uint64_t failures = 0;
  FdWatch watch;  // last: it calls into the rest
};

UdpServer::UdpServer(EventLoop& loop, Fd socket, OnDatagram on_datagram)
    : impl_(std::make_unique<Impl>(loop, std::move(socket), std::move(on_datagram))) {}

UdpServer::~UdpServer() = default;

bool UdpServer::send(const UdpPath& path, std::string_view message) {
  Slot slot;
  msghdr header{};
  address_reply(header, slot, path, message);
  return sendmsg(impl_->socket.get(), &header, MSG_DONTWAIT) >= 0;
}

std::uint64_t UdpServer::send_failures() const {
  return impl_->failures;
}

}  // namespace sixpn::dns
