#include "mesh/io/identity_store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>

#include "base/encoding.h"
#include "mesh/core/utc.h"
#include "mesh/io/key_file.h"
#include "mesh/io/private_file.h"

namespace sixpn::mesh {
namespace {

constexpr std::string_view kSigningKeyFile = "signing.key";
constexpr std::string_view kWireguardKeyFile = "wireguard.key";
constexpr std::string_view kClusterKeyFile = "cluster.key";
constexpr std::string_view kRootKeyFile = "root.pub";
constexpr std::string_view kCertificateFile = "host.cert";
constexpr std::string_view kSeedsFile = "seeds";
constexpr std::string_view kRequiredFiles[] = {kSigningKeyFile, kWireguardKeyFile, kClusterKeyFile,
                                               kRootKeyFile, kCertificateFile};

// The invite of a cluster's first host is used at once.
constexpr std::chrono::hours kFirstInviteLife{1};

std::string in_folder(const std::string& folder, std::string_view name) {
  return folder + "/" + std::string(name);
}
std::string identity_dir(const std::string& state_dir) {
  return state_dir + "/identity";
}

std::string describe(const Invite& invite) {
  return fmt::format("host {} ({}) of cluster {}", invite.name, to_string(invite.host),
                     to_hex(invite.cluster));
}

// ---- reading
// ---------------------------------------------------------------------------------------

Result<void> check_whole(const std::string& folder) {
  std::string missing;
  for (std::string_view name : kRequiredFiles)
    if (!path_exists(in_folder(folder, name)))
      missing += (missing.empty() ? "" : ", ") + std::string(name);
  if (missing.empty()) return {};
  return Error(
      fmt::format("the identity in {0} is not whole, it lacks {1}: restore it from a backup, or "
                  "move {0} away and join with a new token",
                  folder, missing));
}

// A host can do without seeds once it knows others: only damage is an error.
Result<std::vector<Seed>> read_seeds(const std::string& path) {
  if (!path_exists(path)) return std::vector<Seed>{};
  auto bytes = read_line(path);
  if (!bytes) return std::move(bytes).error();
  return decode_seeds(*bytes).within(path);
}

Result<HostCertificate> read_certificate(const std::string& folder, const PublicKey& root_key,
                                         const PublicKey& signing_key) {
  const std::string path = in_folder(folder, kCertificateFile);
  auto encoded = read_line(path);
  if (!encoded) return std::move(encoded).error();
  auto certificate = verify_certificate(*encoded, root_key).within(path);
  if (certificate && certificate->signing_key != signing_key)
    return Error(
        fmt::format("the keys in {} do not fit together: {} is for another signing key than {}",
                    folder, kCertificateFile, kSigningKeyFile));
  return certificate;
}

Result<Identity> read_identity(const std::string& folder) {
  auto seed = read_secret(in_folder(folder, kSigningKeyFile));
  if (!seed) return std::move(seed).error();
  auto wireguard_key = read_secret(in_folder(folder, kWireguardKeyFile));
  if (!wireguard_key) return std::move(wireguard_key).error();
  auto cluster_key = read_secret(in_folder(folder, kClusterKeyFile));
  if (!cluster_key) return std::move(cluster_key).error();
  auto root_key = read_public_key(in_folder(folder, kRootKeyFile));
  if (!root_key) return std::move(root_key).error();
  SigningKey signing_key(*seed);
  auto certificate = read_certificate(folder, *root_key, signing_key.public_key());
  if (!certificate) return std::move(certificate).error();
  auto seeds = read_seeds(in_folder(folder, kSeedsFile));
  if (!seeds) return std::move(seeds).error();
  return Identity{std::move(*certificate), signing_key, *wireguard_key, *cluster_key, *root_key,
                  std::move(*seeds)};
}

// ---- writing
// ---------------------------------------------------------------------------------------

Result<void> write_files(const std::string& folder, const Identity& identity) {
  struct Part {
    std::string_view name;
    std::string_view bytes;
  };
  const std::string seeds = encode_seeds(identity.seeds);
  const Part parts[] = {
      {kSigningKeyFile, as_bytes(identity.signing_key.seed().bytes())},
      {kWireguardKeyFile, as_bytes(identity.wireguard_key.bytes())},
      {kClusterKeyFile, as_bytes(identity.cluster_key.bytes())},
      {kRootKeyFile, as_bytes(identity.root_key)},
      {kCertificateFile, identity.certificate.encoded},
      {kSeedsFile, seeds},
  };
  for (const Part& part : parts)
    if (auto written = write_line(in_folder(folder, part.name), part.bytes); !written)
      return written;
  return {};
}

// A whole identity written beside its place, moved there by publish(); removed again if it is not.
class StagedIdentity {
 public:
  static Result<void> prepare(const std::string& state_dir) {
    std::error_code failed;
    if (std::filesystem::create_directories(state_dir, failed))
      std::filesystem::permissions(state_dir, std::filesystem::perms::owner_all, failed);
    if (failed) return Error("creating " + state_dir + ": " + failed.message(), failed.value());
    return {};
  }

  explicit StagedIdentity(std::string state_dir)
      : state_dir_(std::move(state_dir)), folder_(state_dir_ + "/identity.new") {}
  StagedIdentity(const StagedIdentity&) = delete;
  StagedIdentity& operator=(const StagedIdentity&) = delete;
  ~StagedIdentity() { remove(); }

  Result<void> write(const Identity& identity) {
    remove();  // of an attempt that a power cut interrupted; the lock says that it is no one else's
    if (auto made = create_private_folder(folder_); !made) return made;
    return write_files(folder_, identity);
  }

  // rename never replaces a folder that holds anything.
  Result<void> publish() {
    const std::string place = identity_dir(state_dir_);
    if (::rename(folder_.c_str(), place.c_str()) != 0)
      return Error::from_errno("creating " + place);
    return sync_folder(state_dir_);
  }

 private:
  void remove() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  std::string state_dir_;
  std::string folder_;
};

// Serialises everything that creates an identity in one state folder.
Result<Fd> lock_state(const std::string& state_dir) {
  if (auto prepared = StagedIdentity::prepare(state_dir); !prepared)
    return std::move(prepared).error();
  auto lock = lock_file(state_dir + "/identity.lock");
  if (!lock && lock.error().code == EWOULDBLOCK)
    return Error("another process is creating an identity in " + state_dir, EWOULDBLOCK);
  return lock;
}

Result<Identity> make_identity(const Token& token, WallTime now) {
  auto invite = verify_invite(token.signed_invite, token.root_key);
  if (!invite) return std::move(invite).error();
  if (now > invite->expires)
    return Error(fmt::format("the token for {} expired at {}, it is now {}: ask for a new invite",
                             describe(*invite), format_utc(invite->expires), format_utc(now)));
  SigningKey signing_key = SigningKey::generate();
  auto certificate = enrol(token, signing_key.public_key(), now);
  if (!certificate) return std::move(certificate).error();
  return Identity{std::move(*certificate), signing_key,    generate_wireguard_key(),
                  token.cluster_key,       token.root_key, token.seeds};
}

// The identity that is there, if `token` is the one it came from.
Result<Identity> resume_identity(const std::string& state_dir, const Token& token) {
  auto identity = IdentityStore::load(state_dir);
  if (!identity) return identity;
  auto invite = verify_invite(token.signed_invite, token.root_key);
  if (!invite) return std::move(invite).error();
  const Invite& own = identity->certificate.invite;
  if (*invite == own) return identity;
  const std::string asked = invite->cluster == own.cluster && invite->host == own.host
                                ? "the token is another invite of the same host id"
                                : "the token is for " + describe(*invite);
  return Error(
      fmt::format("{} already is {}, and {}: use another state folder, or move {} away to give "
                  "up the old identity",
                  state_dir, describe(own), asked, identity_dir(state_dir)));
}

Result<Token> invite_first_host(const CreateClusterOptions& options, const SigningKey& root) {
  std::optional<WallTime> valid_until;
  if (options.valid) valid_until = options.now + *options.valid;
  auto text = make_invite({.name = options.name,
                           .region = options.region,
                           .expires = options.now + kFirstInviteLife,
                           .host_id = choose_host_id({}),
                           .cluster_key = Secret::random(),
                           .valid_until = valid_until,
                           .issued = options.now},
                          root);
  if (!text) return std::move(text).error();
  return decode_token(*text);
}

Result<void> check_nothing_there(const std::string& state_dir, const std::string& root_key_path) {
  for (const std::string& path : {identity_dir(state_dir), root_key_path})
    if (path_exists(path))
      return Error(
          fmt::format("{} exists already: a new cluster is not made over an old one (move it "
                      "away, or use another state folder)",
                      path),
          EEXIST);
  return {};
}

}  // namespace

std::string IdentityStore::default_root_key_path(const std::string& state_dir) {
  return state_dir + "/root.key";
}

bool IdentityStore::exists(const std::string& state_dir) {
  return path_exists(identity_dir(state_dir));
}

Result<Identity> IdentityStore::load(const std::string& state_dir) {
  const std::string folder = identity_dir(state_dir);
  if (!exists(state_dir))
    return Error(
        "there is no identity in " + folder +
            ": make a cluster with `sixpn cluster init`, or join one with `sixpnd --join TOKEN`",
        ENOENT);
  if (auto safe = check_private_folder(folder); !safe) return std::move(safe).error();
  if (auto whole = check_whole(folder); !whole) return std::move(whole).error();
  return read_identity(folder);
}

Result<Identity> IdentityStore::create_cluster(const std::string& state_dir,
                                               const CreateClusterOptions& options) {
  const std::string root_key_path =
      options.root_key_path.empty() ? default_root_key_path(state_dir) : options.root_key_path;
  auto lock = lock_state(state_dir);
  if (!lock) return std::move(lock).error();
  if (auto nothing = check_nothing_there(state_dir, root_key_path); !nothing)
    return std::move(nothing).error();
  SigningKey root = SigningKey::generate();
  auto token = invite_first_host(options, root);
  if (!token) return std::move(token).error();
  auto identity = make_identity(*token, options.now);
  if (!identity) return identity;
  StagedIdentity staged(state_dir);
  if (auto written = staged.write(*identity); !written) return std::move(written).error();
  if (auto written = write_line(root_key_path, as_bytes(root.seed().bytes())); !written)
    return std::move(written).error();
  if (auto published = staged.publish(); !published) {
    ::unlink(root_key_path.c_str());  // the key of a cluster that was not made
    return std::move(published).error();
  }
  return identity;
}

Result<Identity> IdentityStore::enrol_host(const std::string& state_dir, const Token& token,
                                           WallTime now) {
  if (exists(state_dir)) return resume_identity(state_dir, token);
  auto identity = make_identity(token, now);
  if (!identity) return identity;
  auto lock = lock_state(state_dir);
  if (!lock) return std::move(lock).error();
  if (exists(state_dir)) return resume_identity(state_dir, token);  // made before the lock was ours
  StagedIdentity staged(state_dir);
  if (auto written = staged.write(*identity); !written) return std::move(written).error();
  if (auto published = staged.publish(); !published) return std::move(published).error();
  return identity;
}

Result<void> IdentityStore::replace_seeds(const std::string& state_dir,
                                          const std::vector<Seed>& seeds) {
  const std::string folder = identity_dir(state_dir);
  const std::string place = in_folder(folder, kSeedsFile);
  const std::string staged = place + ".new";
  ::unlink(staged.c_str());  // of an attempt that a power cut interrupted
  if (auto written = write_line(staged, encode_seeds(seeds)); !written) return written;
  if (::rename(staged.c_str(), place.c_str()) != 0) return Error::from_errno("replacing " + place);
  return sync_folder(folder);
}

Result<SigningKey> IdentityStore::load_root_key(const std::string& path) {
  auto seed = read_secret(path);
  if (!seed) return std::move(seed).error().within("the root key");
  return SigningKey(*seed);
}

}  // namespace sixpn::mesh
