// The JSON form of a ReplayInstruction.
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include "flycast/core/http1_syntax.h"
#include "flycast/core/replay_fields.h"
#include "flycast/core/replay_headers.h"
#include "flycast/core/replay_instruction.h"

namespace sixpn::flycast {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxDepth = 4;  // the deepest that is documented

std::string_view view(const json::string& text) {
  return {text.data(), text.size()};
}
std::string_view view(const json::string_view& text) {
  return {text.data(), text.size()};
}

Error unknown(std::string_view name) {
  return Error("'" + std::string(name.substr(0, 40)) + "' is no member of it");
}

// Boost's object keeps members of one name twice in none of its forms: parsing keeps the last. The
// members are few, so their number tells nothing; a doubled member is the app's own confusion.
Result<bool> as_bool(const json::value& value, std::string_view name) {
  if (const bool* flag = value.if_bool()) return *flag;
  return Error(std::string(name) + ": expected true or false");
}

Result<std::string_view> as_text(const json::value& value, std::string_view name) {
  if (const json::string* text = value.if_string()) return view(*text);
  return Error(std::string(name) + ": expected a string");
}

Result<const json::array*> as_list(const json::value& value, std::string_view name) {
  const json::array* list = value.if_array();
  if (list == nullptr) return Error(std::string(name) + ": expected a list");
  if (list->size() > kMaxTransformedHeaders)
    return Error(std::string(name) + ": more than " + std::to_string(kMaxTransformedHeaders));
  return list;
}

Result<const json::object*> as_object(const json::value& value, std::string_view name) {
  if (const json::object* object = value.if_object()) return object;
  return Error(std::string(name) + ": expected an object");
}

Result<void> read_path(ReplayTransform& transform, const json::value& value) {
  auto path = as_text(value, "path");
  if (!path) return std::move(path).error();
  if (!is_request_path(*path)) return Error("path: expected a path, and a query, as a request has");
  transform.path = *path;
  return {};
}

Result<void> read_deletions(ReplayTransform& transform, const json::value& value) {
  auto list = as_list(value, "delete_headers");
  if (!list) return std::move(list).error();
  for (const json::value& each : **list) {
    auto name = as_text(each, "delete_headers");
    if (!name) return std::move(name).error();
    if (!may_transform(*name) || same_name(*name, "host"))
      return Error("delete_headers: '" + std::string(name->substr(0, 40)) + "' cannot be deleted");
    transform.delete_headers.emplace_back(*name);
  }
  return {};
}

Result<void> read_one_header(ReplayTransform& transform, const json::value& each) {
  auto object = as_object(each, "set_headers");
  if (!object) return std::move(object).error();
  std::string_view name, value;
  for (const auto& member : **object) {
    auto text = as_text(member.value(), "set_headers");
    if (!text) return std::move(text).error();
    std::string_view key = view(member.key());
    if (key != "name" && key != "value") return unknown(key).within("set_headers");
    (key == "name" ? name : value) = *text;
  }
  if (!may_transform(name))
    return Error("set_headers: '" + std::string(name.substr(0, 40)) + "' cannot be set");
  if (!is_field_value(value) || (same_name(name, "host") && !is_authority(value)))
    return Error("set_headers: the value of " + std::string(name) + " cannot stand in a header");
  transform.set_headers.add(name, value);
  return {};
}

Result<void> read_settings(ReplayTransform& transform, const json::value& value) {
  auto list = as_list(value, "set_headers");
  if (!list) return std::move(list).error();
  for (const json::value& each : **list)
    if (auto read = read_one_header(transform, each); !read) return read;
  return {};
}

Result<void> read_transform(ReplayTransform& transform, const json::value& value) {
  auto object = as_object(value, "transform");
  if (!object) return std::move(object).error();
  for (const auto& member : **object) {
    std::string_view name = view(member.key());
    Result<void> read = name == "path"             ? read_path(transform, member.value())
                        : name == "delete_headers" ? read_deletions(transform, member.value())
                        : name == "set_headers"    ? read_settings(transform, member.value())
                                                   : Result<void>(unknown(name));
    if (!read) return std::move(read).error().within("transform");
  }
  return {};
}

Result<void> read_ttl(ReplayCacheOrder& cache, const json::value& value) {
  if (!value.is_int64()) return Error("ttl: expected a number of seconds");
  return set_cache_ttl(cache, value.get_int64());
}

Result<void> read_flag(bool& flag, const json::value& value, std::string_view name) {
  auto read = as_bool(value, name);
  if (!read) return std::move(read).error();
  flag = *read;
  return {};
}

Result<void> read_cache(ReplayCacheOrder& cache, const json::value& value) {
  auto object = as_object(value, "cache");
  if (!object) return std::move(object).error();
  for (const auto& member : **object) {
    std::string_view name = view(member.key());
    Result<void> read;
    if (name == "prefix") {
      auto text = as_text(member.value(), name);
      read = text ? set_cache_pattern(cache, *text) : Result<void>(std::move(text).error());
    } else if (name == "ttl") {
      read = read_ttl(cache, member.value());
    } else if (name == "invalidate") {
      read = read_flag(cache.invalidate, member.value(), name);
    } else if (name == "allow_bypass") {
      read = read_flag(cache.allow_bypass, member.value(), name);
    } else {
      read = unknown(name);
    }
    if (!read) return std::move(read).error().within("cache");
  }
  bool keeps = (*object)->contains("prefix"), lasts = cache.ttl != Duration::zero();
  if (keeps != lasts) return Error("cache: prefix and ttl go together");
  if (keeps && cache.invalidate) return Error("cache: invalidate and prefix exclude each other");
  return {};
}

Result<void> read_member(ReplayInstruction& instruction, std::string_view name,
                         const json::value& value) {
  if (name == "elsewhere") return read_flag(instruction.elsewhere, value, name);
  if (name == "transform") return read_transform(instruction.transform, value);
  if (name == "cache") return read_cache(instruction.cache, value);
  // Documented without its place: beside the other fields, or inside cache.
  if (name == "allow_bypass") return read_flag(instruction.cache.allow_bypass, value, name);
  if (!is_text_field(name)) return unknown(name);
  auto text = as_text(value, name);
  if (!text) return std::move(text).error();
  return set_text_field(instruction, name, *text);
}

Result<ReplayInstruction> read_instruction(const json::value& root) {
  const json::object* object = root.if_object();
  if (object == nullptr) return Error("expected an object");
  ReplayInstruction instruction;
  for (const auto& member : *object)
    if (auto read = read_member(instruction, view(member.key()), member.value()); !read)
      return std::move(read).error();
  if (auto whole = check_instruction(instruction); !whole) return std::move(whole).error();
  return instruction;
}

}  // namespace

Result<ReplayInstruction> parse_replay_json(std::string_view body) {
  if (body.size() > kMaxReplayBody)
    return Error("fly-replay body: more than " + std::to_string(kMaxReplayBody) + " bytes");
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::monotonic_resource memory;
  boost::system::error_code failure;
  json::value root =
      json::parse(json::string_view(body.data(), body.size()), failure, &memory, options);
  if (failure) return Error("fly-replay body: no JSON: " + failure.message());
  return read_instruction(root).within("fly-replay body");
}

}  // namespace sixpn::flycast
