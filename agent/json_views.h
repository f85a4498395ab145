// The registry as the admin API shows it: Snapshot values to JSON (docs/api.md). Pure.
#pragma once

#include <boost/json/value.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/list_stream.h"
#include "machine/core/check_board.h"
#include "registry/core/enrolment_conflicts.h"
#include "registry/core/snapshot.h"

namespace sixpn::agent {

// What only the machine's own host knows.
struct LocalFacts {
  std::optional<int> pid;
  std::optional<int> exit_code;
  std::string log;
  std::string netns;
  std::string reason;
  std::vector<machine::CheckResult> checks;
};

// What only the mesh knows of another host.
struct PeerFacts {
  std::optional<IpEndpoint> endpoint;
  std::optional<Duration> handshake_age;
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
};

// What the mesh room reports.
struct MeshFacts {
  std::map<HostId, PeerFacts> peers;
  std::vector<std::string> warnings;
};
using LocalFactsById = std::map<MachineId, LocalFacts>;

boost::json::object machine_json(const Snapshot& snapshot, const MachineRecord& machine,
                                 const LocalFacts* local);
boost::json::object app_json(const Snapshot& snapshot, const AppView& app);
boost::json::object network_json(const NetworkRecord& network);
boost::json::object service_json(const Service& service);
boost::json::object app_check_json(const AppCheck& check);
// The health of the services whose checks stand otherwise than the machine's record says.
boost::json::array service_health_json(const MachineRecord& machine);
boost::json::object host_json(const Snapshot& snapshot, const HostView& host,
                              const PeerFacts* peer);
boost::json::array conflicts_json(const std::map<HostId, registry::EnrolmentConflict>& conflicts);
boost::json::object shut_out_json(const Snapshot& snapshot, const ShutOut& host);
boost::json::array apps_json(const Snapshot& snapshot);
// The machines that pass the filters ("" passes all), one after the other.
ListStream::Next list_machines(SnapshotPtr snapshot, LocalFactsById local, const std::string& app,
                               const std::string& org);
// Of which networks all machines are here: {"all", "networks": [{..., "holds": "all", "filling" or
// "no"}], "networks_not_held"}.
boost::json::object holding_json(const Snapshot& snapshot);
// All that `sixpn status` shows, but for the machines and what only the agent knows (cluster,
// version, backend).
boost::json::object status_json(const Snapshot& snapshot, const MeshFacts& mesh);

}  // namespace sixpn::agent
