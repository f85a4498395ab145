// Reading netlink messages: headers and attributes, checked against the message's length. libmnl's
// own loops are C macros that do not compile as C++. Included by the netlink_*.cc files only.
#pragma once

#include <libmnl/libmnl.h>

#include <algorithm>
#include <optional>
#include <string>

#include "base/ip.h"

namespace sixpn::mesh {

// The family header, or null when the message is too short for it.
template <class Header>
const Header* header_of(const nlmsghdr* message) {
  if (mnl_nlmsg_get_payload_len(message) < sizeof(Header)) return nullptr;
  return static_cast<const Header*>(mnl_nlmsg_get_payload(message));
}

// Calls on_attribute(type, attribute) for each attribute from `begin` to `end`.
template <class OnAttribute>
void for_each_attribute_in(const void* begin, const void* end, OnAttribute on_attribute) {
  const char* limit = static_cast<const char*>(end);
  auto left = [&](const nlattr* at) {
    return static_cast<int>(limit - reinterpret_cast<const char*>(at));
  };
  for (auto* at = static_cast<const nlattr*>(begin); mnl_attr_ok(at, left(at));
       at = mnl_attr_next(at))
    on_attribute(mnl_attr_get_type(at), at);
}

// For those after a family header of `header_size` bytes.
template <class OnAttribute>
void for_each_attribute(const nlmsghdr* message, std::size_t header_size,
                        OnAttribute on_attribute) {
  if (mnl_nlmsg_get_payload_len(message) < header_size) return;
  for_each_attribute_in(mnl_nlmsg_get_payload_offset(message, header_size),
                        mnl_nlmsg_get_payload_tail(message), on_attribute);
}

template <class OnAttribute>
void for_each_nested(const nlattr* nest, OnAttribute on_attribute) {
  const char* begin = static_cast<const char*>(mnl_attr_get_payload(nest));
  for_each_attribute_in(begin, begin + mnl_attr_get_payload_len(nest), on_attribute);
}

template <class Header>
const nlattr* find_attribute(const nlmsghdr* message, int wanted) {
  const nlattr* found = nullptr;
  for_each_attribute(message, sizeof(Header), [&](int type, const nlattr* attribute) {
    if (type == wanted) found = attribute;
  });
  return found;
}

// "" for a null or malformed attribute.
inline std::string text_of(const nlattr* attribute) {
  if (attribute == nullptr || mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0) return "";
  return mnl_attr_get_str(attribute);
}

inline std::optional<Ip6> ip6_of(const nlattr* attribute) {
  Ip6 ip;
  if (attribute == nullptr || mnl_attr_get_payload_len(attribute) != ip.bytes.size())
    return std::nullopt;
  std::copy_n(static_cast<const std::uint8_t*>(mnl_attr_get_payload(attribute)), ip.bytes.size(),
              ip.bytes.begin());
  return ip;
}

// 0 for a null or malformed attribute.
inline std::uint32_t u32_of(const nlattr* attribute) {
  if (attribute == nullptr || mnl_attr_validate(attribute, MNL_TYPE_U32) < 0) return 0;
  return mnl_attr_get_u32(attribute);
}

}  // namespace sixpn::mesh
