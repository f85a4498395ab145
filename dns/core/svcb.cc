#include "dns/core/svcb.h"

namespace sixpn::dns {
namespace {

constexpr std::uint16_t kAlpn = 1, kNoDefaultAlpn = 2, kPort = 3, kIpv6hint = 6;

void append_u16(std::string& bytes, std::size_t value) {
  bytes += static_cast<char>(value >> 8);
  bytes += static_cast<char>(value);
}

void append_param(std::string& params, std::uint16_t key, std::string_view value) {
  append_u16(params, key);
  append_u16(params, value.size());
  params += value;
}

template <class List, class TextOf>
std::string joined(const List& list, TextOf text_of) {
  std::string text;
  for (const auto& each : list) text += (text.empty() ? "" : ",") + text_of(each);
  return text;
}

}  // namespace

std::string svcb_params(const Svcb& svcb) {
  std::string alpn, port, hints, params;
  for (const auto& id : svcb.alpn) alpn += static_cast<char>(id.size()) + id;
  append_u16(port, svcb.port);
  for (const auto& ip : svcb.ipv6hint) hints.append(ip.bytes.begin(), ip.bytes.end());
  if (!alpn.empty()) append_param(params, kAlpn, alpn);
  if (svcb.no_default_alpn) append_param(params, kNoDefaultAlpn, {});
  if (svcb.port != 0) append_param(params, kPort, port);
  if (!hints.empty()) append_param(params, kIpv6hint, hints);
  return params;
}

std::string svcb_text(const Svcb& svcb) {
  std::string text = std::to_string(svcb.priority) + " .";
  if (!svcb.alpn.empty())
    text += " alpn=\"" + joined(svcb.alpn, [](const std::string& id) { return id; }) + "\"";
  if (svcb.no_default_alpn) text += " no-default-alpn";
  if (svcb.port != 0) text += " port=" + std::to_string(svcb.port);
  if (!svcb.ipv6hint.empty())
    text += " ipv6hint=" + joined(svcb.ipv6hint, [](const Ip6& ip) { return to_string(ip); });
  return text;
}

}  // namespace sixpn::dns
