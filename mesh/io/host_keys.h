// HostKeys: the WireGuard keys of this host, and how far their rotation is (decision 0036), in
// files of <state>/identity. Who this host is otherwise is IdentityStore's. Each change is one file
// that appears, is replaced or goes (decision 0023), synced before the function returns: whatever
// kills the agent, the files say where to go on.
//
//   wireguard.key  spare.key                       no rotation
//   ... and wireguard.key.next  spare.key.next     the links leave the main device
//   ... and spare.key.next                         the main key is changed; the links come back
//   tls.key  gateway.key                           of TLS, of peers; have no part in it
//
// Called by the agent, at start and on the mesh loop: blocks on the disk. The lock on the state
// folder is the caller's.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "registry/core/keys.h"
#include "registry/core/record.h"

namespace sixpn::mesh {

struct HostKeys {
  Secret main;
  Secret spare;
  std::optional<Secret> next_main;
  std::optional<Secret> next_spare;
  [[nodiscard]] Rotation rotation() const {
    if (next_main) return Rotation::kLeave;
    return next_spare ? Rotation::kReturn : Rotation::kNone;
  }
};

// Makes the spare key when there is none: the identity is of an older program, or new. Errors: a
// file that is damaged or that others could read, the disk.
Result<HostKeys> load_host_keys(const std::string& state_dir);

// This host's key for TLS (registry/core/tls_authority.h): the secret that it is made from, and its
// public part, as HostRecord::tls_key.
struct TlsIdentity {
  Secret seed;
  std::string public_key;
};

// The secret is in tls.key, made when there is none. Without it the host's certificates for TLS are
// worth nothing: new ones are needed. The public key is in tls.pub, made from the secret when it is
// missing or another secret's: deriving it loads OpenSSL, 2.4 MB that a host which ends no TLS can
// do without. Errors: of tls.key, as load_host_keys.
Result<TlsIdentity> load_tls_identity(const std::string& state_dir);

// The WireGuard key of the device that peers connect to, in gateway.key; made when there is none.
// It stays when the host's own keys rotate: peers' devices have it in their configuration. Errors:
// as load_host_keys.
Result<Secret> load_gateway_key(const std::string& state_dir);

// Each takes what it is called with to the next phase, in the files and then in the result; done
// again after an error it goes on. Errors: the disk.
Result<HostKeys> begin_rotation(const std::string& state_dir, HostKeys keys);   // kNone -> kLeave
Result<HostKeys> change_main_key(const std::string& state_dir, HostKeys keys);  // kLeave -> kReturn
Result<HostKeys> keep_main_key(const std::string& state_dir, HostKeys keys);    // kLeave -> kReturn
Result<HostKeys> finish_rotation(const std::string& state_dir, HostKeys keys);  // kReturn -> kNone

}  // namespace sixpn::mesh
