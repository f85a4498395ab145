#include "agent/list_stream.h"

#include <utility>

namespace sixpn::agent {

ListStream::ListStream(std::string head, Next next, std::string tail)
    : head_(std::move(head)), next_(std::move(next)), tail_(std::move(tail)) {}

std::string ListStream::next(std::size_t budget) {
  std::string text = std::exchange(head_, {});
  while (!ended_ && text.size() < budget) {
    const std::size_t before = text.size();
    if (any_) text += ',';
    if (next_(text)) {
      any_ = true;
    } else {
      text.resize(before);
      text += tail_;
      ended_ = true;
    }
  }
  return text;
}

}  // namespace sixpn::agent
