#include "guessing.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cctype>
#include <cstdlib>
#include <iterator>
#include <map>
#include <set>

#include "dns/io/upstream_sockets.h"
#include "forwarding_fixture.h"

namespace sixpn::dns::testing {
namespace {

// 12,000 fair coins are 6000 +- 55, and we allow five times that.
bool is_fair(int heads) {
  return std::abs(heads - Guessing::kQueries / 2) < 280;
}

// Sixteen at a time, none for long, in no order.
void judge_ports(const std::vector<std::uint16_t>& ports) {
  std::map<std::uint16_t, int> uses;
  int repeated = 0, next_number = 0;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    ++uses[ports[i]];
    if (i > 0) repeated += ports[i] == ports[i - 1] ? 1 : 0;
  }
  for (auto port = uses.begin(); port != uses.end() && std::next(port) != uses.end(); ++port)
    next_number += std::next(port)->first - port->first == 1 ? 1 : 0;
  EXPECT_GE(uses.size(), UpstreamSockets::kPorts * 2);
  // The kernel may draw a port again that one of the some fifty sockets had: of 14,000, once in ten
  // runs, and three times never.
  int drawn_again = 0;
  for (const auto& [port, times] : uses) {
    EXPECT_LE(times, 2 * UpstreamSockets::kQueriesPerPort) << port;
    drawn_again += times > UpstreamSockets::kQueriesPerPort ? 1 : 0;
  }
  EXPECT_LT(drawn_again, 3);
  EXPECT_LT(repeated, Guessing::kQueries / 8);  // a sixteenth is chance
  EXPECT_LT(next_number, 8);
  EXPECT_GT(uses.rbegin()->first - uses.begin()->first, 8000);
}

}  // namespace

std::optional<std::string> Guessing::respond(const std::string& query) {
  auto parsed = parse_query(query).query;
  std::lock_guard hold(lock_);
  ids_.push_back(parsed.id);
  names_.push_back(parsed.question ? to_string(parsed.question->name) : "");
  return with_opt(reply_to(query, 0x8180, {}));
}

void Guessing::judge(const std::vector<std::uint16_t>& ports) const {
  std::lock_guard hold(lock_);
  ASSERT_GE(ids_.size(), std::size_t{kQueries});
  ASSERT_GE(ports.size(), std::size_t{kQueries});
  judge_ids();
  judge_ports(ports);
  judge_names();
}

// Each bit of an id is set half the time, whatever the bit before it and the id before it were.
void Guessing::judge_ids() const {
  for (int bit = 0; bit < 16; ++bit) {
    int set = 0, changed = 0, like_next = 0;
    for (std::size_t i = 0; i < kQueries; ++i) {
      set += ids_[i] >> bit & 1;
      if (i > 0) changed += (ids_[i] ^ ids_[i - 1]) >> bit & 1;
      like_next += (ids_[i] ^ std::rotr(ids_[i], 1)) >> bit & 1;
    }
    EXPECT_TRUE(is_fair(set) && is_fair(changed) && is_fair(like_next)) << bit;
  }
  // As many different ones as chance has it: 65536 (1 - e^(-12000/65536)) = 10,970 +- 28.
  EXPECT_GT(std::set<std::uint16_t>(ids_.begin(), ids_.end()).size(), 10800U);
}

// Each letter is upper case half the time.
void Guessing::judge_names() const {
  std::array<int, 4> upper{};
  for (std::size_t i = 0; i < kQueries; ++i)
    for (std::size_t at = 0; at < upper.size(); ++at)
      upper[at] += std::isupper(static_cast<unsigned char>(names_[i].at(at))) != 0 ? 1 : 0;
  for (int times : upper) EXPECT_TRUE(is_fair(times)) << times;
}

}  // namespace sixpn::dns::testing
