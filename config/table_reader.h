// TableReader: reads one TOML table key by key, with what is expected of each, and writes every
// deviation into a shared list: wrong types, values out of range, keys that nobody asked for. A
// read gives nothing when the key is absent or wrong, so that the caller goes on and finds the next
// mistake.
//
// A value of the parser of one file; readers of inner tables point into the outer document, which
// must outlive them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time.h"
#include "config/config_error.h"
#include "config/toml_document.h"

namespace sixpn::config {

// What was found in one file so far.
struct Findings {
  std::string file;
  ConfigErrors errors;
  std::vector<ConfigNote> notes;

  void error(TomlPosition at, std::string message);
  void note(TomlPosition at, std::string message);
  // Both lists in the order of the file.
  void sort();
};

// A value that was read, and its place, for checks that need more than its type.
template <class T>
struct Read {
  T value;
  TomlPosition at;
};

class TableReader {
 public:
  // `name` is the dotted path of the table: "" for the whole file, "services.ports".
  TableReader(const TomlTable& table, TomlPosition at, std::string name, Findings& findings);

  std::optional<Read<bool>> boolean(std::string_view key);
  std::optional<Read<std::string>> string(std::string_view key);
  // Within min..max, both included.
  std::optional<Read<std::int64_t>> integer(std::string_view key, std::int64_t min,
                                            std::int64_t max);
  // One of `words`.
  std::optional<Read<std::string>> word(std::string_view key,
                                        const std::vector<std::string_view>& words);
  // A string such as "5s", or a whole number of seconds.
  std::optional<Read<Duration>> duration(std::string_view key, Duration max);
  std::vector<Read<std::string>> strings(std::string_view key);

  // [name]
  std::optional<TableReader> table(std::string_view key);
  // [[name]], or an array of inline tables
  std::vector<TableReader> tables(std::string_view key);
  // Any type; marks the key as known.
  const TomlEntry* find(std::string_view key);
  // All entries, marked as known: for tables whose keys are names that the user chose.
  [[nodiscard]] const std::vector<TomlEntry>& entries();

  // A valid key of which nothing is used: noted if present.
  void accept_unused(std::string_view key);

  // Reports every key that was not asked for. Call once, after the last read.
  void report_unknown_keys();

  // "name.key" as errors call it; "name" where the key is "".
  [[nodiscard]] std::string path(std::string_view key) const;
  [[nodiscard]] TomlPosition at() const { return at_; }
  // "path: message" at a place; key "" means the table as a whole.
  void error(TomlPosition at, std::string_view key, std::string_view message);
  void note(TomlPosition at, std::string_view key, std::string_view message);

 private:
  void expected(const TomlEntry& entry, std::string_view what);

  const TomlTable* table_;
  TomlPosition at_;
  std::string name_;
  Findings* findings_;
  std::vector<std::string_view> known_;
  bool any_key_ = false;
};

}  // namespace sixpn::config
