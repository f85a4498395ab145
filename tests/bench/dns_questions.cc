#include "tests/bench/dns_questions.h"

#include <arpa/inet.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

namespace sixpn::bench {
namespace {

std::string encode(const std::string& name, const std::string& type) {
  static const std::map<std::string, int> kTypes = {
      {"A", 1}, {"PTR", 12}, {"TXT", 16}, {"AAAA", 28}, {"SRV", 33}};
  auto known = kTypes.find(type);
  if (known == kTypes.end()) fail("no such type: " + type);
  std::string message{"\0\0\x01\0\0\x01\0\0\0\0\0\0", 12};
  std::istringstream labels(name);
  for (std::string label; std::getline(labels, label, '.');)
    message += static_cast<char>(label.size()) + label;
  return message + std::string{'\0', '\0', static_cast<char>(known->second), '\0', '\1'};
}

}  // namespace

[[noreturn]] void fail(const std::string& why) {
  std::cerr << "" << why << '\n';
  std::exit(1);
}

sockaddr_in6 address_of(const char* ip, const char* port) {
  sockaddr_in6 out{};
  out.sin6_family = AF_INET6;
  out.sin6_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  if (inet_pton(AF_INET6, ip, &out.sin6_addr) != 1) fail(std::string("no IPv6 address: ") + ip);
  return out;
}

std::vector<std::string> read_questions(const char* path) {
  std::ifstream file(path);
  std::vector<std::string> out;
  for (std::string name, type; file >> name >> type;) out.push_back(encode(name, type));
  if (out.empty()) fail(std::string("no questions in ") + path);
  return out;
}

}  // namespace sixpn::bench
