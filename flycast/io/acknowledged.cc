#include "flycast/io/acknowledged.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace sixpn::flycast {

std::uint64_t acknowledged(int stream) {
  tcp_info state{};
  socklen_t length = sizeof state;
  if (getsockopt(stream, IPPROTO_TCP, TCP_INFO, &state, &length) != 0) return 0;
  return state.tcpi_bytes_acked;
}

}  // namespace sixpn::flycast
