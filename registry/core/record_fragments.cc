#include "registry/core/record_fragments.h"

#include <algorithm>

#include "registry/core/gossip_codec.h"
#include "registry/core/relay_repair.h"

namespace sixpn::registry {
namespace {

std::size_t length_of(std::size_t wire_size, std::size_t index) {
  return std::min(kFragmentBytes, wire_size - index * kFragmentBytes);
}

}  // namespace

RecordFragment fragment_of(const SignedRecord& record, std::size_t index) {
  return {record_head(record.digest), record.wire_size, static_cast<std::uint32_t>(index),
          record.wire().substr(index * kFragmentBytes, kFragmentBytes)};
}

bool is_well_formed(const RecordFragment& fragment) {
  return fragment.size > kMaxGossipedRecordBytes && fragment.size <= kMaxRecordBytes &&
         fragment.index < fragments_of(fragment.size) &&
         fragment.bytes.size() == length_of(fragment.size, fragment.index);
}

std::optional<std::string> FragmentBuffer::add(Instant now, HostId from,
                                               const RecordFragment& fragment) {
  auto place = assemblies_.find({from, fragment.head});
  if (place == assemblies_.end()) {
    make_room(now, from);
    const std::size_t count = fragments_of(fragment.size);
    place = assemblies_
                .emplace(Key{from, fragment.head}, Assembly{now, std::string(fragment.size, '\0'),
                                                            std::vector<bool>(count, false), count})
                .first;
  }
  Assembly& assembly = place->second;
  if (assembly.wire.size() != fragment.size || assembly.here[fragment.index]) return std::nullopt;
  assembly.wire.replace(fragment.index * kFragmentBytes, fragment.bytes.size(), fragment.bytes);
  assembly.here[fragment.index] = true;
  if (--assembly.missing > 0) return std::nullopt;
  std::string wire = std::move(assembly.wire);
  assemblies_.erase(place);
  return wire;
}

// What is too old goes; of one that has its share, its oldest; of a full table, the oldest.
void FragmentBuffer::make_room(Instant now, HostId from) {
  given_up_ += std::erase_if(
      assemblies_, [now](const auto& each) { return now - each.second.begun > kAssemblyAge; });
  auto drop_oldest = [this](auto begin, auto end) {
    ++given_up_;
    assemblies_.erase(std::min_element(
        begin, end, [](const auto& a, const auto& b) { return a.second.begun < b.second.begun; }));
  };
  auto begin = assemblies_.lower_bound({from, 0});
  auto end = std::find_if(begin, assemblies_.end(),
                          [from](const auto& each) { return each.first.first != from; });
  if (static_cast<std::size_t>(std::distance(begin, end)) >= kMaxAssembliesOfOne)
    drop_oldest(begin, end);
  else if (assemblies_.size() >= kMaxAssemblies)
    drop_oldest(assemblies_.begin(), assemblies_.end());
}

}  // namespace sixpn::registry
