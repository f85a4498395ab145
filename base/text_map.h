// TextMap: a few texts by key, in order of the keys, packed into one text, which equal maps share
// (shared_text.h): what a thousand machines of one release say alike is held once. What it yields
// are views into it, which do not survive a change. Keys and values are at most 4 GiB; a change
// copies all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>

#include "base/shared_text.h"

namespace sixpn {

class TextMap {
 public:
  using value_type = std::pair<std::string_view, std::string_view>;

  // Each entry: two lengths of 4 bytes, the key, the value.
  class const_iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = TextMap::value_type;
    using difference_type = std::ptrdiff_t;
    using pointer = const value_type*;
    using reference = value_type;

    const_iterator() = default;
    value_type operator*() const {
      const char* text = at_ + kHead;
      return {{text, length(0)}, {text + length(0), length(1)}};
    }
    const_iterator& operator++() {
      at_ += kHead + length(0) + length(1);
      return *this;
    }
    const_iterator operator++(int) {
      auto before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const_iterator, const_iterator) = default;

   private:
    friend class TextMap;
    explicit const_iterator(const char* at) : at_(at) {}
    [[nodiscard]] std::size_t length(std::size_t which) const {
      std::uint32_t out = 0;
      std::memcpy(&out, at_ + which * sizeof out, sizeof out);
      return out;
    }
    const char* at_ = nullptr;
  };

  TextMap() = default;
  // Of several entries with one key the first counts.
  TextMap(std::initializer_list<value_type> entries) : TextMap(entries.begin(), entries.end()) {}
  template <class Iterator>
  TextMap(Iterator first, Iterator last) {
    std::string packed;
    for (; first != last; ++first) insert(packed, first->first, first->second);
    packed_ = packed;
  }

  [[nodiscard]] bool empty() const { return packed_.empty(); }
  [[nodiscard]] std::size_t size() const {
    return static_cast<std::size_t>(std::distance(begin(), end()));
  }
  [[nodiscard]] const_iterator begin() const { return const_iterator(packed_.str().data()); }
  [[nodiscard]] const_iterator end() const {
    return const_iterator(packed_.str().data() + packed_.size());
  }

  // False when the key has a value: that stays.
  bool try_emplace(std::string_view key, std::string_view value) {
    std::string packed = packed_;
    if (!insert(packed, key, value)) return false;
    packed_ = packed;
    return true;
  }

  friend bool operator==(const TextMap&, const TextMap&) = default;

 private:
  static constexpr std::size_t kHead = 2 * sizeof(std::uint32_t);

  static bool insert(std::string& packed, std::string_view key, std::string_view value) {
    const_iterator at(packed.data());
    const const_iterator end(packed.data() + packed.size());
    while (at != end && (*at).first < key) ++at;
    if (at != end && (*at).first == key) return false;
    std::string entry;
    for (std::string_view text : {key, value}) {
      auto length = static_cast<std::uint32_t>(text.size());
      entry.append(reinterpret_cast<const char*>(&length), sizeof length);
    }
    entry.append(key).append(value);
    packed.insert(static_cast<std::size_t>(at.at_ - packed.data()), entry);
    return true;
  }

  SharedText packed_;
};

}  // namespace sixpn
