// Names and texts made of whatever the registry's records hold: a host that lies writes them.
#include "tests/fuzz/dns_names_target.h"

#include <array>

#include "registry/core/address.h"
#include "tests/fuzz/promise.h"
#include "tests/unit/dns/both_ways.h"
#include "tests/unit/dns/parsed_reply.h"
#include "tests/unit/dns/world.h"
#include "tests/unit/edit_app.h"

namespace sixpn::dns::testing {
namespace {

constexpr std::size_t kAskedNames = 13;
static_assert(kAskedNames * 4 == kNameChoices);

// Fields end with a zero byte; those that are missing are empty.
struct Fields {
  std::string app, group, region, key, value, peer, service, text;
  explicit Fields(std::string_view input) {
    for (std::string* field : {&app, &group, &region, &key, &value, &peer, &service, &text}) {
      auto end = std::min(input.find('\0'), input.size());
      *field = input.substr(0, end);
      input.remove_prefix(std::min(end + 1, input.size()));
    }
  }
};

SnapshotPtr snapshot_of(const Fields& fields) {
  World world;
  world.edit().hosts[kHostB].record.region = fields.region;
  auto& machine = world.add(kAcme, {0x77,
                                    fields.app,
                                    kHostB,
                                    MachineState::kStarted,
                                    fields.group,
                                    {{fields.key, fields.value}}});
  machine.region = fields.region;
  auto& acme = world.network(kAcme);
  acme.peers[fields.peer] = {fields.peer, kAcme, kHostB, {}, peer_address(kAcme, kHostB, 7)};
  auto flycast = flycast_address(kAcme, 7);
  acme.flycast[flycast] = {flycast, fields.app, kAcme, fields.service};
  return world.snapshot();
}

void check_reply(const Snapshot* snapshot, const std::string& message, Transport transport) {
  auto both = ask_both_ways(snapshot, audience(), message, asker(), transport);
  SIXPN_PROMISE(both.difference.empty());
  SIXPN_PROMISE(both.outcome.fate == Fate::kReply || both.outcome.fate == Fate::kForward);
  if (both.outcome.fate != Fate::kReply) return;
  SIXPN_PROMISE(both.outcome.reply.size() <= reply_limit(both.outcome.query, transport));
  SIXPN_PROMISE(parse_reply(both.outcome.reply).has_value());
}

// What a name says is read back as the same name.
void check_text(const Name& name) {
  auto again = Name::from_text(to_string(name));
  SIXPN_PROMISE(again && again->wire() == name.wire());
}

}  // namespace

void fuzz_names(std::string_view input) {
  fuzz::Choices choices(input);
  unsigned choice = choices.byte();
  Fields fields(choices.rest());
  if (auto name = Name::from_text(fields.text)) check_text(*name);
  using L = std::vector<std::string_view>;
  const std::string& app = fields.app;
  const std::array<L, kAskedNames> asked = {
      L{app, "internal"},
      L{fields.region, app, "internal"},
      L{fields.group, "process", app, "internal"},
      L{fields.value, fields.key, "kv", "_metadata", app, "internal"},
      L{fields.key, "kv", "_metadata", app, "internal"},
      L{"vms", app, "internal"},
      L{"regions", app, "internal"},
      L{"_apps", "internal"},
      L{"_instances", "internal"},
      L{"_peer", "internal"},
      L{fields.peer, "_peer", "internal"},
      L{app, "flycast"},
      L{fields.service, "svc", app, "flycast"},
  };
  auto name = Name::from_labels(asked[choice % kAskedNames]);
  if (!name) return;
  check_text(*name);
  choice = static_cast<unsigned>(choice / kAskedNames);
  RrType type = choice % 2 == 0 ? kTypeAaaa : kTypeTxt;
  auto transport = choice / 2 % 2 == 0 ? Transport::kUdp : Transport::kTcp;
  std::string message = u16(1) + u16(0x0100) + u16(1) + u16(0) + u16(0) + u16(0) + name->wire() +
                        u16(type) + u16(kClassIn);
  check_reply(snapshot_of(fields).get(), message, transport);
}

}  // namespace sixpn::dns::testing
