// What a text of Prometheus's format (version 0.0.4) is made of: families of samples, and the
// labels that say of which app, machine or host each is (docs/metrics.md). Pure.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/time.h"
#include "flycast/core/meters.h"
#include "registry/core/snapshot.h"

namespace sixpn::agent {

// As the value of a label: names cannot break out of their quotes.
std::string escape_label(std::string_view value);

double seconds(Duration time);

// Of one name: all of its samples have to stand together.
class Family {
 public:
  Family(std::string name, std::string_view kind, std::string_view help);

  void add(const std::string& labels, std::unsigned_integral auto value) {  // of a bool, 0 or 1
    add_number(labels, static_cast<std::uint64_t>(value));
  }
  void add(const std::string& labels, double value);
  void add(const std::string& labels, const flycast::TimeHistogram& times);
  // "" without a sample.
  [[nodiscard]] std::string text() const { return samples_.empty() ? "" : text_ + samples_; }

 private:
  void add_number(const std::string& labels, std::uint64_t value);
  std::string name_;
  std::string text_;
  std::string samples_;
};
Family counter(std::string name, std::string_view help);
Family gauge(std::string name, std::string_view help);
Family histogram(std::string name, std::string_view help);

class Labels {
 public:
  // The snapshot must outlive it.
  explicit Labels(const Snapshot& snapshot);

  // "" for an app of a network that is gone.
  [[nodiscard]] std::string of_app(NetworkId network, std::string_view app,
                                   std::string_view region) const;
  // "" for a machine that is gone.
  [[nodiscard]] std::string of_machine(NetworkId network, MachineId id) const;
  [[nodiscard]] std::string of_host() const;
  [[nodiscard]] const std::string& region() const { return region_; }

 private:
  const Snapshot& snapshot_;
  std::string host_;
  std::string region_;
};

// Some counters of a struct that a room keeps, each a family of its own: `prefix` NAME `suffix`.
struct FamilyWords {
  std::string_view prefix, suffix, kind, help;
};
template <class Counts>
struct Named {
  std::string_view name;
  std::uint64_t Counts::*value;
};
template <class Counts, std::size_t kSize>
std::string text_of(const Labels& labels, const Counts& counts, const FamilyWords& words,
                    const Named<Counts> (&all)[kSize]) {
  std::string text;
  for (const auto& one : all) {
    std::string name(words.prefix);
    Family family(name.append(one.name).append(words.suffix), words.kind, words.help);
    family.add(labels.of_host(), counts.*one.value);
    text += family.text();
  }
  return text;
}

}  // namespace sixpn::agent
