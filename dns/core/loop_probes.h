// LoopProbes: finds out whether an upstream resolver asks us in turn, by a question that nobody
// else can know: a random name. If it comes back to us as a query the upstream forwards to us, and
// every question would go in circles. A protocol class; owned by Forwarder. Bound: one probe per
// upstream. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"

namespace sixpn::dns {

class LoopProbes {
 public:
  explicit LoopProbes(std::size_t upstreams) : all_(upstreams) {}

  // The name to ask an upstream for, in wire form and lower case; its earlier probe counts no more.
  std::string begin(std::size_t upstream, std::uint64_t random);
  // Whether `name` (as below) looks like one of any resolver such as this.
  static bool is_probe(std::string_view name);
  // Whose probe a query for `name` (wire form, lower case) is.
  std::optional<std::size_t> came_back(std::string_view name);
  // The upstream answered its probe, or never will. True: it came back meanwhile.
  bool end(std::size_t upstream);

 private:
  struct One {
    std::string name;  // "": none is out
    bool came_back = false;
  };
  std::vector<One> all_;
};

}  // namespace sixpn::dns
