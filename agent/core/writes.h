// What the agent writes to the registry for each command: pure planning from a snapshot to records.
// The names, rights and collisions are checked here, so that the same sentence reaches every
// client.
//
// Errors are sentences for a person and carry an HTTP-like class: not found, taken, invalid,
// forbidden.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "registry/core/certificate.h"
#include "registry/core/local_write.h"
#include "registry/core/snapshot.h"

namespace sixpn::agent {

// Error::code values of this file.
inline constexpr int kInvalid = 400;
inline constexpr int kForbidden = 403;
inline constexpr int kNotFound = 404;
inline constexpr int kTaken = 409;
inline constexpr int kFull = 507;

struct CreateApp {
  std::string name;
  std::string org;
  std::string network = "default";
  std::string primary_region;
  std::vector<Service> services;
  std::vector<AppCheck> checks;
};

// What a deploy says of an app.
struct AppSettings {
  std::string primary_region;  // "": as it is
  std::vector<Service> services;
  std::vector<AppCheck> checks;
};

// An app as a command names it: `org` may be empty when the name is unique in the cluster.
struct AppName {
  std::string app;
  std::string org;
  std::string network;  // "" means any network of the org
};

// Finds the one app that is meant. Errors: none (with the apps' orgs), several (asks for --org).
Result<const AppView*> find_app(const Snapshot& snapshot, const AppName& name);

// The app, and its organisation and network where they do not exist yet.
Result<std::vector<registry::LocalWrite>> plan_create_app(const Snapshot& snapshot,
                                                          const HostCertificate& self,
                                                          const CreateApp& request);
Result<std::vector<registry::LocalWrite>> plan_deploy(const Snapshot& snapshot,
                                                      const HostCertificate& self,
                                                      const AppName& name,
                                                      const AppSettings& settings);
// Why a command that looks at all machines of a network cannot run here, where they are not all
// held: not yet (its first sync, or a network that it has just begun to use), or not at all; then
// names hosts where it can.
std::optional<Error> refuse_unheld(const Snapshot& snapshot, NetworkId network,
                                   const std::string& command);

// Refused while the app has machines that are not destroyed. Takes its Flycast addresses along.
Result<std::vector<registry::LocalWrite>> plan_destroy_app(const Snapshot& snapshot,
                                                           const HostCertificate& self,
                                                           const AppName& name);

// A Flycast address for `name` that network `from` may dial ("" means the app's own network).
// Asking again for the same pair gives the same address and writes nothing.
struct AllocatedAddress {
  FlycastRecord record;
  std::vector<registry::LocalWrite> writes;
};
Result<AllocatedAddress> plan_allocate_flycast(const Snapshot& snapshot,
                                               const HostCertificate& self, const AppName& name,
                                               const std::string& from);
Result<std::vector<registry::LocalWrite>> plan_release_flycast(const Snapshot& snapshot,
                                                               const HostCertificate& self,
                                                               const AppName& name,
                                                               const Ip6& address);

// ---- for whoever plans writes
Error forbidden(const HostCertificate& self, const std::string& org);
registry::LocalWrite shared_write(RecordValue value, const std::string& org);
registry::LocalWrite erasure(RecordKey key, const std::string& org);
// Errors: it is no DNS label. `what`: "app name".
Result<void> check_name(const char* what, const std::string& name);

// Every address that reaches this app, in address order.
std::vector<Ip6> flycast_addresses(const Snapshot& snapshot, const AppRecord& app);

}  // namespace sixpn::agent
