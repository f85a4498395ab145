// Internet: a small simulated internet between network namespaces, in user space. Every host gets a
// TUN device `eth0` with one IPv4 address and a default route; a packet from one host to another's
// address arrives after the one-way delay between their regions, unless it is lost or the path is
// cut. The kernel here has no netem, so delays that make "nearest" mean something come from this.
//
// One thread moves all packets. Control methods may be called from any thread. Order within a path
// is kept. Limits: 4096 packets in flight, then the newest is dropped, as a router's queue does.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace sixpn::testing {

class Internet {
 public:
  explicit Internet(std::uint64_t seed = 1);
  ~Internet();
  Internet(const Internet&) = delete;
  Internet& operator=(const Internet&) = delete;

  // Gives the namespace at `netns_path` its eth0 with `address` (dotted IPv4).
  Result<void> add_host(const std::string& name, const std::string& netns_path,
                        const std::string& address);
  // Delay of each direction between two hosts; 0 until set.
  void set_delay(const std::string& a, const std::string& b, Duration one_way);
  void set_loss(double probability);
  // Packets between a and b vanish in both directions until healed.
  void cut(const std::string& a, const std::string& b);
  void cut_off(const std::string& name);  // from all others
  void heal();                            // everything
  void start();
  [[nodiscard]] std::uint64_t delivered() const;
  // For want of room: neither lost nor cut as asked.
  [[nodiscard]] std::uint64_t dropped() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// One-way delay between two regions of the real world (half of published round trips, rounded):
// iad, fra, nrt, and 0.2 ms inside one region. Unknown pairs: 60 ms.
Duration region_delay(const std::string& a, const std::string& b);

}  // namespace sixpn::testing
