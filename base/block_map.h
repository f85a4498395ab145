// BlockMap: a sorted map in blocks that copies share: a copy costs a reference count per block, and
// an edit of a copy makes one block anew. For large parts of an immutable whole that is published
// over and over with few changes. A third of the memory of a tree; the interface of std::map as far
// as it is used. No iterator or reference survives a change of the map.
//
// Copies may be read, and let go of, on any thread; one object is edited by one thread, while no
// other copies that very object.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <initializer_list>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace sixpn {

template <class Key, class Value>
class BlockMap {
 public:
  using key_type = Key;
  using mapped_type = Value;
  using value_type = std::pair<Key, Value>;

  // Entries of a block: what an edit copies, and how much less a copy of the map does.
  static constexpr std::size_t kMostInBlock = 128;

 private:
  using Block = std::vector<value_type>;  // sorted, never empty
  using Blocks = std::vector<std::shared_ptr<Block>>;

 public:
  class const_iterator {
   public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = BlockMap::value_type;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = const value_type&;

    const_iterator() = default;
    reference operator*() const { return (**block_)[at_]; }
    pointer operator->() const { return &**this; }
    const_iterator& operator++() {
      if (++at_ == (*block_)->size()) *this = const_iterator(block_ + 1, 0);
      return *this;
    }
    const_iterator operator++(int) {
      auto before = *this;
      ++*this;
      return before;
    }
    const_iterator& operator--() {
      if (at_ == 0) at_ = (*--block_)->size();
      --at_;
      return *this;
    }
    const_iterator operator--(int) {
      auto before = *this;
      --*this;
      return before;
    }
    friend bool operator==(const const_iterator&, const const_iterator&) = default;

   private:
    friend class BlockMap;
    const_iterator(typename Blocks::const_iterator block, std::size_t at)
        : block_(block), at_(at) {}

    typename Blocks::const_iterator block_{};
    std::size_t at_ = 0;
  };
  using iterator = const_iterator;

  BlockMap() = default;
  // Of several entries with one key the first counts.
  BlockMap(std::initializer_list<value_type> entries) {
    for (const auto& entry : entries) try_emplace(entry.first, entry.second);
  }

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] const_iterator begin() const { return {blocks_.begin(), 0}; }
  [[nodiscard]] const_iterator end() const { return {blocks_.end(), 0}; }

  [[nodiscard]] const_iterator lower_bound(const auto& key) const {
    // The first block whose last key is not less holds it, if any does.
    auto block = std::partition_point(blocks_.begin(), blocks_.end(),
                                      [&](const auto& each) { return each->back().first < key; });
    return block == blocks_.end() ? end() : const_iterator(block, place_in(**block, key));
  }
  [[nodiscard]] const_iterator upper_bound(const auto& key) const {
    auto at = lower_bound(key);
    return at != end() && !(key < at->first) ? std::next(at) : at;
  }
  [[nodiscard]] const_iterator find(const auto& key) const {
    auto at = lower_bound(key);
    return at != end() && !(key < at->first) ? at : end();
  }
  [[nodiscard]] bool contains(const auto& key) const { return find(key) != end(); }
  [[nodiscard]] const Value& at(const auto& key) const {
    auto found = find(key);
    if (found == end()) throw std::out_of_range("BlockMap::at");
    return found->second;
  }

  // The value under `key`, made if it is missing, and whether it was: Args are left alone
  // otherwise.
  template <class... Args>
  std::pair<Value*, bool> try_emplace(const Key& key, Args&&... args) {
    auto found = lower_bound(key);
    std::size_t i = static_cast<std::size_t>(found.block_ - blocks_.cbegin());
    if (i < blocks_.size() && !(key < found->first)) return {&edit(i)[found.at_].second, false};
    std::size_t at = found.at_;
    if (i == blocks_.size()) {  // behind all others: into the last block, while there is room
      if (i == 0 || blocks_.back()->size() == kMostInBlock)
        blocks_.push_back(std::make_shared<Block>());
      i = blocks_.size() - 1;
      at = blocks_[i]->size();
    }
    Block* block = &edit(i);
    if (block->size() == kMostInBlock) {
      std::size_t half = kMostInBlock / 2;
      auto middle = std::make_move_iterator(block->begin() + half);
      auto rest = std::make_shared<Block>(middle, std::make_move_iterator(block->end()));
      block->resize(half);
      blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(i) + 1, std::move(rest));
      if (at > half) {
        block = blocks_[i + 1].get();
        at -= half;
      }
    }
    auto made = block->insert(block->begin() + static_cast<std::ptrdiff_t>(at),
                              value_type(key, Value(std::forward<Args>(args)...)));
    ++size_;
    return {&made->second, true};
  }
  Value& operator[](const Key& key) { return *try_emplace(key).first; }

  std::size_t erase(const auto& key) {
    auto found = find(key);
    if (found == end()) return 0;
    std::size_t i = static_cast<std::size_t>(found.block_ - blocks_.cbegin());
    --size_;
    if (blocks_[i]->size() == 1) {
      blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(i));
      return 1;
    }
    Block& block = edit(i);
    block.erase(block.begin() + static_cast<std::ptrdiff_t>(found.at_));
    if (i > 0) join(i - 1);
    if (i + 1 < blocks_.size()) join(i);
    return 1;
  }
  void clear() {
    blocks_.clear();
    size_ = 0;
  }

  friend bool operator==(const BlockMap& a, const BlockMap& b) {
    return a.size_ == b.size_ && std::equal(a.begin(), a.end(), b.begin());
  }

 private:
  static std::size_t place_in(const Block& block, const auto& key) {
    auto before = [](const value_type& entry, const auto& k) { return entry.first < k; };
    return static_cast<std::size_t>(std::lower_bound(block.begin(), block.end(), key, before) -
                                    block.begin());
  }

  Block& edit(std::size_t i) {
    auto& block = blocks_[i];
    if (block.use_count() != 1) {
      auto copy = std::make_shared<Block>();
      copy->reserve(block->size() + 1);
      copy->assign(block->begin(), block->end());
      block = std::move(copy);
    } else {
      std::atomic_thread_fence(std::memory_order_acquire);  // after the last reader let go
    }
    return *block;
  }

  // Two small neighbours become one.
  void join(std::size_t i) {
    if (blocks_[i]->size() + blocks_[i + 1]->size() > kMostInBlock / 2) return;
    const Block& next = *blocks_[i + 1];
    Block& block = edit(i);
    block.insert(block.end(), next.begin(), next.end());
    blocks_.erase(blocks_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
  }

  Blocks blocks_;
  std::size_t size_ = 0;
};

}  // namespace sixpn
