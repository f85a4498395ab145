// TomlTable: a TOML document as plain values that remember where they stood. The only file that
// includes toml++ is toml_document.cc; everything else of this room reads these values. Pure; any
// thread. Limits: toml++ refuses nesting deeper than 256 levels.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config_error.h"

namespace sixpn::config {

struct TomlPosition {
  unsigned line = 0;  // both from 1
  unsigned column = 0;
};

struct TomlValue;
struct TomlEntry;
using TomlArray = std::vector<TomlValue>;
struct TomlTable {
  std::vector<TomlEntry> entries;  // sorted by key
};
// A date, a time, or both: nothing in our files takes one.
struct TomlDateTime {};

struct TomlValue {
  TomlPosition at;
  std::variant<bool, std::int64_t, double, std::string, TomlDateTime, TomlArray, TomlTable> value;
};

struct TomlEntry {
  std::string key;
  TomlPosition key_at;
  TomlValue value;
};

// Errors: the one syntax error that stops the parser.
ConfigResult<TomlTable> parse_toml(std::string_view text, std::string_view file_name);

// What a value is, for "expected ..., found ...": `the string "x"`, `the integer 3`, `an array`, `a
// table`.
std::string describe(const TomlValue& value);

}  // namespace sixpn::config
