// Records that no datagram holds travel the relay trees in fragments: each is a packet of its own,
// acknowledged and repeated as any other. Who has them all has the record, verifies it, and only
// then passes it on. Here: how a record is cut, and what has come of it.
//
// Fragments are put together by who sent them, so that nobody spoils what another sends. Pure;
// control loop only. Bounded by the constants below.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/time.h"
#include "registry/core/signed_record.h"

namespace sixpn::registry {

inline constexpr std::size_t kFragmentBytes = 1000;  // of the wire; the last has the rest
inline constexpr std::size_t kMaxAssemblies = 64;    // of all senders, at most kMaxRecordBytes each
inline constexpr std::size_t kMaxAssembliesOfOne = 16;
inline constexpr Duration kAssemblyAge = std::chrono::seconds(5);

struct RecordFragment {
  std::uint64_t head = 0;   // of the record (relay_repair.h)
  std::uint32_t size = 0;   // of its wire, bytes
  std::uint32_t index = 0;  // this is what begins at index * kFragmentBytes
  std::string bytes;
  friend bool operator==(const RecordFragment&, const RecordFragment&) = default;
};

constexpr std::size_t fragments_of(std::size_t wire_size) {
  return (wire_size + kFragmentBytes - 1) / kFragmentBytes;
}
RecordFragment fragment_of(const SignedRecord& record, std::size_t index);
// Whether it is of a record that needs fragments, and as long as its place says.
bool is_well_formed(const RecordFragment& fragment);

class FragmentBuffer {
 public:
  // The wire, once nothing of it is missing; then it is forgotten here. `fragment` is well formed.
  std::optional<std::string> add(Instant now, HostId from, const RecordFragment& fragment);
  void forget(HostId from, std::uint64_t head) { assemblies_.erase({from, head}); }
  [[nodiscard]] std::size_t size() const { return assemblies_.size(); }
  // Records of which something came, and was given up.
  [[nodiscard]] std::uint64_t given_up() const { return given_up_; }

 private:
  struct Assembly {
    Instant begun;
    std::string wire;
    std::vector<bool> here;  // by index
    std::size_t missing = 0;
  };
  using Key = std::pair<HostId, std::uint64_t>;
  void make_room(Instant now, HostId from);

  std::map<Key, Assembly> assemblies_;
  std::uint64_t given_up_ = 0;
};

}  // namespace sixpn::registry
