// The TXT lists of .internal, character by character as Fly writes them: one text per name, which
// becomes one record. Lists beyond kMaxTextBytes lose whole entries from the end, never a part of
// one. Pure.
#pragma once

#include <string>
#include <string_view>

#include "dns/core/view.h"

namespace sixpn::dns {

// Leaves room in a 65535-byte message for header, question, OPT and a length byte per 255.
inline constexpr std::size_t kMaxTextBytes = 64000;
// One character-string: the clients of `regions` read no second one.
inline constexpr std::size_t kMaxRegionsBytes = 255;

enum class ListScope {
  kAnswered,
  kAll
};  // `all.` forms: every registered machine, whatever its state

// "148e21dad76789 sea,4d89699c030518 ams"
NameContent list_machines(const View& view, const AppView& app, ListScope scope);
// "ams,sea", each once; kMaxRegionsBytes at most
NameContent list_regions(const View& view, const AppView& app, ListScope scope);
// "instance=148e21dad76789,app=web,ip=fdaa:...:2,region=sea;instance=..."
NameContent list_instances(const View& view, ListScope scope);
// "api,web"
NameContent list_apps(const View& view);
// "laptop,office"; peers named interactive-* are flyctl's own, and hidden
NameContent list_peers(const View& view);

// For the operator: "host-a iad alive,host-b fra suspected"
NameContent list_hosts(const View& view);

// How current the answers are: "generation=7,machines=10,answered=4,unreachable=1". `generation` is
// of the network's last change, as this host knows it; `unreachable` are started machines whose
// host is down. For the operator of the whole registry:
// "generation=42,synced=yes,networks=2,hosts=5,suspected=1,down=1".
NameContent describe_registry(const View& view);

}  // namespace sixpn::dns
