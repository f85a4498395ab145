#include "base/shared_text.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <unordered_map>

namespace sixpn {

struct SharedText::Held {
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view key) const {
      return std::hash<std::string_view>{}(key);
    }
  };
  // Its entries keep their addresses: those are what a SharedText points to.
  using Table = std::unordered_map<std::string, Held, Hash, std::equal_to<>>;

  // One of several, so that threads that decode records at once seldom wait for each other.
  struct Shard {
    std::mutex lock;
    Table table;
  };
  using Shards = std::array<Shard, 16>;
  static Shards& shards() {
    // Never destroyed: texts of static objects may outlive every other static object.
    static auto& shards = *new Shards;
    return shards;
  }
  static Shard& shard_of(std::string_view text) {
    return shards()[Hash{}(text) % std::tuple_size_v<Shards>];
  }

  std::atomic<std::uint32_t> uses{1};
  const std::string* text = nullptr;  // the entry's key
};

SharedText::Held* SharedText::hold(std::string_view text) {
  if (text.empty()) return nullptr;
  auto& shard = Held::shard_of(text);
  std::lock_guard locked(shard.lock);
  if (auto found = shard.table.find(text); found != shard.table.end()) {
    found->second.uses.fetch_add(1, std::memory_order_relaxed);
    return &found->second;
  }
  auto made = shard.table.try_emplace(std::string(text)).first;
  made->second.text = &made->first;
  return &made->second;
}

SharedText::SharedText(const SharedText& other) noexcept : held_(other.held_) {
  if (held_ != nullptr) held_->uses.fetch_add(1, std::memory_order_relaxed);
}

// The last one lets go under the table's lock, where nobody can find the text meanwhile.
SharedText::~SharedText() {
  if (held_ == nullptr) return;
  auto uses = held_->uses.load(std::memory_order_relaxed);
  while (uses > 1)
    if (held_->uses.compare_exchange_weak(uses, uses - 1, std::memory_order_release,
                                          std::memory_order_relaxed))
      return;
  auto& shard = Held::shard_of(*held_->text);
  std::lock_guard locked(shard.lock);
  if (held_->uses.fetch_sub(1, std::memory_order_acq_rel) == 1)
    shard.table.erase(shard.table.find(*held_->text));
}

std::size_t SharedText::count() {
  std::size_t out = 0;
  for (auto& shard : Held::shards()) {
    std::lock_guard locked(shard.lock);
    out += shard.table.size();
  }
  return out;
}

const std::string& SharedText::str() const {
  static const std::string nothing;
  return held_ == nullptr ? nothing : *held_->text;
}

}  // namespace sixpn
