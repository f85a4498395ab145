// The admin API's machine calls. Machines of other hosts can be seen from every host, and commanded
// only on their own.
#include <boost/json/array.hpp>

#include "agent/admin_api.h"
#include "agent/json_views.h"

namespace sixpn::agent {

namespace json = boost::json;

namespace {

const MachineRecord* find_machine(const Snapshot& snapshot, MachineId id) {
  for (const auto& [network, view] : snapshot.networks) {
    auto found = view->machines.find(id);
    if (found != view->machines.end()) return found->second.get();
  }
  return nullptr;
}

Result<MachineId> id_in_path(const Call& call) {
  auto id = parse_machine_id(call.target.path[2]);
  if (id) return *id;
  return Error("\"" + call.target.path[2] + "\" is no machine id: expected 14 hexadecimal digits",
               kInvalid);
}

Error no_machine(const Snapshot& snapshot, MachineId id) {
  std::string where = snapshot.held.all
                          ? " does not exist; `sixpn machine list` shows those that do"
                          : " does not exist, or is of a network that this host does not hold "
                            "(`sixpn status` shows which it holds)";
  return Error("machine " + to_string(id) + where, kNotFound);
}

// A body member that maps names to strings, such as metadata.
Result<std::map<std::string, std::string>> string_map(const Call& call, const char* key) {
  std::map<std::string, std::string> out;
  const json::value* found = call.body.if_contains(key);
  if (found == nullptr || found->is_null()) return out;
  if (!found->is_object())
    return Error(std::string(key) + ": expected an object of strings", kInvalid);
  for (const auto& member : found->as_object()) {
    if (!member.value().is_string())
      return Error(std::string(key) + "." + std::string(member.key()) + ": expected a string",
                   kInvalid);
    out[std::string(member.key())] = std::string(member.value().as_string());
  }
  return out;
}

Result<std::vector<std::string>> string_list(const Call& call, const char* key) {
  std::vector<std::string> out;
  const json::value* found = call.body.if_contains(key);
  if (found == nullptr || !found->is_array())
    return Error(std::string(key) + ": expected a list of strings", kInvalid);
  for (const auto& item : found->as_array()) {
    if (!item.is_string())
      return Error(std::string(key) + ": expected a list of strings", kInvalid);
    out.emplace_back(item.as_string());
  }
  return out;
}

// The body's dns.skip_registration, as Fly's config.dns has it (fly.md 2.6): the machine gets no
// names.
Result<bool> skips_registration(const Call& call) {
  const json::value* dns = call.body.if_contains("dns");
  if (dns == nullptr || dns->is_null()) return false;
  if (!dns->is_object()) return Error("dns: expected an object", kInvalid);
  bool skips = false;
  for (const auto& member : dns->as_object()) {
    std::string name = "dns." + std::string(member.key());
    if (name != "dns.skip_registration") return Error(name + ": not known here", kInvalid);
    if (!member.value().is_bool()) return Error(name + ": expected true or false", kInvalid);
    skips = member.value().as_bool();
  }
  return skips;
}

// Where the new machine belongs, from the app it names.
Result<machine::Placement> placement(const Snapshot& snapshot, const HostCertificate& self,
                                     const Call& call) {
  auto name = app_name(call);
  if (!name) return name.error();
  auto app = find_app(snapshot, *name);
  if (!app) return app.error();
  const AppRecord& record = (*app)->app;
  if (!self.invite.allows_org(record.org))
    return Error("host " + self.invite.name + " is not allowed to run machines of organisation " +
                     record.org,
                 kForbidden);
  auto group = call.text("group");
  if (!group) return group.error();
  auto metadata = string_map(call, "metadata");
  if (!metadata) return metadata.error();
  auto skip_dns = skips_registration(call);
  if (!skip_dns) return skip_dns.error();
  machine::Placement out;
  out.app = record.name;
  out.org = record.org;
  out.network = record.network;
  out.network_name = snapshot.find_network(record.network)->network.name;
  out.primary_region = record.primary_region;
  out.metadata = std::move(*metadata);
  out.skip_dns = *skip_dns;
  machine::settle_group(*group, out);
  return out;
}

}  // namespace

// Asked for one app, this host says it when it does not know all its machines; asked for all, it
// gives those it has (GET /v1/registry/held says what is missing).
void AdminApi::get_machines(const Call& call, Reply reply) {
  std::string app = call.target.get("app");
  std::string org = call.target.get("org");
  const auto now = rooms_.registry->snapshot();
  for (const auto& [id, view] : now->networks) {
    bool meant = view->apps.contains(app) && (org.empty() || view->network.org == org);
    if (!meant) continue;
    if (auto refused = refuse_unheld(*now, id, "the machines of app " + app))
      return reply.fail(*refused);
  }
  rooms_.list_machines([this, reply, app, org](const std::vector<machine::LocalMachine>& local) {
    reply.list("[", list_machines(rooms_.registry->snapshot(), facts_by_id(local), app, org), "]");
  });
}

void AdminApi::reply_machine(MachineId id, Reply reply) {
  rooms_.list_machines([this, reply, id](const std::vector<machine::LocalMachine>& local) {
    SnapshotPtr snapshot = rooms_.registry->snapshot();
    const MachineRecord* machine = find_machine(*snapshot, id);
    if (machine == nullptr) return reply.fail(no_machine(*snapshot, id));
    auto facts = facts_by_id(local);
    auto own = facts.find(id);
    reply.ok(machine_json(*snapshot, *machine, own == facts.end() ? nullptr : &own->second));
  });
}

void AdminApi::get_machine(const Call& call, Reply reply) {
  auto id = id_in_path(call);
  if (!id) return reply.fail(id.error());
  reply_machine(*id, reply);
}

// Where a machine is to live. What the registry cannot name is not begun: it could be neither found
// nor stopped.
Result<machine::Placement> AdminApi::placement_with_room(const Call& call) const {
  if (auto room = rooms_.registry->check_room(); !room) return Error(room.error().message, kFull);
  return placement(*rooms_.registry->snapshot(), certificate(), call);
}

void AdminApi::run_machine(const Call& call, Reply reply) {
  auto where = placement_with_room(call);
  if (!where) return reply.fail(where.error());
  machine::RunRequest request;
  request.placement = std::move(*where);
  auto command = string_list(call, "command");
  if (!command) return reply.fail(command.error());
  request.process.command = std::move(*command);
  auto env = string_map(call, "env");
  if (!env) return reply.fail(env.error());
  request.process.env = std::move(*env);
  rooms_.machine_loop.post([this, reply, request = std::move(request)]() mutable {
    rooms_.machines->run(std::move(request), [this, reply](Result<MachineRecord> made) {
      rooms_.control.post([this, reply, made = std::move(made)] {
        if (!made) return reply.fail(made.error());
        reply_machine(made->id, reply);
      });
    });
  });
}

void AdminApi::attach_machine(const Call& call, Reply reply) {
  auto where = placement_with_room(call);
  if (!where) return reply.fail(where.error());
  auto netns = call.text("netns");
  if (!netns) return reply.fail(netns.error());
  machine::AttachRequest request{std::move(*where), std::move(*netns)};
  rooms_.machine_loop.post([this, reply, request = std::move(request)]() mutable {
    rooms_.machines->attach(std::move(request), [this, reply](Result<MachineRecord> made) {
      rooms_.control.post([this, reply, made = std::move(made)] {
        if (!made) return reply.fail(made.error());
        reply_machine(made->id, reply);
      });
    });
  });
}

Result<MachineId> AdminApi::local_machine(const Call& call) const {
  auto id = id_in_path(call);
  if (!id) return id.error();
  SnapshotPtr snapshot = rooms_.registry->snapshot();
  const MachineRecord* machine = find_machine(*snapshot, *id);
  if (machine == nullptr) return no_machine(*snapshot, *id);
  if (machine->host == snapshot->self) return *id;
  const HostView* host = snapshot->find_host(machine->host);
  std::string name = host ? host->record.name : to_string(machine->host);
  return Error("machine " + to_string(*id) + " lives on host " + name + " (" + machine->region +
                   "): run this command there",
               kTaken);
}

void AdminApi::stop_machine(const Call& call, Reply reply) {
  auto id = local_machine(call);
  if (!id) return reply.fail(id.error());
  auto signal = call.text("signal");
  if (!signal) return reply.fail(signal.error());
  std::optional<std::string> wanted_signal;
  if (!signal->empty()) wanted_signal = *signal;
  std::optional<Duration> timeout;
  if (const json::value* seconds = call.body.if_contains("timeout_s");
      seconds != nullptr && !seconds->is_null()) {
    // The conversion refuses fractions; the machine room checks the range.
    boost::system::error_code failed;
    auto count = seconds->to_number<std::int32_t>(failed);
    if (failed) return reply.fail(Error("timeout_s: expected a whole number of seconds", kInvalid));
    timeout = std::chrono::seconds(count);
  }
  rooms_.machine_loop.post([this, reply, machine = *id, wanted_signal, timeout] {
    rooms_.machines->stop(machine, wanted_signal, timeout, tell_machine(machine, reply));
  });
}

void AdminApi::start_machine(const Call& call, Reply reply) {
  auto id = local_machine(call);
  if (!id) return reply.fail(id.error());
  rooms_.machine_loop.post([this, reply, machine = *id] {
    rooms_.machines->start(machine, tell_machine(machine, reply));
  });
}

void AdminApi::cordon_machine(const Call& call, Reply reply) {
  set_cordoned(call, std::move(reply), true);
}

void AdminApi::uncordon_machine(const Call& call, Reply reply) {
  set_cordoned(call, std::move(reply), false);
}

void AdminApi::set_cordoned(const Call& call, Reply reply, bool cordoned) {
  auto id = local_machine(call);
  if (!id) return reply.fail(id.error());
  rooms_.machine_loop.post([this, reply, machine = *id, cordoned] {
    rooms_.machines->set_cordoned(machine, cordoned, tell_machine(machine, reply));
  });
}

machine::MachineService::Done AdminApi::tell_machine(MachineId machine, Reply reply) {
  return [this, reply = std::move(reply), machine](Result<void> done) {
    rooms_.control.post([this, reply, machine, done = std::move(done)] {
      if (!done) return reply.fail(done.error());
      reply_machine(machine, reply);
    });
  };
}

void AdminApi::suspend_machine(const Call& call, Reply reply) {
  auto id = local_machine(call);
  if (!id) return reply.fail(id.error());
  rooms_.machine_loop.post([this, reply, machine = *id] {
    rooms_.machines->suspend(machine, tell_machine(machine, reply));
  });
}

void AdminApi::destroy_machine(const Call& call, Reply reply) {
  auto id = local_machine(call);
  if (!id) return reply.fail(id.error());
  bool force = call.target.get("force") == "1";
  rooms_.machine_loop.post([this, reply, machine = *id, force] {
    rooms_.machines->destroy(machine, force, [this, reply](Result<void> done) {
      rooms_.control.post([reply, done = std::move(done)] {
        if (!done) return reply.fail(done.error());
        reply.ok(json::object{});
      });
    });
  });
}

}  // namespace sixpn::agent
