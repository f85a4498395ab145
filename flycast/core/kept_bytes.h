// KeptBytes: bytes that come piece by piece and are wanted again from their beginning, in blocks,
// so that they take the memory that they are long and not up to twice of it, as one growing string
// would: never more than kBlock besides, nor than as much again. Pure.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sixpn::flycast {

class KeptBytes {
 public:
  static constexpr std::size_t kBlock = 16 * 1024;

  void append(std::string_view bytes) {
    if (!blocks_.empty()) {
      std::string& last = blocks_.back();
      std::string_view fits = bytes.substr(0, last.capacity() - last.size());
      last.append(fits);
      size_ += fits.size();
      bytes.remove_prefix(fits.size());
    }
    if (bytes.empty()) return;
    std::string& block = blocks_.emplace_back();
    block.reserve(std::max(bytes.size(), std::min(size_, kBlock)));
    block.append(bytes);
    size_ += bytes.size();
  }
  void append_to(std::string& out) const {
    for (const std::string& block : blocks_) out.append(block);
  }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  // What its blocks take.
  [[nodiscard]] std::size_t capacity() const {
    std::size_t all = 0;
    for (const std::string& block : blocks_) all += block.capacity();
    return all;
  }

 private:
  std::vector<std::string> blocks_;
  std::size_t size_ = 0;
};

}  // namespace sixpn::flycast
