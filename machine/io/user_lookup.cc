#include "machine/io/user_lookup.h"

#include <grp.h>
#include <pwd.h>

#include <charconv>
#include <optional>

namespace sixpn::machine {
namespace {

constexpr int kMaxGroups = 1024;

std::optional<std::uint32_t> parse_number(std::string_view text) {
  std::uint32_t number = 0;
  auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

UserIdentity from_entry(const passwd& entry) {
  std::vector<gid_t> groups(kMaxGroups);
  int count = kMaxGroups;
  if (getgrouplist(entry.pw_name, entry.pw_gid, groups.data(), &count) < 0) count = kMaxGroups;
  groups.resize(static_cast<std::size_t>(count));
  return {entry.pw_uid, entry.pw_gid, {groups.begin(), groups.end()}, entry.pw_dir};
}

}  // namespace

Result<UserIdentity> find_user(const std::string& user) {
  if (user.empty()) return UserIdentity{};
  auto colon = user.find(':');
  auto uid = parse_number(std::string_view(user).substr(0, colon));
  char buffer[16384];
  passwd entry{};
  passwd* found = nullptr;
  if (uid)
    getpwuid_r(*uid, &entry, buffer, sizeof buffer, &found);
  else
    getpwnam_r(user.c_str(), &entry, buffer, sizeof buffer, &found);
  if (!found && !uid) return Error("no user " + user + " on this host");
  auto identity = found ? from_entry(*found) : UserIdentity{*uid, *uid, {}, "/"};
  if (colon == std::string::npos) return identity;
  auto gid = parse_number(std::string_view(user).substr(colon + 1));
  if (!gid) return Error("user \"" + user + "\": expected a name, uid or uid:gid");
  identity.gid = *gid;
  identity.groups = {*gid};
  return identity;
}

}  // namespace sixpn::machine
