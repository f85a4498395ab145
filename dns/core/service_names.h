// The names of an app's services (RFC 2782): _<service>._tcp or _<service>._udp in front of any
// name of the app that stands for machines (<app>, <region>.<app>, <group>.process.<app>,
// healthy.<app>, <value>.<key>.kv._metadata.<app>, top<N>.nearest.of.<app>, <id>.vm.<app> ...). One
// SRV record for each of those machines that serves it, with the port that the machine itself
// listens on: who asks goes to the machine, past Flycast.
//
// A service has no name of its own in the registry. It is named by what its ports say: _http where
// one has the handler "http", and by number (_5432) for each port that Flycast opens for it.
//
// Pure. Not compiled (app_names.h): looked up for each question, and the answers are kept
// (answer_memo.h).
#pragma once

#include <optional>
#include <string_view>

#include "dns/core/app_names.h"
#include "dns/core/view.h"

namespace sixpn::dns {

// Of one answer's records: what a message over TCP has room for beside header, question and OPT.
// The nearest machines are named, some 1,000; what is beyond them is not.
inline constexpr std::size_t kMaxServiceBytes = 64000;

constexpr bool is_service_protocol(std::string_view label) {
  return label == "_tcp" || label == "_udp";
}

// Whether a service of the app bears the name, somewhere. Without allocating; `before`: the labels
// in front of the app's own, the first two are enough.
bool has_service(const AppView& app, Labels before);

// `before`: the labels in front of the app's own. Nothing: no such name.
std::optional<NameContent> find_service(const View& view, const AppView& app, const AppNames& names,
                                        Labels before);

}  // namespace sixpn::dns
