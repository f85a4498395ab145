#include "flycast/core/exchange_frame.h"

#include <algorithm>

namespace sixpn::flycast {
namespace {

constexpr char kBytes = 'B';
constexpr char kEnd = 'E';

}  // namespace

std::string encode_bytes_header(std::size_t size) {
  return {kBytes, static_cast<char>(size >> 16), static_cast<char>(size >> 8),
          static_cast<char>(size)};
}

std::string encode_exchange_end() {
  return {kEnd, 0, 0, 0};
}

ExchangeReader::State ExchangeReader::next(std::string_view& bytes) {
  if (fault_) return State::kFault;
  while (left_ == 0) {
    if (bytes.empty()) return State::kMore;
    header_[have_++] = bytes.front();
    bytes.remove_prefix(1);
    if (have_ < header_.size()) continue;
    have_ = 0;
    State state = on_header();
    if (state != State::kPiece) return state;
  }
  if (bytes.empty()) return State::kMore;
  piece_ = bytes.substr(0, std::min(left_, bytes.size()));
  bytes.remove_prefix(piece_.size());
  left_ -= piece_.size();
  return State::kPiece;
}

// kPiece: bytes follow.
ExchangeReader::State ExchangeReader::on_header() {
  std::size_t size = 0;
  for (std::size_t i = 1; i < header_.size(); ++i)
    size = size << 8 | static_cast<unsigned char>(header_[i]);
  if (header_[0] == kEnd && size == 0) return State::kEnd;
  fault_ = header_[0] != kBytes || size == 0;
  left_ = size;
  return fault_ ? State::kFault : State::kPiece;
}

}  // namespace sixpn::flycast
