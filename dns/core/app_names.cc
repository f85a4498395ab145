#include "dns/core/app_names.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <cstring>
#include <limits>

#include "dns/core/draw.h"
#include "dns/core/fast_hash.h"

namespace sixpn::dns {
namespace {

struct Keyword {
  std::string_view relative;
  AppNameKind kind;
};
// They win over a region, group or value that is written alike.
constexpr std::array kKeywords = {
    Keyword{"", AppNameKind::kMachines},
    Keyword{"\x06global", AppNameKind::kMachines},
    Keyword{"\x03vms", AppNameKind::kVmList},
    Keyword{"\x03"
            "all\x03vms",
            AppNameKind::kAllVmList},
    Keyword{"\x07regions", AppNameKind::kRegionList},
    Keyword{"\x03"
            "all\x07regions",
            AppNameKind::kAllRegionList},
    Keyword{"\x02vm", AppNameKind::kNothing},
    Keyword{"\x07process", AppNameKind::kNothing},
    Keyword{"\x02of", AppNameKind::kNothing},
    Keyword{"\x07nearest\x02of", AppNameKind::kNothing},
    Keyword{"\x09_metadata", AppNameKind::kNothing},
    Keyword{"\x02kv\x09_metadata", AppNameKind::kNothing},
};
constexpr std::string_view kNearestOf = "\x07nearest\x02of";

// N of "top<N>": a positive number without leading zeros, however large (all machines then).
std::optional<std::uint32_t> parse_top(std::string_view label) {
  if (!label.starts_with("top") || label.size() < 4 || label[3] == '0') return std::nullopt;
  std::uint32_t count = 0;
  auto [end, failed] = std::from_chars(label.data() + 3, label.data() + label.size(), count);
  if (end != label.data() + label.size() || failed == std::errc::invalid_argument)
    return std::nullopt;
  return failed == std::errc{} ? count : std::numeric_limits<std::uint32_t>::max();
}

// The one label in front of `tail`, with its length byte; nothing when there are more or none.
std::optional<std::string_view> label_before(std::string_view relative, std::string_view tail) {
  if (relative.size() <= tail.size() || !relative.ends_with(tail)) return std::nullopt;
  auto label = relative.substr(0, relative.size() - tail.size());
  if (static_cast<std::size_t>(static_cast<unsigned char>(label[0])) + 1 != label.size())
    return std::nullopt;
  return label;
}

}  // namespace

std::optional<AppName> AppNames::find(std::string_view relative) const {
  for (const auto& keyword : kKeywords)
    if (keyword.relative == relative) return AppName{keyword.kind, kAllSet};
  if (auto top = label_before(relative, kNearestOf)) {
    auto limit = parse_top(top->substr(1));
    return limit ? std::optional(AppName{AppNameKind::kNearest, 0, *limit}) : std::nullopt;
  }
  assert(table_);
  auto hash = static_cast<std::uint32_t>(fast_hash(relative));
  auto mask = table_->slots.size() - 1;
  for (auto place = hash & mask; table_->slots[place].used; place = (place + 1) & mask) {
    const Slot& slot = table_->slots[place];
    if (slot.hash != hash || slot.key_size != relative.size()) continue;
    if (std::memcmp(table_->keys.data() + slot.key, relative.data(), relative.size()) == 0)
      return AppName{slot.kind, slot.set};
  }
  // An app without machines has this name too.
  if (relative == kHealthy) return AppName{AppNameKind::kMachines, kAllSet};
  return std::nullopt;
}

std::size_t AppNames::count(const AppName& name) const {
  if (name.kind == AppNameKind::kMachines) return set_of(name).size;
  if (name.kind == AppNameKind::kNearest) return std::min(name.limit, machines_);
  return 0;
}

std::size_t AppNames::write(const AppName& name, const Ip6& asker, Rng& rng, std::size_t room,
                            char* out) const {
  if (name.kind == AppNameKind::kMachines) return write_set(set_of(name), rng, room, out);
  if (name.kind == AppNameKind::kNearest) return write_nearest(name.limit, asker, rng, room, out);
  return 0;
}

std::size_t AppNames::tier_end(const Set& set, std::size_t i) const {
  auto ends = tier_ends();
  auto end_rank = *std::upper_bound(ends.begin(), ends.end(), rank(set, i));
  if (!set.listed) return std::min<std::size_t>(set.size, end_rank - set.first);
  auto begin = table_->members.begin() + set.first;
  return static_cast<std::size_t>(
      std::lower_bound(begin + static_cast<std::ptrdiff_t>(i), begin + set.size, end_rank) - begin);
}

// Tier by tier, each in an order drawn anew.
std::size_t AppNames::write_set(const Set& set, Rng& rng, std::size_t room, char* out) const {
  std::size_t written = 0;
  auto put = [&](std::size_t place) {
    std::memcpy(out + written++ * kAddressBlockBytes, block(rank(set, place)), kAddressBlockBytes);
  };
  for (std::size_t begin = 0; begin < set.size && written < room;) {
    std::size_t end = tier_end(set, begin);
    std::size_t run = end - begin;
    if (run <= 2) {  // turned, they are shuffled
      std::size_t first = run > 1 ? rng.below(run) : 0;
      for (std::size_t i = 0; i < run && written < room; ++i) put(begin + (first ^ i));
    } else {
      Draw draw(run, rng);
      for (std::size_t i = 0; i < run && written < room; ++i) put(begin + draw.next());
    }
    begin = end;
  }
  return written;
}

std::size_t AppNames::write_nearest(std::size_t limit, const Ip6& asker, Rng& rng, std::size_t room,
                                    char* out) const {
  room = std::min(room, limit);
  std::size_t written = 0;
  auto put = [&](std::uint32_t rank) {
    std::memcpy(out + written++ * kAddressBlockBytes, block(rank), kAddressBlockBytes);
  };
  auto own = rank_of(asker);
  if (own && room > 0) put(*own);
  std::uint32_t begin = 0;
  for (auto end : table_->nearest_ends) {
    Draw draw(end - begin, rng);
    for (std::uint32_t i = begin; i < end && written < room; ++i)
      if (auto rank = table_->nearest[begin + draw.next()]; rank != own) put(rank);
    begin = end;
  }
  return written;
}

// The asker is on this host, so in the first tier, which is in order of address.
std::optional<std::uint32_t> AppNames::rank_of(const Ip6& address) const {
  std::uint32_t low = 0, end = tiers_ == 0 ? 0 : tier_ends().front();
  for (std::uint32_t high = end; low < high;) {
    std::uint32_t middle = low + (high - low) / 2;
    address_in(block(middle)) < address ? low = middle + 1 : high = middle;
  }
  return low < end && address_in(block(low)) == address ? std::optional(low) : std::nullopt;
}

}  // namespace sixpn::dns
