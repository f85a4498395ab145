// The words of nft's JSON (libnftables-json(5)) that our tables are written in. Only the .cc files
// of mesh/core that make tables include this.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "base/ip.h"

namespace sixpn::mesh::nft {

using boost::json::array;
using boost::json::object;
using boost::json::value;

inline constexpr const char* kFamily = "inet";
// The host's ends of machines' veth pairs.
inline constexpr const char* kAnyMachine = "sx*";

inline value text(std::string_view s) {
  return value(boost::json::string_view(s.data(), s.size()));
}
inline value prefix(const Prefix6& p) {
  return {{"prefix", {{"addr", text(to_string(p.ip))}, {"len", p.length}}}};
}
inline value meta(const char* key) {
  return {{"meta", {{"key", key}}}};
}
inline value field(const char* protocol, const char* name) {
  return {{"payload", {{"protocol", protocol}, {"field", name}}}};
}
inline value concat(const value& a, const value& b) {
  return {{"concat", array{a, b}}};
}
inline value match(const value& left, const value& right, const char* op = "==") {
  return {{"match", {{"op", op}, {"left", left}, {"right", right}}}};
}
inline value in_set(const value& left, const char* set) {
  return match(left, text(std::string("@") + set));
}
inline value saddr() {
  return field("ip6", "saddr");
}
inline value daddr() {
  return field("ip6", "daddr");
}
inline value from(const std::string& interface) {
  return match(meta("iifname"), text(interface));
}
// By number: nft looks names up in /etc/protocols, which small systems lack.
inline value is_protocol(int number) {
  return match(meta("l4proto"), number);
}
inline value is_tcp() {
  return is_protocol(6);
}
// The first packet of a connection; with "!=" all but that.
inline value is_syn(const char* op = "==") {
  value flags = {{"&", array{field("tcp", "flags"), array{"fin", "syn", "rst", "ack"}}}};
  return match(flags, "syn", op);
}
inline value accept() {
  return {{"accept", nullptr}};
}
inline value set_mark(std::uint32_t mark) {
  return {{"mangle", {{"key", meta("mark")}, {"value", mark}}}};
}

// ---- commands
inline object in_table(const char* table) {
  return {{"family", kFamily}, {"table", table}};
}
inline value table(const char* name) {
  return {{"table", {{"family", kFamily}, {"name", name}}}};
}
inline value add(const char* kind, object body) {
  return {{"add", {{kind, std::move(body)}}}};
}
inline value rule(const char* table, const std::string& chain, array expressions) {
  object body = in_table(table);
  body["chain"] = chain;
  body["expr"] = std::move(expressions);
  return add("rule", std::move(body));
}
// What makes a table empty, whether or not it stood: adding first makes the deletion succeed.
inline array anew(const char* name) {
  return {{{"add", table(name)}}, {{"delete", table(name)}}, {{"add", table(name)}}};
}
// One transaction that removes the table, whether or not it stands.
inline array removal(const char* name) {
  return {{{"add", table(name)}}, {{"delete", table(name)}}};
}
inline std::string document(array commands) {
  return boost::json::serialize(object{{"nftables", std::move(commands)}});
}

}  // namespace sixpn::mesh::nft
