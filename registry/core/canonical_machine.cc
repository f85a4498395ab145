#include "registry/core/canonical_machine.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "registry/core/field_reader.h"
#include "registry/core/record_rules.h"

namespace sixpn::registry {
namespace {

void read_metadata(FieldReader& fields, TextMap& out) {
  std::vector<TextMap::value_type> labels;
  while (auto label = fields.message(8)) {
    FieldReader inner(*label);
    std::string_view key = inner.bytes(1);
    std::string_view value = inner.bytes(2);
    // In the order of the keys, which are not empty: as TextMap yields them.
    std::string_view last = labels.empty() ? "" : labels.back().first;
    if (!inner.done() || key <= last || labels.size() == kMaxMetadata) return fields.fail();
    labels.emplace_back(key, value);
  }
  out = TextMap(labels.begin(), labels.end());
}

void read_service_health(FieldReader& fields, Rare<ServiceHealths>& out) {
  constexpr std::uint64_t kPorts = 65536;
  constexpr auto kHealths = static_cast<std::uint64_t>(Health::kCritical) + 1;
  ServiceHealths read;
  while (auto service = fields.message(14)) {
    FieldReader inner(*service);
    auto port = static_cast<std::uint16_t>(inner.number_below(1, kPorts));
    auto health = static_cast<Health>(inner.number_below(2, kHealths));
    if (!inner.done() || read.size() > kMaxServices) return fields.fail();
    read.push_back({port, health});
  }
  out = std::move(read);
}

std::optional<MachineRecord> read_machine(std::string_view bytes) {
  FieldReader fields(bytes);
  MachineRecord out;
  out.id = MachineId{fields.fixed<std::uint64_t>(1)};
  out.host = HostId{fields.fixed<std::uint32_t>(2)};
  out.network = NetworkId{fields.fixed<std::uint32_t>(3)};
  out.app = fields.bytes(4);
  out.group = fields.bytes(5);
  out.region = fields.bytes(6);
  std::string_view address = fields.bytes(7);
  if (address.size() != out.address.bytes.size()) return std::nullopt;
  std::copy(address.begin(), address.end(), out.address.bytes.begin());
  read_metadata(fields, out.metadata);
  auto last = static_cast<std::uint64_t>(MachineState::kDestroyed);
  out.state = static_cast<MachineState>(fields.number_below(9, last + 1));
  last = static_cast<std::uint64_t>(Health::kCritical);
  out.health = static_cast<Health>(fields.number_below(10, last + 1));
  out.skip_dns = fields.boolean(11);
  out.cordoned = fields.boolean(12);
  out.updated = from_unix_ms(static_cast<std::int64_t>(fields.varint(13)));
  read_service_health(fields, out.service_health);
  last = static_cast<std::uint64_t>(Health::kCritical);
  out.app_health = static_cast<Health>(fields.number_below(15, last + 1));
  if (!fields.done() || out.state < MachineState::kCreated) return std::nullopt;
  return out;
}

}  // namespace

std::optional<Record> read_canonical_machine(std::string_view body) {
  FieldReader fields(body);
  Record out;
  out.key.kind = RecordKind::kMachine;
  if (fields.varint(1) != static_cast<std::uint64_t>(RecordKind::kMachine)) return std::nullopt;
  out.key.id = fields.bytes(2);
  out.writer = HostId{fields.fixed<std::uint32_t>(3)};
  out.stamp.major = fields.fixed<std::uint64_t>(4);
  out.stamp.minor = fields.fixed<std::uint64_t>(5);
  std::string_view value = fields.bytes(9);
  if (!fields.done()) return std::nullopt;
  auto machine = read_machine(value);
  if (!machine) return std::nullopt;
  out.value = std::move(*machine);
  return out;
}

}  // namespace sixpn::registry
