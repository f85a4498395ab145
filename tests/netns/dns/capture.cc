#include "tests/netns/dns/capture.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <set>
#include <stdexcept>

#include "dns/core/query.h"

namespace sixpn::dns::testing {
namespace {

constexpr std::size_t kIp = 14, kTransport = kIp + 40, kUdpPayload = kTransport + 8;
constexpr std::size_t kTcpFlags = kTransport + 13;
constexpr std::uint8_t kSyn = 0x02, kAck = 0x10;
constexpr std::uint16_t kDnsPort = 53;

std::uint16_t word_at(std::string_view bytes, std::size_t offset) {
  return static_cast<std::uint16_t>(static_cast<std::uint8_t>(bytes[offset]) << 8 |
                                    static_cast<std::uint8_t>(bytes[offset + 1]));
}

// Nothing for what is no IPv6 packet.
int protocol_of(std::string_view frame) {
  if (frame.size() < kUdpPayload || word_at(frame, 12) != ETH_P_IPV6) return -1;
  return static_cast<std::uint8_t>(frame[kIp + 6]);
}

std::string describe(const DnsQuestion& question) {
  std::string text = to_string(question.name);
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  switch (question.type) {
    case kTypeA:
      return text + " A";
    case kTypeAaaa:
      return text + " AAAA";
    default:
      return text + " TYPE" + std::to_string(question.type);
  }
}

void add_udp(std::string_view frame, DnsTraffic& traffic) {
  std::string_view message = frame.substr(kUdpPayload);
  if (word_at(frame, kTransport + 2) == kDnsPort) {
    auto parsed = parse_query(message);
    if (parsed.query.question)
      traffic.queries.push_back(describe(*parsed.query.question));
    else
      ++traffic.malformed;
  } else if (word_at(frame, kTransport) == kDnsPort) {
    if (auto reply = parse_reply(message)) {
      traffic.replies.push_back(*reply);
      traffic.reply_bytes.push_back(message.size());
    } else {
      ++traffic.malformed;
    }
  }
}

// Numbers of a capture file are in the order of the machine that wrote it.
template <class T>
void write_number(std::ofstream& file, T value) {
  file.write(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace

std::size_t DnsTraffic::distinct_queries() const {
  return std::set<std::string>(queries.begin(), queries.end()).size();
}

Capture::Capture(const mesh::NetNs& netns, const std::string& interface) {
  bool bound = false;
  netns.run([&] {
    socket_ = Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kCaptureBytes, sizeof kCaptureBytes);
    sockaddr_ll address{.sll_family = AF_PACKET,
                        .sll_protocol = htons(ETH_P_ALL),
                        .sll_ifindex = static_cast<int>(if_nametoindex(interface.c_str()))};
    bound = bind(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  });
  if (!bound) throw std::runtime_error("capturing on " + interface + ": " + strerror(errno));
}

void Capture::collect() {
  std::string frame(1 << 17, '\0');
  for (;;) {
    ssize_t size = recv(socket_.get(), frame.data(), frame.size(), MSG_DONTWAIT);
    if (size <= 0) return;
    frames_.emplace_back(frame, 0, static_cast<std::size_t>(size));
  }
}

DnsTraffic Capture::take() {
  collect();
  DnsTraffic traffic;
  for (; taken_ < frames_.size(); ++taken_) {
    const std::string& frame = frames_[taken_];
    int protocol = protocol_of(frame);
    if (protocol == IPPROTO_UDP) add_udp(frame, traffic);
    if (protocol == IPPROTO_TCP && word_at(frame, kTransport + 2) == kDnsPort &&
        (frame[kTcpFlags] & (kSyn | kAck)) == kSyn)
      ++traffic.tcp_connections;
  }
  return traffic;
}

void Capture::write_pcap(const std::string& path) {
  collect();
  std::ofstream file(path, std::ios::binary);
  write_number<std::uint32_t>(file, 0xa1b2c3d4);  // magic of captures with microseconds
  write_number<std::uint16_t>(file, 2);           // version 2.4
  write_number<std::uint16_t>(file, 4);
  write_number<std::uint64_t>(file, 0);        // time zone, accuracy
  write_number<std::uint32_t>(file, 1 << 17);  // longest frame
  write_number<std::uint32_t>(file, 1);        // Ethernet
  std::uint32_t number = 0;
  for (const auto& frame : frames_) {
    write_number<std::uint32_t>(file, 0);
    write_number<std::uint32_t>(file, number++);  // order is what matters, not the hour
    write_number(file, static_cast<std::uint32_t>(frame.size()));
    write_number(file, static_cast<std::uint32_t>(frame.size()));
    file.write(frame.data(), static_cast<std::streamsize>(frame.size()));
  }
}

unsigned Capture::lost() const {
  tpacket_stats counts{};
  socklen_t size = sizeof counts;  // reading them clears them
  getsockopt(socket_.get(), SOL_PACKET, PACKET_STATISTICS, &counts, &size);
  return lost_ += counts.tp_drops;
}

}  // namespace sixpn::dns::testing
