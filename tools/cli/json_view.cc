#include "tools/cli/json_view.h"

#include <boost/json.hpp>

namespace sixpn::cli {

namespace json = boost::json;

namespace {

constexpr std::size_t kIndent = 4;
const json::value kNull;

void print(const json::value& value, std::size_t depth, std::string& out);

void print_key(std::string_view key, std::string& out) {
  out += json::serialize(json::string_view(key.data(), key.size()));
  out += ": ";
}

void new_line(std::size_t depth, std::string& out) {
  out += '\n';
  out.append(depth * kIndent, ' ');
}

void print_object(const json::object& object, std::size_t depth, std::string& out) {
  out += '{';
  bool first = true;
  for (const auto& [key, value] : object) {
    if (!std::exchange(first, false)) out += ',';
    new_line(depth + 1, out);
    print_key(key, out);
    print(value, depth + 1, out);
  }
  if (!object.empty()) new_line(depth, out);
  out += '}';
}

void print_array(const json::array& array, std::size_t depth, std::string& out) {
  out += '[';
  bool first = true;
  for (const json::value& value : array) {
    if (!std::exchange(first, false)) out += ',';
    new_line(depth + 1, out);
    print(value, depth + 1, out);
  }
  if (!array.empty()) new_line(depth, out);
  out += ']';
}

void print(const json::value& value, std::size_t depth, std::string& out) {
  if (const auto* object = value.if_object())
    print_object(*object, depth, out);
  else if (const auto* array = value.if_array())
    print_array(*array, depth, out);
  else
    out += json::serialize(value);
}

}  // namespace

JsonView JsonView::operator[](std::string_view key) const {
  const json::object* object = value_->if_object();
  const json::value* member = object == nullptr ? nullptr : object->if_contains(key);
  return JsonView(member == nullptr ? kNull : *member);
}

std::vector<JsonView> JsonView::items() const {
  std::vector<JsonView> list;
  if (const json::array* array = value_->if_array())
    for (const json::value& value : *array) list.emplace_back(value);
  return list;
}

std::vector<std::pair<std::string, JsonView>> JsonView::members() const {
  std::vector<std::pair<std::string, JsonView>> list;
  if (const json::object* object = value_->if_object())
    for (const auto& [key, value] : *object) list.emplace_back(std::string(key), JsonView(value));
  return list;
}

bool JsonView::is_null() const {
  return value_->is_null();
}

std::string JsonView::text() const {
  const json::string* text = value_->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

std::optional<std::int64_t> JsonView::integer() const {
  boost::system::error_code inexact;
  auto number = value_->to_number<std::int64_t>(inexact);
  if (inexact) return std::nullopt;
  return number;
}

bool JsonView::flag() const {
  const bool* flag = value_->if_bool();
  return flag != nullptr && *flag;
}

std::vector<std::string> JsonView::texts() const {
  std::vector<std::string> list;
  for (const JsonView& item : items()) list.push_back(item.text());
  return list;
}

std::string pretty(const json::value& value) {
  std::string out;
  print(value, 0, out);
  out += '\n';
  return out;
}

json::object to_json(const std::vector<std::pair<std::string, std::string>>& pairs) {
  json::object object;
  for (const auto& [key, value] : pairs) object[key] = value;
  return object;
}

}  // namespace sixpn::cli
