// FlatMap: a sorted vector with the interface of std::map, as far as it is used: a third of the
// memory of a tree, and copied in one piece. For what is read far more often than it is changed:
// to insert in the middle moves what lies behind. References do not survive a change of the map.
#pragma once

#include <algorithm>
#include <cstddef>
#include <initializer_list>
#include <stdexcept>
#include <utility>
#include <vector>

namespace sixpn {

template <class Key, class Value>
class FlatMap {
 public:
  using key_type = Key;
  using mapped_type = Value;
  using value_type = std::pair<Key, Value>;
  using iterator = typename std::vector<value_type>::iterator;
  using const_iterator = typename std::vector<value_type>::const_iterator;

  FlatMap() = default;
  // Of several entries with one key the first counts.
  FlatMap(std::initializer_list<value_type> entries) {
    for (const auto& entry : entries) try_emplace(entry.first, entry.second);
  }

  template <class Iterator>
  FlatMap(Iterator first, Iterator last) {
    for (; first != last; ++first) try_emplace(first->first, first->second);
  }

  [[nodiscard]] bool empty() const { return entries_.empty(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] const_iterator begin() const { return entries_.begin(); }
  [[nodiscard]] const_iterator end() const { return entries_.end(); }

  [[nodiscard]] const_iterator lower_bound(const Key& key) const {
    return std::lower_bound(begin(), end(), key, before);
  }
  [[nodiscard]] const_iterator upper_bound(const Key& key) const {
    auto at = lower_bound(key);
    return at != end() && at->first == key ? at + 1 : at;
  }
  [[nodiscard]] const_iterator find(const Key& key) const {
    auto at = lower_bound(key);
    return at != end() && at->first == key ? at : end();
  }
  [[nodiscard]] bool contains(const Key& key) const { return find(key) != end(); }
  [[nodiscard]] const Value& at(const Key& key) const {
    auto found = find(key);
    if (found == end()) throw std::out_of_range("FlatMap::at");
    return found->second;
  }

  // In constant time when the key comes after all others.
  template <class... Args>
  std::pair<iterator, bool> try_emplace(const Key& key, Args&&... args) {
    auto at = entries_.empty() || entries_.back().first < key
                  ? entries_.end()
                  : std::lower_bound(entries_.begin(), entries_.end(), key, before);
    if (at != entries_.end() && at->first == key) return {at, false};
    return {entries_.insert(at, value_type(key, Value(std::forward<Args>(args)...))), true};
  }
  Value& operator[](const Key& key) { return try_emplace(key).first->second; }

  const_iterator erase(const_iterator at) { return entries_.erase(at); }
  std::size_t erase(const Key& key) {
    auto found = find(key);
    if (found == end()) return 0;
    entries_.erase(found);
    return 1;
  }
  void clear() { entries_.clear(); }
  void reserve(std::size_t size) { entries_.reserve(size); }
  void shrink_to_fit() { entries_.shrink_to_fit(); }

  friend bool operator==(const FlatMap&, const FlatMap&) = default;

 private:
  static bool before(const value_type& entry, const Key& key) { return entry.first < key; }

  std::vector<value_type> entries_;
};

}  // namespace sixpn
