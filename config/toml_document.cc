#include "config/toml_document.h"

#include <fmt/format.h>
#include <toml++/toml.h>

namespace sixpn::config {

namespace {

TomlPosition position_of(const toml::source_region& region) {
  return {region.begin.line, region.begin.column};
}

TomlValue copy_value(const toml::node& node);

TomlTable copy_table(const toml::table& table) {
  TomlTable copy;
  copy.entries.reserve(table.size());
  for (const auto& [key, node] : table)
    copy.entries.push_back({std::string(key.str()), position_of(key.source()), copy_value(node)});
  return copy;
}

TomlArray copy_array(const toml::array& array) {
  TomlArray copy;
  copy.reserve(array.size());
  for (const toml::node& node : array) copy.push_back(copy_value(node));
  return copy;
}

TomlValue copy_value(const toml::node& node) {
  TomlValue copy{position_of(node.source()), TomlDateTime{}};
  if (const auto* flag = node.as_boolean()) copy.value = flag->get();
  if (const auto* integer = node.as_integer()) copy.value = integer->get();
  if (const auto* real = node.as_floating_point()) copy.value = real->get();
  if (const auto* text = node.as_string()) copy.value = text->get();
  if (const auto* array = node.as_array()) copy.value = copy_array(*array);
  if (const auto* table = node.as_table()) copy.value = copy_table(*table);
  return copy;
}

bool is_utf8_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

struct Describe {
  std::string operator()(bool flag) const { return flag ? "true" : "false"; }
  std::string operator()(std::int64_t integer) const {
    return fmt::format("the integer {}", integer);
  }
  std::string operator()(double real) const { return fmt::format("the number {}", real); }
  std::string operator()(const std::string& text) const {
    constexpr std::size_t kShown = 40;
    if (text.size() <= kShown) return fmt::format("the string \"{}\"", text);
    std::size_t end = kShown;
    while (end > 0 && is_utf8_continuation(text[end])) --end;
    return fmt::format("the string \"{}...\"", text.substr(0, end));
  }
  std::string operator()(const TomlDateTime&) const { return "a date or time"; }
  std::string operator()(const TomlArray&) const { return "an array"; }
  std::string operator()(const TomlTable&) const { return "a table"; }
};

}  // namespace

ConfigResult<TomlTable> parse_toml(std::string_view text, std::string_view file_name) {
  try {
    return copy_table(toml::parse(text));
  } catch (const toml::parse_error& error) {
    TomlPosition at = position_of(error.source());
    return ConfigErrors{{std::string(file_name), at.line, at.column,
                         fmt::format("not valid TOML: {}", error.description())}};
  }
}

std::string describe(const TomlValue& value) {
  return std::visit(Describe{}, value.value);
}

}  // namespace sixpn::config
