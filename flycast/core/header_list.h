// HeaderList: the header fields of one HTTP message, in order, as names and values. All text is
// packed into one string, so a list costs two allocations however many fields it has, and can be
// kept for a retry or a replay. Names are compared without regard to case (RFC 9110 section 5.1)
// and kept as they were given; HTTP/2 writes them in lower case.
//
// Not a parser and not a writer: what a name or value may consist of is checked where bytes come in
// (HTTP/1 framing, HTTP/2) and where settings do. Views are valid until the list changes; what is
// added must not point into the list itself. Pure; the caller bounds the number and size of fields.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sixpn::flycast {

struct FieldView {
  std::string_view name;
  std::string_view value;
  friend bool operator==(const FieldView&, const FieldView&) = default;
};

// "Content-Length" and "content-length".
bool same_name(std::string_view a, std::string_view b);

// ASCII letters alone.
std::string lower_case(std::string_view text);

// Can be written as a value in any version of HTTP: visible ASCII, obs-text, blanks and tabs, none
// at the ends (RFC 9110 section 5.5). A name must be a token (http1_syntax.h).
bool is_field_value(std::string_view text);

class HeaderList {
 public:
  class const_iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = FieldView;
    using difference_type = std::ptrdiff_t;
    using pointer = const FieldView*;
    using reference = FieldView;

    const_iterator() = default;
    FieldView operator*() const { return (*list_)[at_]; }
    const_iterator& operator++() {
      ++at_;
      return *this;
    }
    const_iterator operator++(int) {
      auto before = *this;
      ++at_;
      return before;
    }
    friend bool operator==(const const_iterator&, const const_iterator&) = default;

   private:
    friend class HeaderList;
    const_iterator(const HeaderList* list, std::size_t at) : list_(list), at_(at) {}
    const HeaderList* list_ = nullptr;
    std::size_t at_ = 0;
  };

  HeaderList() = default;
  HeaderList(std::initializer_list<FieldView> fields) {
    for (const FieldView& field : fields) add(field.name, field.value);
  }

  void reserve(std::size_t fields, std::size_t bytes) {
    fields_.reserve(fields);
    text_.reserve(bytes);
  }
  // Behind the others.
  void add(std::string_view name, std::string_view value);
  // In place of all of this name.
  void set(std::string_view name, std::string_view value) {
    remove(name);
    add(name, value);
  }
  // How many there were.
  std::size_t remove(std::string_view name) {
    return remove_if([&](const FieldView& field) { return same_name(field.name, name); });
  }
  template <class Predicate>
  std::size_t remove_if(Predicate unwanted) {
    return std::erase_if(fields_, [&](const Place& place) { return unwanted(at(place)); });
  }

  // The first of this name.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] bool contains(std::string_view name) const { return find(name).has_value(); }
  [[nodiscard]] std::size_t count(std::string_view name) const;
  // The values of all fields of this name as one list, "a, b" (RFC 9110 section 5.3).
  [[nodiscard]] std::string joined(std::string_view name) const;

  [[nodiscard]] FieldView operator[](std::size_t index) const { return at(fields_[index]); }
  [[nodiscard]] std::size_t size() const { return fields_.size(); }
  [[nodiscard]] bool empty() const { return fields_.empty(); }
  // Of memory, what was removed counted too.
  [[nodiscard]] std::size_t bytes() const {
    return text_.capacity() + fields_.capacity() * sizeof(Place);
  }
  [[nodiscard]] const_iterator begin() const { return {this, 0}; }
  [[nodiscard]] const_iterator end() const { return {this, size()}; }

  friend bool operator==(const HeaderList& a, const HeaderList& b);

 private:
  // Of a name in text_; its value follows at once.
  struct Place {
    std::uint32_t at = 0;
    std::uint32_t name_size = 0;
    std::uint32_t value_size = 0;
  };
  [[nodiscard]] FieldView at(const Place& place) const {
    std::string_view text(text_);
    return {text.substr(place.at, place.name_size),
            text.substr(place.at + place.name_size, place.value_size)};
  }

  std::string text_;
  std::vector<Place> fields_;
};

}  // namespace sixpn::flycast
