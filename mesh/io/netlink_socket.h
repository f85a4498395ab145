// NetlinkSocket: requests to the kernel over one netlink socket, each answered before the next is
// sent. With netlink.cc and netlink_monitor.cc the only users of libmnl. Blocking, but the kernel
// answers within the system call; a time limit guards against the unthinkable. One thread at a
// time.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <string>

#include "base/ip.h"
#include "base/result.h"

struct nlmsghdr;
struct mnl_socket;

namespace sixpn::mesh {

// A request under construction: header and family header first, then attributes.
class NetlinkMessage {
 public:
  // `flags` besides NLM_F_REQUEST and NLM_F_ACK.
  NetlinkMessage(std::uint16_t type, std::uint16_t flags);

  // Room for the family's fixed header, zeroed.
  template <class Header>
  Header& header() {
    return *static_cast<Header*>(extra_header(sizeof(Header)));
  }
  void put(std::uint16_t attribute, std::uint32_t value);
  void put_byte(std::uint16_t attribute, std::uint8_t value);
  void put(std::uint16_t attribute, const std::string& text);
  void put(std::uint16_t attribute, const Ip6& ip);
  void put_bytes(std::uint16_t attribute, const void* bytes, std::size_t size);
  // Runs `fill` between the start and the end of a nest.
  void nest(std::uint16_t attribute, const std::function<void()>& fill);

  [[nodiscard]] nlmsghdr* raw() { return message_; }

 private:
  void* extra_header(std::size_t size);

  // Far more than any request of ours; attributes are few and short.
  static constexpr std::size_t kSize = 4096;
  alignas(8) std::array<char, kSize> buffer_;
  nlmsghdr* message_;
};

class NetlinkSocket {
 public:
  // In the network namespace of the calling thread. `bus`: NETLINK_ROUTE or another family.
  static Result<NetlinkSocket> open(int bus);
  // In a named one (for NETLINK_ROUTE); the calling thread stays where it is.
  static Result<NetlinkSocket> open_in(const std::string& netns_path);

  NetlinkSocket(NetlinkSocket&&) noexcept;
  NetlinkSocket& operator=(NetlinkSocket&&) noexcept;
  ~NetlinkSocket();

  // Errors: the kernel's errno, with its own words where it gave any.
  Result<void> request(NetlinkMessage& message, const std::string& what);
  // The same, with an answer before the acknowledgement.
  Result<void> query(NetlinkMessage& message, const std::string& what,
                     const std::function<void(const nlmsghdr*)>& on_message);
  // Calls on_message for each message of a dump. A dump that the kernel says was interrupted starts
  // again, at most kMaxDumpTries times: on_start is called before each try.
  Result<void> dump(NetlinkMessage& message, const std::string& what,
                    const std::function<void()>& on_start,
                    const std::function<void(const nlmsghdr*)>& on_message);

  // For monitors: joins a multicast group / makes the receive buffer large / raw descriptor.
  Result<void> join(unsigned group);
  void enlarge_receive_buffer(int bytes);
  [[nodiscard]] int fd() const;
  // Reads what is there without waiting; false when nothing is. Errors: ENOBUFS after an overflow.
  Result<bool> receive(const std::function<void(const nlmsghdr*)>& on_message);

 private:
  explicit NetlinkSocket(mnl_socket* socket);
  Result<void> exchange(NetlinkMessage& message, const std::string& what, bool& interrupted,
                        const std::function<void(const nlmsghdr*)>& on_message);

  static constexpr int kMaxDumpTries = 10;
  mnl_socket* socket_ = nullptr;
  std::uint32_t sequence_ = 0;
};

// Runs `task` on a thread of its own inside the network namespace at `netns_path`.
Result<void> run_in_netns(const std::string& netns_path, const std::function<Result<void>()>& task);

}  // namespace sixpn::mesh
