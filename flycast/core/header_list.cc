#include "flycast/core/header_list.h"

#include <algorithm>

namespace sixpn::flycast {
namespace {

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

constexpr bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

}  // namespace

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), lower);
  return out;
}

bool is_field_value(std::string_view text) {
  if (text.empty()) return true;
  if (is_blank(text.front()) || is_blank(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_blank(c) || (static_cast<unsigned char>(c) > 0x20 && c != 0x7f);
  });
}

void HeaderList::add(std::string_view name, std::string_view value) {
  fields_.push_back({static_cast<std::uint32_t>(text_.size()),
                     static_cast<std::uint32_t>(name.size()),
                     static_cast<std::uint32_t>(value.size())});
  text_.append(name).append(value);
}

std::optional<std::string_view> HeaderList::find(std::string_view name) const {
  for (const FieldView& field : *this)
    if (same_name(field.name, name)) return field.value;
  return std::nullopt;
}

std::size_t HeaderList::count(std::string_view name) const {
  std::size_t found = 0;
  for (const FieldView& field : *this) found += same_name(field.name, name) ? 1 : 0;
  return found;
}

std::string HeaderList::joined(std::string_view name) const {
  std::string list;
  bool first = true;
  for (const FieldView& field : *this) {
    if (!same_name(field.name, name)) continue;
    if (!first) list += ", ";
    first = false;
    list += field.value;
  }
  return list;
}

bool operator==(const HeaderList& a, const HeaderList& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace sixpn::flycast
