// Rare: a value that in nearly all of many objects is T(), and then takes one pointer: on the heap
// where it is anything else. Copied and compared as if it were not. To change it, assign.
#pragma once

#include <concepts>
#include <memory>
#include <utility>

namespace sixpn {

template <std::equality_comparable T>
class Rare {
 public:
  Rare() = default;
  Rare(T value)  // NOLINT: as the value itself
      : value_(value == T() ? nullptr : std::make_unique<const T>(std::move(value))) {}
  Rare(const Rare& other) : value_(other.value_ ? std::make_unique<const T>(*other) : nullptr) {}
  Rare(Rare&&) noexcept = default;
  Rare& operator=(Rare other) noexcept {
    value_ = std::move(other.value_);
    return *this;
  }
  ~Rare() = default;

  const T& operator*() const {
    static const T nothing{};
    return value_ ? *value_ : nothing;
  }
  const T* operator->() const { return &**this; }

  friend bool operator==(const Rare& a, const Rare& b) { return *a == *b; }

 private:
  std::unique_ptr<const T> value_;  // null: T()
};

}  // namespace sixpn
