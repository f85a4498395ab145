// Whether what upstream saw of many queries is as hard to guess as it has to be: whoever knows some
// of it knows nothing of the rest.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace sixpn::dns::testing {

// An upstream's notes: its responder for Upstream, which writes down ids and names, and what to
// make of them. For kQueries questions, of names that begin with four letters.
class Guessing {
 public:
  static constexpr int kQueries = 12000;

  std::optional<std::string> respond(const std::string& query);
  // `ports`: Upstream::ports().
  void judge(const std::vector<std::uint16_t>& ports) const;

 private:
  void judge_ids() const;
  void judge_names() const;

  mutable std::mutex lock_;
  std::vector<std::uint16_t> ids_;
  std::vector<std::string> names_;
};

}  // namespace sixpn::dns::testing
