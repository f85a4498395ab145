// Asker: where the reply to one client's query goes: a datagram's sender, or a TCP session if it
// still lives. A value of the worker that got the query; only it can use it.
#pragma once

#include <cstddef>
#include <memory>

#include "dns/io/tcp_session.h"
#include "dns/io/udp_server.h"

namespace sixpn::dns {

struct Asker {
  bool over_tcp = false;
  std::weak_ptr<TcpSession> session;
  std::size_t server = 0;  // the worker's UDP socket
  UdpPath path;
};

}  // namespace sixpn::dns
