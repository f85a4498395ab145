// IdentityStore: who this host is, in files under <state>/identity, and the root key's file. Not
// the registry, and not the lock against a second agent. Called by the agent at start and by the
// command line
// (`cluster init`), on any thread, before loops run: it blocks on the disk. No asio.
//
//   signing.key wireguard.key cluster.key root.pub host.cert seeds     one line of base64 each
//
// The folder is 0700, the files 0600, all owned by the user that runs; anything else is refused
// with the path, what was found and how to mend it. A new identity appears whole or not at all: it
// is written to <state>/identity.new, synced, and renamed. Only the seeds change later.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "mesh/io/invite.h"
#include "registry/core/certificate.h"
#include "registry/core/keys.h"

namespace sixpn::mesh {

struct Identity {
  HostCertificate certificate;
  SigningKey signing_key;
  Secret wireguard_key;  // X25519 private key, clamped
  Secret cluster_key;
  PublicKey root_key{};
  // Where to knock without a registry: at first the token's, later the hosts that were met.
  std::vector<Seed> seeds;
};

struct CreateClusterOptions {
  std::string name = "dev";
  std::string region = "dev";
  std::string root_key_path;  // default: <state>/root.key
  WallTime now{};
  std::optional<std::chrono::milliseconds> valid;  // of the certificate; nothing: for ever
};

class IdentityStore {
 public:
  // Whether <state>/identity is there, whole or not.
  static bool exists(const std::string& state_dir);

  // Errors: no identity, a wrong mode or owner, a part missing or damaged, keys that do not fit
  // together.
  static Result<Identity> load(const std::string& state_dir);

  // Makes root key, cluster key and the first host, by the same invitation and enrolment as any
  // other host's. Makes state_dir if need be. Errors: an identity or the root key's file exists
  // already (nothing is changed then), bad name or region, the disk.
  static Result<Identity> create_cluster(const std::string& state_dir,
                                         const CreateClusterOptions& options);

  // Makes this host's own keys and certificate from a token. With the token it was enrolled by,
  // returns the identity that is there, also when the token has expired since. Errors: expired, for
  // another host or cluster than this folder's, not a valid token, the disk.
  static Result<Identity> enrol_host(const std::string& state_dir, const Token& token,
                                     WallTime now);

  // Replaces the seeds of the identity that is there, whole or not at all. Errors: the disk.
  static Result<void> replace_seeds(const std::string& state_dir, const std::vector<Seed>& seeds);

  // Errors: as load.
  static Result<SigningKey> load_root_key(const std::string& path);

  static std::string default_root_key_path(const std::string& state_dir);
};

}  // namespace sixpn::mesh
