// The admin API's app, service and address calls.
#include <boost/json/array.hpp>

#include "agent/admin_api.h"
#include "agent/json_views.h"
#include "config/fly_toml.h"
#include "registry/core/address.h"

namespace sixpn::agent {

namespace json = boost::json;

namespace {

// The body's fly.toml, or nothing when there is none. On errors replies with all of them and
// returns false.
bool read_config(const Call& call, const Reply& reply, std::optional<AppSettings>& into) {
  auto text = call.text("config_toml");
  auto path = call.text("config_path");
  if (!text || !path) {
    reply.fail(text ? path.error() : text.error());
    return false;
  }
  if (text->empty()) return true;
  auto parsed = config::parse_fly_toml(*text, path->empty() ? "fly.toml" : *path);
  if (!parsed) {
    reply.fail("the configuration has mistakes; nothing was changed", parsed.errors());
    return false;
  }
  into = AppSettings{parsed->primary_region, parsed->services, parsed->checks};
  return true;
}

}  // namespace

void AdminApi::write_then_app(Result<std::vector<registry::LocalWrite>> writes, const AppName& name,
                              Reply reply) {
  if (!writes) return reply.fail(writes.error());
  rooms_.write(std::move(*writes), [this, name, reply](const Result<void>& written) {
    if (!written) return reply.fail(written.error());
    SnapshotPtr snapshot = rooms_.registry->snapshot();
    auto app = find_app(*snapshot, name);
    if (!app) return reply.fail(app.error());
    json::object out = app_json(*snapshot, **app);
    out["no_tls_because"] = rooms_.why_no_tls((*app)->app);
    reply.ok(std::move(out));
  });
}

void AdminApi::get_apps(const Call&, Reply reply) {
  reply.ok(apps_json(*rooms_.registry->snapshot()));
}

void AdminApi::create_app(const Call& call, Reply reply) {
  CreateApp request;
  auto name = call.text("name");
  auto org = call.text("org");
  auto network = call.text("network");
  for (const auto* text : {&name, &org, &network})
    if (!*text) return reply.fail(text->error());
  request.name = *name;
  request.org = *org;
  if (!network->empty()) request.network = *network;
  std::optional<AppSettings> config;
  if (!read_config(call, reply, config)) return;
  if (config) {
    request.primary_region = config->primary_region;
    request.services = config->services;
    request.checks = config->checks;
  }
  write_then_app(plan_create_app(*rooms_.registry->snapshot(), certificate(), request),
                 {request.name, request.org, request.network}, reply);
}

void AdminApi::destroy_app(const Call& call, Reply reply) {
  auto name = app_name(call);
  if (!name) return reply.fail(name.error());
  auto writes = plan_destroy_app(*rooms_.registry->snapshot(), certificate(), *name);
  if (!writes) return reply.fail(writes.error());
  rooms_.write(std::move(*writes), [reply](const Result<void>& written) {
    if (!written) return reply.fail(written.error());
    reply.ok(json::object{});
  });
}

void AdminApi::deploy(const Call& call, Reply reply) {
  auto name = app_name(call);
  if (!name) return reply.fail(name.error());
  std::optional<AppSettings> config;
  if (!read_config(call, reply, config)) return;
  if (!config) return reply.fail(Error("config_toml: the text of a fly.toml is needed", kInvalid));
  write_then_app(plan_deploy(*rooms_.registry->snapshot(), certificate(), *name, *config), *name,
                 reply);
}

void AdminApi::get_ips(const Call& call, Reply reply) {
  auto name = app_name(call);
  if (!name) return reply.fail(name.error());
  SnapshotPtr snapshot = rooms_.registry->snapshot();
  auto app = find_app(*snapshot, *name);
  if (!app) return reply.fail(app.error());
  json::array out;
  for (const Ip6& address : flycast_addresses(*snapshot, (*app)->app)) {
    const NetworkView* network = snapshot->find_network(network_of(address));
    out.push_back(json::object{{"address", to_string(address)},
                               {"type", "private_v6"},
                               {"app", (*app)->app.name},
                               {"network", network ? network->network.name : ""}});
  }
  reply.ok(out);
}

void AdminApi::allocate_ip(const Call& call, Reply reply) {
  auto name = app_name(call);
  if (!name) return reply.fail(name.error());
  auto type = call.text("type");
  if (!type) return reply.fail(type.error());
  if (*type != "private_v6")
    return reply.fail(
        Error("type: expected private_v6 (addresses are private here), found \"" + *type + "\"",
              kInvalid));
  // `network` is the network that may dial the address, not the app's own.
  std::string from = name->network;
  name->network.clear();
  auto planned = plan_allocate_flycast(*rooms_.registry->snapshot(), certificate(), *name, from);
  if (!planned) return reply.fail(planned.error());
  auto confirm = [this, reply, record = planned->record](const Result<void>& written) {
    if (!written) return reply.fail(written.error());
    const NetworkView* network =
        rooms_.registry->snapshot()->find_network(network_of(record.address));
    reply.ok(json::object{{"address", to_string(record.address)},
                          {"app", record.app},
                          {"network", network ? network->network.name : ""}});
  };
  if (planned->writes.empty()) return confirm({});
  rooms_.write(std::move(planned->writes), confirm);
}

void AdminApi::release_ip(const Call& call, Reply reply) {
  auto name = app_name(call);
  if (!name) return reply.fail(name.error());
  auto address = parse_ip6(call.target.path[4]);
  if (!address) return reply.fail(Error(call.target.path[4] + " is not an IPv6 address", kInvalid));
  auto writes = plan_release_flycast(*rooms_.registry->snapshot(), certificate(), *name, *address);
  if (!writes) return reply.fail(writes.error());
  rooms_.write(std::move(*writes), [reply](const Result<void>& written) {
    if (!written) return reply.fail(written.error());
    reply.ok(json::object{});
  });
}

}  // namespace sixpn::agent
