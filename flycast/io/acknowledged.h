// What of a stream has arrived. Apart from sockets.h, for the kernel's own tcp_info, which counts
// bytes, and the C library's older one do not go into one file. A system call only.
#pragma once

#include <cstdint>

namespace sixpn::flycast {

// How many of the bytes ever sent the other end's kernel has acknowledged (and one for the SYN, of
// a stream that was opened here); also after a reset.
std::uint64_t acknowledged(int stream);

}  // namespace sixpn::flycast
