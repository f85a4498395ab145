#include "flycast/io/unread.h"

// The C library's own tcp_info ends before what is needed here, and cannot be included beside it.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "flycast/io/sockets.h"

namespace sixpn::flycast {

bool closed_before(int stream, std::uint64_t sent) {
  // Behind a FIN a reset is told as EPIPE, else as ECONNRESET.
  if (take_error(stream) != EPIPE) return false;
  tcp_info state{};
  socklen_t length = sizeof state;
  if (getsockopt(stream, IPPROTO_TCP, TCP_INFO, &state, &length) != 0) return false;
  return state.tcpi_bytes_acked <= sent + 1;  // the SYN counts as one
}

}  // namespace sixpn::flycast
