#include "agent/admin_api.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

namespace sixpn::agent {

namespace json = boost::json;

namespace {

// Errors of the planners carry an HTTP status, those of the system an errno; the rest is the
// caller's.
unsigned http_status(const Error& error) {
  if (error.code >= 400 && error.code < 600) return static_cast<unsigned>(error.code);
  return error.code == 0 ? 400 : 500;
}

// A list that is longer is a stream.
constexpr std::size_t kMostAtOnce = 256 * 1024;

Result<json::object> parse_body(const std::string& body) {
  if (body.empty()) return json::object();
  boost::system::error_code failed;
  json::parse_options strict;
  strict.max_depth = 16;
  json::value value = json::parse(body, failed, {}, strict);
  if (failed) return Error("the request body is not JSON: " + failed.message(), 400);
  if (!value.is_object()) return Error("the request body is not a JSON object", 400);
  return std::move(value.as_object());
}

}  // namespace

Result<std::string> Call::text(const std::string& key) const {
  const json::value* found = body.if_contains(key);
  if (found == nullptr || found->is_null()) return std::string();
  if (!found->is_string()) return Error(key + ": expected a string", 400);
  return std::string(found->as_string());
}

Result<void> Call::read(Places places) const {
  for (const auto& [key, place] : places) {
    auto said = text(key);
    if (!said) return std::move(said).error();
    *place = said->empty() ? target.get(key) : *said;
  }
  return {};
}

void Reply::ok(const json::value& value) const {
  responder_({200, json::serialize(value)});
}

void Reply::list(std::string head, ListStream::Next next, std::string tail) const {
  auto source = std::make_shared<ListStream>(std::move(head), std::move(next), std::move(tail));
  ApiReply reply;
  reply.body = source->next(kMostAtOnce);
  if (!source->ended()) reply.stream = std::move(source);
  responder_(std::move(reply));
}

void Reply::stream(std::shared_ptr<ApiStream> source) const {
  ApiReply reply;
  reply.stream = std::move(source);
  reply.content_type = "application/x-ndjson";
  responder_(std::move(reply));
}

void Reply::text(std::string body, const char* content_type) const {
  ApiReply reply;
  reply.body = std::move(body);
  reply.content_type = content_type;
  responder_(std::move(reply));
}

void Reply::fail(const Error& error) const {
  responder_({http_status(error), json::serialize(json::object{{"error", error.message}})});
}

void Reply::fail(const std::string& sentence, const config::ConfigErrors& details) const {
  json::array lines;
  for (const auto& detail : details) lines.emplace_back(config::to_string(detail));
  responder_(
      {400, json::serialize(json::object{{"error", sentence}, {"details", std::move(lines)}})});
}

struct AdminApi::Route {
  std::string_view method;
  std::string_view pattern;
  void (AdminApi::*answer)(const Call&, Reply);
};

const std::vector<AdminApi::Route>& AdminApi::routes() {
  static const std::vector<Route> kRoutes = {
      {"GET", "v1/status", &AdminApi::get_status},
      {"GET", "v1/dig", &AdminApi::get_dig},
      {"GET", "v1/flycast", &AdminApi::get_flycast},
      {"GET", "v1/flycast/explain", &AdminApi::explain_flycast},
      {"GET", "v1/metrics", &AdminApi::get_metrics},
      {"GET", "v1/mesh/plan", &AdminApi::get_plan},
      {"GET", "v1/registry/dump", &AdminApi::get_dump},
      {"GET", "v1/registry/held", &AdminApi::get_held},
      {"GET", "v1/registry/watch", &AdminApi::watch_registry},
      {"GET", "v1/invite-material", &AdminApi::get_invite_material},
      {"POST", "v1/revocations", &AdminApi::revoke_host},
      {"POST", "v1/renewals", &AdminApi::renew_hosts},
      {"GET", "v1/certs", &AdminApi::get_certs},
      {"GET", "v1/certs/material", &AdminApi::get_cert_material},
      {"POST", "v1/certs", &AdminApi::add_certs},
      {"POST", "v1/host/rotate-key", &AdminApi::rotate_key},
      {"POST", "v1/leave", &AdminApi::leave_cluster},
      {"GET", "v1/apps", &AdminApi::get_apps},
      {"POST", "v1/apps", &AdminApi::create_app},
      {"DELETE", "v1/apps/*", &AdminApi::destroy_app},
      {"POST", "v1/apps/*/deploy", &AdminApi::deploy},
      {"GET", "v1/apps/*/ips", &AdminApi::get_ips},
      {"POST", "v1/apps/*/ips", &AdminApi::allocate_ip},
      {"DELETE", "v1/apps/*/ips/*", &AdminApi::release_ip},
      {"GET", "v1/peers", &AdminApi::get_peers},
      {"POST", "v1/peers", &AdminApi::create_peer},
      {"DELETE", "v1/peers/*", &AdminApi::remove_peer},
      {"GET", "v1/machines", &AdminApi::get_machines},
      {"POST", "v1/machines", &AdminApi::run_machine},
      {"POST", "v1/machines/attach", &AdminApi::attach_machine},
      {"GET", "v1/machines/*", &AdminApi::get_machine},
      {"DELETE", "v1/machines/*", &AdminApi::destroy_machine},
      {"POST", "v1/machines/*/stop", &AdminApi::stop_machine},
      {"POST", "v1/machines/*/start", &AdminApi::start_machine},
      {"POST", "v1/machines/*/cordon", &AdminApi::cordon_machine},
      {"POST", "v1/machines/*/uncordon", &AdminApi::uncordon_machine},
      {"POST", "v1/machines/*/suspend", &AdminApi::suspend_machine},
  };
  return kRoutes;
}

void AdminApi::answer(const ApiRequest& request, const ApiResponder& responder) {
  Reply reply(responder);
  auto target = parse_target(request.target);
  if (!target) return reply.fail(target.error());
  auto body = parse_body(request.body);
  if (!body) return reply.fail(body.error());
  bool path_known = false;
  for (const Route& route : routes()) {
    if (!matches(target->path, route.pattern)) continue;
    path_known = true;
    if (route.method != request.method) continue;
    Call call{std::move(*target), std::move(*body)};
    return (this->*route.answer)(call, reply);
  }
  if (path_known)
    return reply.fail(Error(request.method + " is not possible on " + request.target, 405));
  reply.fail(Error("there is no " + request.target, kNotFound));
}

Result<AppName> app_name(const Call& call) {
  AppName name;
  bool in_path = call.target.path.size() > 2 && call.target.path[1] == "apps";
  auto read = call.read({{"app", &name.app}, {"org", &name.org}, {"network", &name.network}});
  if (!read) return std::move(read).error();
  if (in_path) name.app = call.target.path[2];
  if (name.app.empty()) return Error("app: which app is meant?", kInvalid);
  return name;
}

}  // namespace sixpn::agent
