// AppNames: every name at and below <app>.internal that one app has at one moment, compiled from
// its machines for lookups that allocate nothing and cost the same however many machines there are.
// The only place that says which of these names exist and which machines they stand for; its users
// are the answers in bytes (responder.h) and the typed ones (internal_names.h).
//
// Machines are ranked once: the local region first, then regions by the round trip to the app's
// nearest host there, unmeasured ones last. A region's machines are a tier: neighbours in rank, in
// order of address; in which order a tier is told is drawn per query (draw.h).
//
// Most apps are only ever asked for by their own name: then no other is compiled (Reach).
//
// Pure, immutable. Made on a worker's loop when an app is asked for and has changed; owned by
// NameIndex. The names of single machines (<id>.vm.<app>) are not in it: the registry's index holds
// them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/rng.h"
#include "dns/core/response.h"
#include "dns/core/vantage.h"
#include "registry/core/snapshot.h"

namespace sixpn::dns {

enum class AppNameKind : std::uint8_t {
  kNothing,  // exists, holds no records: an empty non-terminal
  kMachines,
  kNearest,  // strictly by round trip, at most `limit`
  // Text lists.
  kVmList,
  kAllVmList,
  kRegionList,
  kAllRegionList,
};

constexpr bool is_list(AppNameKind kind) {
  return kind >= AppNameKind::kVmList;
}

struct AppName {
  AppNameKind kind = AppNameKind::kNothing;
  std::uint32_t set = 0;             // of kMachines
  std::uint32_t limit = UINT32_MAX;  // of kNearest
};

class AppNames {
 public:
  // Which names it can find.
  enum class Reach { kOwnName, kAllNames };

  // `own`: as is_answered()'s.
  AppNames(const Snapshot& snapshot, const AppView& app, const Vantage& vantage,
           Reach reach = Reach::kAllNames, const Ip6* own = nullptr);

  [[nodiscard]] bool reaches(Reach reach) const { return reach == Reach::kOwnName || table_; }

  // `relative`: what stands left of the app's label, in wire form, lower case, without the root;
  // empty for the app's own name; no other than this within Reach::kOwnName. Nothing: there is no
  // such name (NXDOMAIN).
  [[nodiscard]] std::optional<AppName> find(std::string_view relative) const;

  // How many machines a name answers with.
  [[nodiscard]] std::size_t count(const AppName& name) const;
  // Writes the first `room` of the name's blocks, in the order of this answer, and returns how many
  // these are. `asker` goes first where the nearest are asked for.
  std::size_t write(const AppName& name, const Ip6& asker, Rng& rng, std::size_t room,
                    char* out) const;

 private:
  friend class AppNamesBuilder;
  struct Set {
    std::uint32_t first = 0;  // a rank, or a place in `members` when `listed`
    std::uint32_t size = 0;
    bool listed = false;
  };
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t key = 0;  // where in `keys`
    std::uint16_t key_size = 0;
    AppNameKind kind{};
    bool used = false;
    std::uint32_t set = 0;
  };

  // What names beside the app's own need.
  struct Table {
    std::vector<std::uint32_t> nearest;       // ranks by round trip
    std::vector<std::uint32_t> nearest_ends;  // places in `nearest` where a round trip ends
    std::vector<std::uint32_t> members;       // ranks of the listed sets
    std::vector<Set> sets;                    // 0: all
    std::vector<Slot> slots;                  // open addressing, a power of two
    std::string keys;
  };

  static constexpr std::uint32_t kAllSet = 0;
  static constexpr std::string_view kHealthy = "\x07healthy";

  [[nodiscard]] Set set_of(const AppName& name) const {
    return name.set == kAllSet ? Set{0, machines_, false} : table_->sets[name.set];
  }
  // Ranks where tiers end; ascending.
  [[nodiscard]] std::span<const std::uint32_t> tier_ends() const { return {ranked_.get(), tiers_}; }
  // The machine's record as it is sent.
  [[nodiscard]] const char* block(std::size_t rank) const {
    return reinterpret_cast<const char*>(ranked_.get() + tiers_) + rank * kAddressBlockBytes;
  }
  [[nodiscard]] std::uint32_t rank(const Set& set, std::size_t i) const {
    auto at = static_cast<std::uint32_t>(set.first + i);
    return set.listed ? table_->members[at] : at;
  }
  // Where the run of equals that starts at `i` ends.
  [[nodiscard]] std::size_t tier_end(const Set& set, std::size_t i) const;
  std::size_t write_set(const Set& set, Rng& rng, std::size_t room, char* out) const;
  std::size_t write_nearest(std::size_t limit, const Ip6& asker, Rng& rng, std::size_t room,
                            char* out) const;
  [[nodiscard]] std::optional<std::uint32_t> rank_of(const Ip6& address) const;

  // One allocation, a cache line for a small app: tier_ends(), and behind them the blocks.
  std::unique_ptr<std::uint32_t[]> ranked_;
  std::uint32_t machines_ = 0, tiers_ = 0;
  std::unique_ptr<const Table> table_;  // null within Reach::kOwnName
};

}  // namespace sixpn::dns
