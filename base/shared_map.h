// SharedMap: a map that copies share until one of them is edited. For parts of an immutable whole
// that is published over and over, of which few parts change: a copy costs one reference count, and
// two that are the same object need not be compared. Reads as the map itself.
#pragma once

#include <memory>
#include <utility>

namespace sixpn {

template <class Map>
class SharedMap {
 public:
  using key_type = typename Map::key_type;
  using mapped_type = typename Map::mapped_type;
  using value_type = typename Map::value_type;
  using const_iterator = typename Map::const_iterator;

  SharedMap() : map_(nothing()) {}
  SharedMap(Map map) : map_(std::make_shared<Map>(std::move(map))) {}

  operator const Map&() const { return *map_; }
  [[nodiscard]] const_iterator begin() const { return map_->cbegin(); }
  [[nodiscard]] const_iterator end() const { return map_->cend(); }
  [[nodiscard]] bool empty() const { return map_->empty(); }
  [[nodiscard]] std::size_t size() const { return map_->size(); }
  [[nodiscard]] bool contains(const auto& key) const { return map_->contains(key); }
  [[nodiscard]] const_iterator find(const auto& key) const {
    return std::as_const(*map_).find(key);
  }
  [[nodiscard]] const mapped_type& at(const auto& key) const { return map_->at(key); }
  [[nodiscard]] const_iterator lower_bound(const auto& key) const {
    return std::as_const(*map_).lower_bound(key);
  }

  // The same object: equal without a look. False says nothing.
  [[nodiscard]] bool is(const SharedMap& other) const { return map_ == other.map_; }
  friend bool operator==(const SharedMap& a, const SharedMap& b) {
    return a.is(b) || *a.map_ == *b.map_;
  }

  // For writing: a copy of its own if others share it. Not while another thread copies this very
  // object.
  Map& edit() {
    if (map_.use_count() != 1) map_ = std::make_shared<Map>(*map_);
    return *map_;
  }
  std::size_t erase(const auto& key) { return contains(key) ? edit().erase(key) : 0; }
  mapped_type& operator[](const auto& key) { return edit()[key]; }

 private:
  static const std::shared_ptr<Map>& nothing() {
    static const std::shared_ptr<Map> map = std::make_shared<Map>();
    return map;
  }

  std::shared_ptr<Map> map_;
};

}  // namespace sixpn
