#include "mesh/io/host_keys.h"

#include <unistd.h>

#include <cstdio>

#include "base/encoding.h"
#include "base/log.h"
#include "mesh/io/key_file.h"
#include "mesh/io/private_file.h"
#include "registry/core/tls_authority.h"

namespace sixpn::mesh {
namespace {

std::string folder_of(const std::string& state_dir) {
  return state_dir + "/identity";
}
std::string main_file(const std::string& state_dir) {
  return folder_of(state_dir) + "/wireguard.key";
}
std::string spare_file(const std::string& state_dir) {
  return folder_of(state_dir) + "/spare.key";
}
std::string next(const std::string& path) {
  return path + ".next";
}

// The key in `path`; made when there is none.
Result<Secret> read_or_make(const std::string& path, Secret (*make)() = generate_wireguard_key) {
  if (path_exists(path)) return read_secret(path);
  Secret key = make();
  if (auto written = write_line(path, as_bytes(key.bytes())); !written)
    return std::move(written).error();
  return key;
}

Result<std::optional<Secret>> read_if_there(const std::string& path) {
  if (!path_exists(path)) return std::optional<Secret>();
  auto key = read_secret(path);
  if (!key) return std::move(key).error();
  return std::optional<Secret>(*key);
}

// A file that is gone was moved by an earlier try, which failed to sync.
Result<void> replace_by_next(const std::string& state_dir, const std::string& path) {
  if (::rename(next(path).c_str(), path.c_str()) != 0 && errno != ENOENT)
    return Error::from_errno("replacing " + path);
  return sync_folder(folder_of(state_dir));
}

// What nobody writes who does not know the seed.
std::string with_mac(const Secret& seed, const std::string& public_key) {
  const std::string message = std::string("sixpn tls public key v1") + '\0' + public_key;
  return public_key + std::string(as_bytes(compute_mac(seed, message)));
}

}  // namespace

Result<HostKeys> load_host_keys(const std::string& state_dir) {
  auto main = read_secret(main_file(state_dir));
  if (!main) return std::move(main).error();
  auto spare = read_or_make(spare_file(state_dir));
  if (!spare) return std::move(spare).error();
  auto next_main = read_if_there(next(main_file(state_dir)));
  if (!next_main) return std::move(next_main).error();
  auto next_spare = read_if_there(next(spare_file(state_dir)));
  if (!next_spare) return std::move(next_spare).error();
  return HostKeys{*main, *spare, *next_main, *next_spare};
}

Result<TlsIdentity> load_tls_identity(const std::string& state_dir) {
  auto seed = read_or_make(folder_of(state_dir) + "/tls.key", Secret::random);
  if (!seed) return std::move(seed).error();
  const std::string path = folder_of(state_dir) + "/tls.pub";
  if (auto kept = read_line(path); kept && kept->size() > Mac{}.size()) {
    std::string public_key = kept->substr(0, kept->size() - Mac{}.size());
    if (with_mac(*seed, public_key) == *kept) return TlsIdentity{*seed, std::move(public_key)};
  }
  std::string public_key = host_tls_key(*seed).public_key();
  ::unlink(path.c_str());
  // Where this fails, the next start derives the key again.
  if (auto written = write_line(path, with_mac(*seed, public_key)); !written)
    log::warn("mesh", "{}", written.error().message);
  return TlsIdentity{*seed, std::move(public_key)};
}

Result<Secret> load_gateway_key(const std::string& state_dir) {
  return read_or_make(folder_of(state_dir) + "/gateway.key");
}

Result<HostKeys> begin_rotation(const std::string& state_dir, HostKeys keys) {
  auto next_spare = read_or_make(next(spare_file(state_dir)));
  if (!next_spare) return std::move(next_spare).error();
  auto next_main = read_or_make(next(main_file(state_dir)));
  if (!next_main) return std::move(next_main).error();
  keys.next_spare = *next_spare;
  keys.next_main = *next_main;
  return keys;
}

Result<HostKeys> change_main_key(const std::string& state_dir, HostKeys keys) {
  if (auto done = replace_by_next(state_dir, main_file(state_dir)); !done)
    return std::move(done).error();
  keys.main = *keys.next_main;
  keys.next_main.reset();
  return keys;
}

Result<HostKeys> keep_main_key(const std::string& state_dir, HostKeys keys) {
  const std::string path = next(main_file(state_dir));
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return Error::from_errno("removing " + path);
  if (auto synced = sync_folder(folder_of(state_dir)); !synced) return std::move(synced).error();
  keys.next_main.reset();
  return keys;
}

Result<HostKeys> finish_rotation(const std::string& state_dir, HostKeys keys) {
  if (auto done = replace_by_next(state_dir, spare_file(state_dir)); !done)
    return std::move(done).error();
  keys.spare = *keys.next_spare;
  keys.next_spare.reset();
  return keys;
}

}  // namespace sixpn::mesh
