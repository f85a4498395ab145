// What the DNS load programs share: questions from a file, and where to send them.
#pragma once

#include <netinet/in.h>

#include <string>
#include <vector>

namespace sixpn::bench {

[[noreturn]] void fail(const std::string& why);
sockaddr_in6 address_of(const char* ip, const char* port);

// Messages in wire form, id zero, of a file with a question per line ("web.internal AAAA").
std::vector<std::string> read_questions(const char* path);

}  // namespace sixpn::bench
