#include "dns/io/udp_server.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include "base/io/sockaddr.h"
#include "dns/core/codes.h"
#include "dns/io/sockets.h"

namespace sixpn::dns {
namespace {

static_assert(UdpServer::kMaxReplyBytes >= kMaxUdpBytes);

constexpr std::size_t kControlBytes = CMSG_SPACE(sizeof(in6_pktinfo));

Ip6 asked_address(msghdr& header) {
  for (auto* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level != IPPROTO_IPV6 || part->cmsg_type != IPV6_PKTINFO) continue;
    in6_pktinfo asked{};
    std::memcpy(&asked, CMSG_DATA(part), sizeof asked);
    return to_ip(asked.ipi6_addr);
  }
  return {};
}

void leave_from(msghdr& header, char* control, const Ip6& asked) {
  header.msg_control = control;
  header.msg_controllen = kControlBytes;
  in6_pktinfo from{};
  from.ipi6_addr = to_in6_addr(asked);
  auto* part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = IPPROTO_IPV6;
  part->cmsg_type = IPV6_PKTINFO;
  part->cmsg_len = CMSG_LEN(sizeof from);
  std::memcpy(CMSG_DATA(part), &from, sizeof from);
}

// The buffers of one batch: datagram i comes into slot i, and its reply goes out of the next free
// reply slot, to the address that still lies in slot i.
struct Batch {
  struct Slot {
    sockaddr_in6 address{};
    iovec bytes{};
    alignas(cmsghdr) std::array<char, kControlBytes> control{};
  };

  Batch()
      : query_bytes(UdpServer::kBatch * UdpServer::kMaxQueryBytes),
        reply_bytes(UdpServer::kBatch * UdpServer::kMaxReplyBytes) {
    for (std::size_t i = 0; i < UdpServer::kBatch; ++i) {
      slots[i].bytes = {query_bytes.data() + i * UdpServer::kMaxQueryBytes,
                        UdpServer::kMaxQueryBytes};
      msghdr& in = queries[i].msg_hdr;
      in.msg_name = &slots[i].address;
      in.msg_iov = &slots[i].bytes;
      in.msg_iovlen = 1;
      reply_parts[i].iov_base = reply_bytes.data() + i * UdpServer::kMaxReplyBytes;
      msghdr& out = replies[i].msg_hdr;
      out.msg_namelen = sizeof(sockaddr_in6);
      out.msg_iov = &reply_parts[i];
      out.msg_iovlen = 1;
    }
  }

  std::vector<char> query_bytes, reply_bytes;
  std::array<Slot, UdpServer::kBatch> slots{};
  std::array<iovec, UdpServer::kBatch> reply_parts{};
  std::array<mmsghdr, UdpServer::kBatch> queries{}, replies{};
};

}  // namespace

struct UdpServer::Impl {
  Impl(EventLoop& loop, Fd fd, std::function<void()> first, OnDatagram handler)
      : socket(std::move(fd)),
        // A socket that is bound to one address needs not be told which was asked.
        tells_address(is_told_address(socket)),
        before_batch(std::move(first)),
        on_datagram(std::move(handler)),
        watch(loop, socket.get(), [this] { on_readable(); }) {}

  void on_readable() {
    for (int turn = 0; turn < kMaxBatches; ++turn)
      if (take_batch() < kBatch) return;
  }

  // How many datagrams came.
  std::size_t take_batch() {
    for (std::size_t i = 0; i < arrived; ++i) reset(i);
    int received = recvmmsg(socket.get(), batch.queries.data(), kBatch, MSG_DONTWAIT, nullptr);
    arrived = received > 0 ? static_cast<std::size_t>(received) : 0;
    if (arrived == 0) return 0;  // nothing there, or an error of one datagram: wait for the next
    before_batch();
    std::size_t count = 0;
    for (std::size_t i = 0; i < arrived; ++i) count += answer(i, count) ? 1 : 0;
    send_replies(count);
    return arrived;
  }

  // What the kernel wrote over.
  void reset(std::size_t i) {
    msghdr& header = batch.queries[i].msg_hdr;
    header.msg_namelen = sizeof(sockaddr_in6);
    header.msg_control = tells_address ? batch.slots[i].control.data() : nullptr;
    header.msg_controllen = tells_address ? kControlBytes : 0;
    header.msg_flags = 0;
  }

  bool answer(std::size_t i, std::size_t reply) {
    msghdr& header = batch.queries[i].msg_hdr;
    Batch::Slot& slot = batch.slots[i];
    std::string_view message(static_cast<const char*>(slot.bytes.iov_base),
                             batch.queries[i].msg_len);
    // What did not fit is no query of anybody's: its header alone earns a FORMERR.
    if ((header.msg_flags & MSG_TRUNC) != 0) message = message.substr(0, kHeaderBytes);
    UdpPath path{to_endpoint(slot.address), slot.address.sin6_scope_id,
                 tells_address ? asked_address(header) : Ip6{}};
    iovec& part = batch.reply_parts[reply];
    part.iov_len = on_datagram(message, path, static_cast<char*>(part.iov_base));
    if (part.iov_len == 0) return false;
    msghdr& out = batch.replies[reply].msg_hdr;
    out.msg_name = &slot.address;
    if (tells_address) leave_from(out, slot.control.data(), path.asked);
    return true;
  }

  // Between batches all slots are free: what was written to them is sent.
  char* begin_reply(const UdpPath& path) {
    if (later == kBatch) flush();
    Batch::Slot& slot = batch.slots[later];
    slot.address = to_sockaddr(path.source, path.scope);
    msghdr& out = batch.replies[later].msg_hdr;
    out.msg_name = &slot.address;
    if (tells_address) leave_from(out, slot.control.data(), path.asked);
    return static_cast<char*>(batch.reply_parts[later].iov_base);
  }

  void end_reply(std::size_t size) { batch.reply_parts[later++].iov_len = size; }

  void flush() { send_replies(std::exchange(later, 0)); }

  void send_replies(std::size_t count) {
    std::size_t next = 0;
    while (next < count) {
      int sent = sendmmsg(socket.get(), batch.replies.data() + next,
                          static_cast<unsigned>(count - next), MSG_DONTWAIT);
      if (sent > 0) {
        next += static_cast<std::size_t>(sent);
        continue;
      }
      ++failures;  // the first of the rest was not taken: go on behind it
      ++next;
    }
  }

  Fd socket;
  bool tells_address;
  std::function<void()> before_batch;
  OnDatagram on_datagram;
  Batch batch;
  std::size_t arrived = kBatch;  // in the last batch: all slots are reset before the first
  std::size_t later = 0;         // replies that wait for flush()
  std::uint64_t failures = 0;
  FdWatch watch;  // last: it calls into the rest
};

UdpServer::UdpServer(EventLoop& loop, Fd socket, std::function<void()> before_batch,
                     OnDatagram on_datagram)
    : impl_(std::make_unique<Impl>(loop, std::move(socket), std::move(before_batch),
                                   std::move(on_datagram))) {}

UdpServer::~UdpServer() = default;

char* UdpServer::begin_reply(const UdpPath& path) {
  return impl_->begin_reply(path);
}

void UdpServer::end_reply(std::size_t size) {
  impl_->end_reply(size);
}

void UdpServer::flush() {
  impl_->flush();
}

bool UdpServer::send(const UdpPath& path, std::string_view message) {
  sockaddr_in6 address = to_sockaddr(path.source, path.scope);
  iovec bytes{const_cast<char*>(message.data()), message.size()};
  msghdr header{};
  header.msg_name = &address;
  header.msg_namelen = sizeof address;
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  alignas(cmsghdr) std::array<char, kControlBytes> control{};
  if (impl_->tells_address) leave_from(header, control.data(), path.asked);
  return sendmsg(impl_->socket.get(), &header, MSG_DONTWAIT) >= 0;
}

std::uint64_t UdpServer::send_failures() const {
  return impl_->failures;
}

}  // namespace sixpn::dns
