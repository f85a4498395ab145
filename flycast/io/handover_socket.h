// The unix socket between two proxies of one host, of which one ends and the other takes its place:
// packets (SOCK_SEQPACKET) with sockets beside them. System calls only; no event loop. Sends wait
// for room, at most kHandoverPatience: the other end is a loop that takes them as they come.
//
// Trusts what runs as the same user: the path is only that one's to open.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "base/time.h"

namespace sixpn::flycast {

inline constexpr Duration kHandoverPatience = std::chrono::seconds(2);

// Replaces a socket file that is there. Errors: the path is too long, or cannot be bound.
Result<Fd> listen_for_successor(const std::string& path);
// The next successor; empty when there is none, or it runs as somebody else.
Fd accept_successor(int listener);
// To the proxy that leaves its place at `path`; empty when nobody does.
Fd find_predecessor(const std::string& path);

struct HandoverPacket {
  std::string bytes;
  std::vector<Fd> sockets;
};

// False: the other end is gone, or took nothing for too long.
bool send_packet(int stream, std::string_view bytes, const std::vector<int>& sockets);
// Errors: EAGAIN, when `wait` is false and nothing is there; ENODATA at the end; ETIMEDOUT.
Result<HandoverPacket> receive_packet(int stream, bool wait);

}  // namespace sixpn::flycast
