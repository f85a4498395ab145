// AdminApi: what each request on the admin socket does (docs/api.md). Reads the registry's
// snapshot, plans writes with agent/core, asks the rooms; moves no bytes itself. Control loop only.
//
// A reply is JSON; an error is {"error": "sentence"} with 4xx for what the caller can mend and 5xx
// for what it cannot.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "agent/admin_server.h"
#include "agent/core/target.h"
#include "agent/core/writes.h"
#include "agent/list_stream.h"
#include "agent/metrics_text.h"
#include "agent/rooms.h"
#include "agent/watch_stream.h"
#include "config/config_error.h"

namespace sixpn::agent {

// One request, understood: its target taken apart and its body an object ({} when there was none).
struct Call {
  Target target;
  boost::json::object body;

  // The text of a body member, or "" when absent. Errors: it is there and no string.
  [[nodiscard]] Result<std::string> text(const std::string& key) const;
  // Each from the body, or else from the query; "" when in neither. Errors: as text().
  using Places = std::initializer_list<std::pair<const char*, std::string*>>;
  [[nodiscard]] Result<void> read(Places places) const;
};

// Completes a call, once.
class Reply {
 public:
  explicit Reply(ApiResponder responder) : responder_(std::move(responder)) {}
  void ok(const boost::json::value& value) const;
  // A list of any length, between `head` and `tail` (list_stream.h).
  void list(std::string head, ListStream::Next next, std::string tail) const;
  void stream(std::shared_ptr<ApiStream> source) const;
  void text(std::string body, const char* content_type) const;
  void fail(const Error& error) const;
  void fail(const std::string& sentence, const config::ConfigErrors& details) const;

 private:
  ApiResponder responder_;
};

class AdminApi {
 public:
  explicit AdminApi(Rooms& rooms) : rooms_(rooms), watchers_(rooms.control) {}

  void answer(const ApiRequest& request, const ApiResponder& responder);
  // Every snapshot of the registry, for those who watch.
  void publish(const SnapshotPtr& snapshot) { watchers_.publish(snapshot); }

 private:
  struct Route;
  static const std::vector<Route>& routes();

  // admin_cluster.cc
  void get_status(const Call& call, Reply reply);
  void add_own_status(boost::json::object& status);
  // What an operator should look at.
  [[nodiscard]] std::vector<std::string> warnings(const MeshFacts& mesh,
                                                  const dns::Stats& dns) const;
  void get_plan(const Call& call, Reply reply);
  void get_dump(const Call& call, Reply reply);
  void get_held(const Call& call, Reply reply);
  void get_invite_material(const Call& call, Reply reply);
  // admin_dig.cc
  void get_dig(const Call& call, Reply reply);
  // `dig` with what the host's resolver says, once it does.
  void reply_foreign(boost::json::object dig, dns::ForeignQuestion question, Reply reply);
  // admin_flycast.cc
  void get_flycast(const Call& call, Reply reply);
  void explain_flycast(const Call& call, Reply reply);
  // admin_metrics.cc
  void get_metrics(const Call& call, Reply reply);
  void add_own_readings(const MeshFacts& mesh, bool each_host, AgentReadings& readings) const;
  // admin_hosts.cc
  void revoke_host(const Call& call, Reply reply);
  void renew_hosts(const Call& call, Reply reply);
  void rotate_key(const Call& call, Reply reply);
  void leave_cluster(const Call& call, Reply reply);
  // admin_certs.cc
  void get_certs(const Call& call, Reply reply);
  void get_cert_material(const Call& call, Reply reply);
  void add_certs(const Call& call, Reply reply);
  // admin_watch.cc
  void watch_registry(const Call& call, Reply reply);
  // admin_apps.cc
  void get_apps(const Call& call, Reply reply);
  void create_app(const Call& call, Reply reply);
  void destroy_app(const Call& call, Reply reply);
  void deploy(const Call& call, Reply reply);
  void get_ips(const Call& call, Reply reply);
  void allocate_ip(const Call& call, Reply reply);
  void release_ip(const Call& call, Reply reply);
  // admin_peers.cc
  void get_peers(const Call& call, Reply reply);
  void create_peer(const Call& call, Reply reply);
  void remove_peer(const Call& call, Reply reply);
  // admin_machines.cc
  void get_machines(const Call& call, Reply reply);
  void get_machine(const Call& call, Reply reply);
  void run_machine(const Call& call, Reply reply);
  void attach_machine(const Call& call, Reply reply);
  void stop_machine(const Call& call, Reply reply);
  void start_machine(const Call& call, Reply reply);
  void cordon_machine(const Call& call, Reply reply);
  void uncordon_machine(const Call& call, Reply reply);
  void suspend_machine(const Call& call, Reply reply);
  void destroy_machine(const Call& call, Reply reply);

  [[nodiscard]] const HostCertificate& certificate() const { return rooms_.identity.certificate; }
  // Writes, then replies with the app as it stands; or with the reason.
  void write_then_app(Result<std::vector<registry::LocalWrite>> writes, const AppName& name,
                      Reply reply);
  // Errors: no such app; the registry is full (kFull).
  Result<machine::Placement> placement_with_room(const Call& call) const;
  // The id in target.path[2], on this host. Errors: no such machine; it lives on another host
  // (which).
  Result<MachineId> local_machine(const Call& call) const;
  void reply_machine(MachineId id, Reply reply);
  // Called on the machine loop: answers on the control loop, with what the machine is then.
  machine::MachineService::Done tell_machine(MachineId id, Reply reply);
  void set_cordoned(const Call& call, Reply reply, bool cordoned);

  Rooms& rooms_;
  WatchHub watchers_;
};

// The signed statements of the body's list `statements`, each in base64.
Result<std::vector<std::string>> statements_of(const Call& call);

// The app a call means: {app} of the path, or `app` of the body; org and network from body or
// query.
Result<AppName> app_name(const Call& call);

}  // namespace sixpn::agent
