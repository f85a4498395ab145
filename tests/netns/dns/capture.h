// Capture: what an interface carried, both ways, as an independent witness of what clients ask and
// what they are told. Frames wait in the kernel until take() or write_pcap() collects them: nothing
// runs in the background, and nothing that was sent before a call is missed by it. Ethernet, IPv6
// without extension headers. Not for floods: the kernel keeps kCaptureBytes.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "dns/core/codes.h"
#include "tests/netns/mesh/netns.h"
#include "tests/unit/dns/parsed_reply.h"

namespace sixpn::dns::testing {

inline constexpr int kCaptureBytes = 32 << 20;

// The DNS part of what was carried.
struct DnsTraffic {
  std::vector<std::string> queries;  // over UDP, "app.internal. AAAA", in order, in lower case
  std::vector<ParsedReply> replies;  // over UDP
  std::vector<std::size_t> reply_bytes;
  std::size_t malformed = 0;        // messages over UDP that no reader understands
  std::size_t tcp_connections = 0;  // asked for by the client
  [[nodiscard]] std::size_t distinct_queries() const;
};

class Capture {
 public:
  // Begins at once; throws without the right to.
  Capture(const mesh::NetNs& netns, const std::string& interface);

  // What came since the last call.
  DnsTraffic take();
  // All frames so far, for tshark and people.
  void write_pcap(const std::string& path);
  // How many frames the kernel had no room for.
  [[nodiscard]] unsigned lost() const;

 private:
  void collect();

  Fd socket_;
  std::vector<std::string> frames_;
  std::size_t taken_ = 0;
  mutable unsigned lost_ = 0;
};

}  // namespace sixpn::dns::testing
