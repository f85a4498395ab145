// HashTable: objects by hashes that are mixed well already (fast_hash.h), for tables that are read
// far more often than written and mostly out of cold caches: open addressing, so that a lookup of
// what is not there is one cache line, and of what is there, two. Objects do not move. Not a map:
// the key is the object's own, and the caller compares it.
//
// Pure; one thread. Memory: 16 bytes a slot, at most half of the slots are taken.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace sixpn::dns {

template <class T>
class HashTable {
 public:
  // The object for which `same` holds, null: none.
  template <class Same>
  [[nodiscard]] T* find(std::uint64_t hash, Same same) const {
    if (slots_.empty()) return nullptr;
    for (auto at = home(hash); slots_[at].object; at = next(at))
      if (slots_[at].hash == hash && same(*slots_[at].object)) return slots_[at].object.get();
    return nullptr;
  }

  // Beside what is there: the caller has looked whether it is.
  T& put(std::uint64_t hash, std::unique_ptr<T> object) {
    if ((size_ + 1) * 2 > slots_.size()) grow();
    T& placed = *object;
    place(hash, std::move(object));
    ++size_;
    return placed;
  }

  // `object` is in the table, under `hash`.
  void erase(std::uint64_t hash, const T& object) {
    auto at = home(hash);
    while (slots_[at].object.get() != &object) at = next(at);
    slots_[at].object.reset();
    --size_;
    close_gap(at);
  }

  template <class Condition>
  void erase_if(Condition condition) {
    auto before = std::exchange(slots_, std::vector<Slot>(slots_.size()));
    size_ = 0;
    for (auto& slot : before)
      if (slot.object && !condition(*slot.object)) put(slot.hash, std::move(slot.object));
  }

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  static constexpr std::size_t kFirstSlots = 16;
  struct Slot {
    std::uint64_t hash = 0;
    std::unique_ptr<T> object;
  };

  [[nodiscard]] std::size_t home(std::uint64_t hash) const { return hash & (slots_.size() - 1); }
  [[nodiscard]] std::size_t next(std::size_t at) const { return (at + 1) & (slots_.size() - 1); }

  void place(std::uint64_t hash, std::unique_ptr<T> object) {
    auto at = home(hash);
    while (slots_[at].object) at = next(at);
    slots_[at] = {hash, std::move(object)};
  }

  void grow() {
    auto size = slots_.empty() ? kFirstSlots : slots_.size() * 2;
    auto before = std::exchange(slots_, std::vector<Slot>(size));
    for (auto& slot : before)
      if (slot.object) place(slot.hash, std::move(slot.object));
  }

  // Whoever was put behind its home because of what stood here, comes forward.
  void close_gap(std::size_t gap) {
    for (auto at = next(gap); slots_[at].object; at = next(at)) {
      auto mask = slots_.size() - 1;
      bool may_move = ((at - home(slots_[at].hash)) & mask) >= ((at - gap) & mask);
      if (!may_move) continue;
      slots_[gap] = std::move(slots_[at]);
      gap = at;
    }
  }

  std::vector<Slot> slots_;  // a power of two, or empty
  std::size_t size_ = 0;
};

}  // namespace sixpn::dns
