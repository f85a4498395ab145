// ListStream: a reply that holds a long list, made as the client takes it: neither its text nor its
// values are ever there as a whole, and the control loop makes about 64 KiB of it at a time. A
// value apart from what `next` refers to. Control loop only.
#pragma once

#include <functional>
#include <string>

#include "agent/admin_server.h"

namespace sixpn::agent {

class ListStream : public ApiStream {
 public:
  // Appends the JSON of the next member; false: there is none, and nothing was appended.
  using Next = std::function<bool(std::string& text)>;

  // `head` comes before the members and ends with "[", `tail` behind them.
  ListStream(std::string head, Next next, std::string tail);

  std::string next(std::size_t budget) override;
  [[nodiscard]] bool ended() const override { return ended_; }
  void on_more(std::function<void()>) override {}
  [[nodiscard]] bool waits() const override { return false; }

 private:
  std::string head_;
  Next next_;
  std::string tail_;
  bool any_ = false;
  bool ended_ = false;
};

}  // namespace sixpn::agent
