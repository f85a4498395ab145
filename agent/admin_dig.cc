// The admin API's dig: what DNS says to a machine, a peer or the host itself, and why. Own names
// are answered from the registry here, by the same code as packets are, and nothing is sent; a
// foreign one is asked of this host's forwarder.
#include <algorithm>
#include <boost/json/array.hpp>
#include <utility>

#include "agent/admin_api.h"
#include "base/io/clock.h"
#include "base/rng.h"
#include "dns/core/explain.h"
#include "dns/core/message_text.h"
#include "dns/core/render.h"
#include "registry/core/address.h"
#include "registry/core/keys.h"

namespace sixpn::agent {

namespace json = boost::json;

namespace {

// Who asks, and where.
struct Asker {
  const NetworkView* network = nullptr;
  dns::Viewer viewer;
  std::string text;  // "machine 148e21dad76789 of web"
};

struct Dig {
  Asker asker;
  dns::Explanation said;
};

// The networks that a question may be about: the one named, or all of the org, or all.
std::vector<const NetworkView*> candidates(const Snapshot& snapshot, const Target& target) {
  std::vector<const NetworkView*> out;
  for (const auto& [id, view] : snapshot.networks) {
    const NetworkRecord& network = view->network;
    if (!target.get("org").empty() && network.org != target.get("org")) continue;
    if (!target.get("network").empty() && network.name != target.get("network")) continue;
    out.push_back(view.get());
  }
  return out;
}

// As the resolver of the asker's own host sees it, as far as this host knows: round trips are ours.
dns::Viewer viewer_on(const Snapshot& snapshot, HostId host, const Ip6& source) {
  const HostView* view = snapshot.find_host(host);
  return {{host, view != nullptr ? view->record.region : ""}, source};
}

Asker as_host(const Snapshot& snapshot, const NetworkView& network) {
  auto source = proxy_address(network.network.id, snapshot.self);
  return {&network, viewer_on(snapshot, snapshot.self, source), "the operator of this host"};
}

// The machine (by id or address) or peer (by name or address) that `as` means in one network.
std::optional<Asker> as_client(const Snapshot& snapshot, const NetworkView& network,
                               const std::string& as) {
  auto ip = parse_ip6(as);
  auto id = parse_machine_id(as);
  const MachineRecord* machine = nullptr;
  if (auto found = id ? network.machines.find(*id) : network.machines.end();
      found != network.machines.end())
    machine = found->second.get();
  if (auto found = ip ? network.machines_by_address.find(*ip) : network.machines_by_address.end();
      found != network.machines_by_address.end())
    machine = found->second.get();
  if (machine != nullptr)
    return Asker{&network, viewer_on(snapshot, machine->host, machine->address),
                 "machine " + to_string(machine->id) + " of " + machine->app};
  for (const auto& [name, peer] : network.peers)
    if (name == as || peer.address == ip)
      return Asker{&network, viewer_on(snapshot, peer.gateway, peer.address), "peer " + name};
  return std::nullopt;
}

std::string name_of(const NetworkRecord& network) {
  return network.org + "/" + network.name;
}

// Errors: no such network; nobody of that name, or several.
Result<std::vector<Asker>> askers(const Snapshot& snapshot, const Target& target) {
  auto networks = candidates(snapshot, target);
  if (networks.empty())
    return Error("there is no such network; `sixpn status` shows those that exist", kNotFound);
  std::string as = target.get("as");
  std::vector<Asker> out;
  for (const NetworkView* network : networks) {
    if (as.empty()) out.push_back(as_host(snapshot, *network));
    if (auto client = as.empty() ? std::nullopt : as_client(snapshot, *network, as))
      out.push_back(std::move(*client));
  }
  if (as.empty()) return out;
  if (out.size() > 1)
    return Error("several networks have a peer " + as + " (" + name_of(out[0].network->network) +
                     ", " + name_of(out[1].network->network) +
                     "): say which with --org and --network",
                 kInvalid);
  if (!out.empty()) return out;
  for (const NetworkView* network : networks)
    if (auto refused = refuse_unheld(snapshot, network->network.id, "asking as " + as))
      return *refused;
  return Error("there is no machine or peer '" + as +
                   "' there: give a machine's id, a peer's name or the address of either",
               kNotFound);
}

// What the digs say is the same, wherever it was asked: names of the cluster, not of a network, and
// foreign ones that are forwarded to the same.
bool all_alike(const std::vector<Dig>& digs) {
  for (const auto& dig : digs)
    if (dig.said.rcode != digs[0].said.rcode || dig.said.answers != digs[0].said.answers ||
        dig.said.authority != digs[0].said.authority || dig.said.note != digs[0].said.note)
      return false;
  return true;
}

json::array lines_json(const std::vector<std::string>& lines) {
  json::array out;
  for (const auto& line : lines) out.emplace_back(line);
  return out;
}

json::object dig_json(const Snapshot& snapshot, const Dig& dig) {
  const auto& said = dig.said;
  const NetworkRecord& network = dig.asker.network->network;
  const auto& vantage = dig.asker.viewer.vantage;
  const HostView* host = snapshot.find_host(vantage.self);
  return {{"name", said.name},
          {"type", said.type},
          {"rcode", said.rcode},
          {"authoritative", said.authoritative},
          {"answers", lines_json(said.answers)},
          {"authority", lines_json(said.authority)},
          {"additional", lines_json(said.additional)},
          {"note", said.note},
          {"forwarded", said.forwarded},
          {"org", network.org},
          {"network", network.name},
          {"network_id", to_string(network.id)},
          {"generation", said.generation},
          {"network_generation", said.network_generation},
          {"as", dig.asker.text},
          {"source", to_string(dig.asker.viewer.source)},
          {"host", host != nullptr ? host->record.name : to_string(vantage.self)},
          {"region", vantage.region},
          {"elsewhere", vantage.self != snapshot.self},
          {"rule", said.rule},
          {"behind", lines_json(said.behind)},
          {"bytes", said.bytes},
          {"answers_in_512", said.answers_in_512},
          {"answers_in_1232", said.answers_in_1232}};
}

constexpr int kBadGateway = 502;

dns::ForeignQuestion foreign_question(const Dig& dig) {
  return {dns::Name::from_text(dig.said.name).value_or(dns::Name()),
          dns::parse_rr_type(dig.said.type).value_or(dns::kTypeAaaa), dig.asker.viewer.source,
          dig.asker.network->network};
}

void add_reply(json::object& dig, const dns::MessageText& said) {
  dig["authoritative"] = std::find(said.flags.begin(), said.flags.end(), "aa") != said.flags.end();
  dig["rcode"] = said.rcode;
  dig["flags"] = lines_json(said.flags);
  dig["extended_errors"] = lines_json(said.extended_errors);
  dig["answers"] = lines_json(said.answers);
  dig["authority"] = lines_json(said.authority);
  dig["additional"] = lines_json(said.additional);
}

}  // namespace

// The connection waits meanwhile, or is gone by then: then nobody reads it.
void AdminApi::reply_foreign(json::object dig, dns::ForeignQuestion question, Reply reply) {
  auto asked = monotonic_now();
  rooms_.ask_foreign(std::move(question), [dig = std::move(dig), asked, reply = std::move(reply)](
                                              const dns::ForeignReply& came) mutable {
    auto said = dns::describe_message(came.message);
    if (!said)
      return reply.fail(
          Error("upstream's answer cannot be shown: " + said.error().message, kBadGateway));
    add_reply(dig, *said);
    dig["bytes"] = came.message.size();
    dig["kept"] = came.is_kept;
    dig["refused"] = came.is_refused;
    dig["took_us"] =
        std::chrono::duration_cast<std::chrono::microseconds>(monotonic_now() - asked).count();
    json::array servers;
    for (const auto& server : came.servers) servers.emplace_back(to_string(server));
    dig["servers"] = std::move(servers);
    reply.ok(dig);
  });
}

// Without a network the name is asked in each, and the one that knows it answers.
void AdminApi::get_dig(const Call& call, Reply reply) {
  SnapshotPtr snapshot = rooms_.registry->snapshot();
  auto asking = askers(*snapshot, call.target);
  if (!asking) return reply.fail(asking.error());
  std::string name = call.target.get("name");
  std::string type = call.target.get("type").empty() ? "AAAA" : call.target.get("type");
  Rng rng(random_u64());
  std::vector<Dig> all;
  std::vector<Dig> knowing;
  for (Asker& asker : *asking) {
    NetworkId network = asker.network->network.id;
    auto said =
        dns::explain(*snapshot, network, asker.viewer, name, type, rng, &rooms_.forward_rules);
    if (!said) return reply.fail(said.error());
    all.push_back({std::move(asker), std::move(*said)});
    if (all.back().said.rcode != "NXDOMAIN" && snapshot->holds(network))
      knowing.push_back(all.back());
  }
  if (knowing.empty() && all.size() > 1)
    for (const Dig& dig : all)
      if (auto refused = refuse_unheld(*snapshot, dig.asker.network->network.id,
                                       "asking every network for " + name))
        return reply.fail(*refused);
  // Unknown everywhere: any network's NXDOMAIN says so.
  const std::vector<Dig>& digs = knowing.empty() ? all : knowing;
  if (knowing.size() > 1 && !all_alike(knowing)) {
    std::string networks;
    for (const Dig& dig : knowing)
      networks += (networks.empty() ? "" : ", ") + name_of(dig.asker.network->network);
    return reply.fail(Error(
        "several networks know " + name + " (" + networks + "): say which with --org and --network",
        kInvalid));
  }
  const Dig& dig = digs.front();
  bool own_only = call.target.get("own") == "1";
  if (!dig.said.forwarded || own_only) return reply.ok(dig_json(*snapshot, dig));
  reply_foreign(dig_json(*snapshot, dig), foreign_question(dig), std::move(reply));
}

}  // namespace sixpn::agent
