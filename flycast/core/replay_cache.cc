#include "flycast/core/replay_cache.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace sixpn::flycast {
namespace {

// Of an entry, besides its texts: list and index nodes.
constexpr std::size_t kEntryOverhead = 96;

struct HostAndPath {
  std::string host;
  std::string_view path;
};

// Without its port: "[::1]:80" and "[::1]", "example.com:80" and "example.com" are one.
std::string host_name(std::string_view host) {
  std::size_t bracket = host.rfind(']');
  std::size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  return lower_case(host.substr(0, colon));
}

std::string_view without_query(std::string_view path) {
  return path.substr(0, path.find('?'));
}

bool is_under(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

// "api.example.com/api/*" as a host, "" for any, and "/api".
HostAndPath split_pattern(std::string_view pattern) {
  std::size_t slash = std::min(pattern.find('/'), pattern.size());
  std::string_view path = pattern.substr(slash);
  if (path.ends_with("/*")) path.remove_suffix(2);
  while (path.ends_with('/')) path.remove_suffix(1);
  return {lower_case(pattern.substr(0, slash)), path};
}

// "b" of the cookie a in "x=y; a=b" (RFC 6265 section 4.2.1).
std::optional<std::string_view> cookie_value(std::string_view cookies, std::string_view name) {
  while (!cookies.empty()) {
    std::size_t end = std::min(cookies.find(';'), cookies.size());
    std::string_view pair = cookies.substr(0, end);
    cookies.remove_prefix(std::min(end + 1, cookies.size()));
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.size() > name.size() && pair.starts_with(name) && pair[name.size()] == '=')
      return pair.substr(name.size() + 1);
  }
  return std::nullopt;
}

std::optional<std::string_view> session_of(const ReplayCacheRule& rule, const HeaderList& headers) {
  std::optional<std::string_view> value;
  for (const FieldView& field : headers) {
    if (value || !same_name(field.name, rule.by_header ? std::string_view(rule.name) : "cookie"))
      continue;
    value = rule.by_header ? field.value : cookie_value(field.value, rule.name);
  }
  bool usable = value && !value->empty() && value->size() <= ReplayCache::kMaxSessionValue;
  return usable ? value : std::nullopt;
}

struct Session {
  const ReplayCacheRule* rule = nullptr;
  std::size_t prefix_size = 0;
  std::string key;
};

// Of the rules that the request carries a value for, the one with the longest path.
std::optional<Session> find_session(const CacheRequest& request, const std::string& host) {
  std::optional<Session> best;
  for (const ReplayCacheRule& rule : request.rules) {
    HostAndPath where = split_pattern(rule.path_prefix);
    if (!where.host.empty() && where.host != host) continue;
    if (!is_under(without_query(request.path), where.path)) continue;
    if (best && where.path.size() <= best->prefix_size) continue;
    auto value = session_of(rule, request.headers);
    if (!value) continue;
    std::string key = "s" + host;
    key.append(1, '\0').append(where.path).append(1, '\0');
    key.append(1, rule.by_header ? 'h' : 'c').append(rule.name).append(1, '\0').append(*value);
    best = Session{&rule, where.path.size(), std::move(key)};
  }
  return best;
}

std::string path_key(const std::string& host, std::string_view prefix) {
  std::string key = "p" + host;
  return key.append(1, '\0').append(prefix);
}

// The path and what it is under, the longest first: "/a/b", "/a", "".
std::vector<std::string_view> prefixes_of(std::string_view path) {
  std::vector<std::string_view> prefixes = {path.substr(0, 0)};
  for (std::size_t at = path.find('/', 1); prefixes.size() < ReplayCache::kMaxSegments;
       at = path.find('/', at + 1)) {
    if (at == std::string_view::npos) {
      if (path.size() > 1) prefixes.push_back(path);
      break;
    }
    prefixes.push_back(path.substr(0, at));
  }
  std::reverse(prefixes.begin(), prefixes.end());
  return prefixes;
}

std::size_t size_of(const std::string& key, const RoutingWish& wish) {
  std::size_t bytes = kEntryOverhead + sizeof(RoutingWish) + key.size() + wish.machine.size();
  for (const std::string& region : wish.regions) bytes += sizeof region + region.size();
  bytes += wish.not_these.size() * sizeof(MachineId);
  return bytes + (wish.app ? wish.app->app.size() : 0);
}

}  // namespace

ReplayCache::Found ReplayCache::find(const CacheRequest& request, Instant now) {
  auto shelf = shelves_.find(request.app);
  if (shelf == shelves_.end()) return {};
  const std::string host = host_name(request.host);
  auto session = find_session(request, host);
  Entry* found = nullptr;
  for (std::string_view prefix : prefixes_of(without_query(request.path))) {
    if (session && prefix.size() < session->prefix_size && found == nullptr)
      found = look_up(shelf->second, std::exchange(session, {})->key, now);
    if (found == nullptr) found = look_up(shelf->second, path_key(host, prefix), now);
  }
  if (found == nullptr && session) found = look_up(shelf->second, session->key, now);
  if (found == nullptr) return {};
  if (found->allow_bypass && request.headers.find("fly-replay-cache-control") == "skip")
    return {CacheStatus::kBypass, {}};
  return {CacheStatus::kHit, found->wish};
}

std::string_view ReplayCache::keep(const CacheRequest& request,
                                   const ReplayInstruction& instruction, const RoutingWish& wish,
                                   Instant now) {
  const std::string host = host_name(request.host);
  const ReplayCacheOrder& order = instruction.cache;
  std::string_view why_not = uncachable(instruction);
  bool ordered = order.ttl != Duration::zero();
  if (why_not.empty()) {
    if (auto session = find_session(request, host))
      insert(request.app, std::move(session->key), wish, session->rule->allow_bypass,
             now + session->rule->ttl);
    if (!ordered) return "";
    if (!order.host.empty() && order.host != host) return "its pattern is of another host";
    auto prefixes = prefixes_of(without_query(request.path));
    if (std::find(prefixes.begin(), prefixes.end(), order.prefix) == prefixes.end())
      return "its pattern does not match the request";
    insert(request.app, path_key(host, order.prefix), wish, order.allow_bypass, now + order.ttl);
  }
  return ordered ? why_not : "";
}

void ReplayCache::invalidate(const CacheRequest& request) {
  auto shelf = shelves_.find(request.app);
  if (shelf == shelves_.end()) return;
  const std::string host = host_name(request.host);
  std::vector<std::string> keys;
  for (std::string_view prefix : prefixes_of(without_query(request.path)))
    keys.push_back(path_key(host, prefix));
  if (auto session = find_session(request, host)) keys.push_back(std::move(session->key));
  for (const std::string& key : keys) {
    auto entry = shelf->second.by_key.find(key);
    if (entry != shelf->second.by_key.end()) remove(shelf->second, entry->second);
  }
  if (shelf->second.entries.empty()) shelves_.erase(shelf);
}

std::size_t ReplayCache::size() const {
  std::size_t entries = 0;
  for (const auto& [app, shelf] : shelves_) entries += shelf.entries.size();
  return entries;
}

ReplayCache::Entry* ReplayCache::look_up(Shelf& shelf, const std::string& key, Instant now) {
  auto found = shelf.by_key.find(key);
  if (found == shelf.by_key.end()) return nullptr;
  auto entry = found->second;
  if (entry->ends <= now) {
    remove(shelf, entry);
    return nullptr;
  }
  shelf.entries.splice(shelf.entries.begin(), shelf.entries, entry);
  return &*entry;
}

void ReplayCache::insert(const AppName& app, std::string key, const RoutingWish& wish,
                         bool allow_bypass, Instant ends) {
  std::size_t bytes = size_of(key, wish);
  if (bytes > std::min(limits_.bytes, limits_.bytes_per_app)) return;
  Shelf& shelf = shelves_[app];
  auto before = shelf.by_key.find(key);
  if (before != shelf.by_key.end()) remove(shelf, before->second);
  shelf.entries.push_front({std::move(key), wish, allow_bypass, ends, bytes});
  shelf.by_key.emplace(shelf.entries.front().key, shelf.entries.begin());
  shelf.bytes += bytes;
  bytes_ += bytes;
  make_room(shelf);
}

void ReplayCache::remove(Shelf& shelf, Entries::iterator entry) {
  shelf.by_key.erase(entry->key);
  shelf.bytes -= entry->bytes;
  bytes_ -= entry->bytes;
  shelf.entries.erase(entry);
}

void ReplayCache::make_room(Shelf& newest) {
  for (; newest.bytes > limits_.bytes_per_app; ++evicted_)
    remove(newest, std::prev(newest.entries.end()));
  for (; bytes_ > limits_.bytes; ++evicted_) {
    auto largest = std::max_element(
        shelves_.begin(), shelves_.end(),
        [](const auto& a, const auto& b) { return a.second.bytes < b.second.bytes; });
    remove(largest->second, std::prev(largest->second.entries.end()));
    if (largest->second.entries.empty()) shelves_.erase(largest);
  }
}

}  // namespace sixpn::flycast
