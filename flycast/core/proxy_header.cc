#include "flycast/core/proxy_header.h"

#include <string_view>

#include "registry/core/service.h"

namespace sixpn::flycast {
namespace {

constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr char kVersion2Proxy = 0x21;
constexpr char kTcpOverIp6 = 0x21;
constexpr char kAddressBytes = 2 * 16 + 2 * 2;

void append_address(std::string& out, const Ip6& ip) {
  out.append(reinterpret_cast<const char*>(ip.bytes.data()), ip.bytes.size());
}

void append_port(std::string& out, std::uint16_t port) {
  out += static_cast<char>(port >> 8);
  out += static_cast<char>(port);
}

std::string binary_header(const IpEndpoint& client, const IpEndpoint& dialled) {
  std::string out(kSignature);
  out += kVersion2Proxy;
  out += kTcpOverIp6;
  append_port(out, kAddressBytes);
  append_address(out, client.ip);
  append_address(out, dialled.ip);
  append_port(out, client.port);
  append_port(out, dialled.port);
  return out;
}

}  // namespace

std::string encode_proxy_header(std::uint8_t version, const IpEndpoint& client,
                                const IpEndpoint& dialled) {
  if (version == kProxyProtocolBinary) return binary_header(client, dialled);
  if (version != kProxyProtocolText) return {};
  return "PROXY TCP6 " + to_string(client.ip) + ' ' + to_string(dialled.ip) + ' ' +
         std::to_string(client.port) + ' ' + std::to_string(dialled.port) + "\r\n";
}

}  // namespace sixpn::flycast
